"""The mails about access that ends by itself, word by word."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from portal import access
from portal.access import AccessRequest
from portal.accounts import RoleName, User
from portal.db import db, transaction
from tests.service.mail.test_texts import golden
from tests.support.builders import make_app, make_plan, make_product, make_user
from tests.support.ends import MONDAY, hold, keep_time, mails

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def asked(clock) -> AccessRequest:
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    plan = make_plan("Gold", auto_approve=True, credential_lifetime_days=60)
    products = [make_product(name, plans=[plan]) for name in ("Payments API", "Weather API")]
    return hold(None, *products, plan=plan, owner=grace, app=make_app(grace, "Route <planner>"))


def known(asked: AccessRequest) -> dict[str, object]:
    return {
        "client_id": asked.credential.client_id,
        "renewal": f"/apps/{asked.app_id}/credentials/{asked.credential_id}",
    }


def test_C75_a_notice_says_what_ends_when_and_leads_to_the_renewal(clock, asked):
    clock.shift(timedelta(days=53))
    keep_time()

    (message,) = mails("access_ending")
    assert message.recipient == "grace@acme.example"
    golden(message, **known(asked))


def test_a_notice_about_what_is_asked_for_already_says_so(clock, asked):
    clock.shift(timedelta(days=40))
    with transaction():
        asked.plan.auto_approve = False
        request = access.renew(asked.credential, by=asked.requester, days=(30, 14, 7, 1))
    clock.shift(timedelta(days=13))
    keep_time()

    text = mails("access_ending")[-1].payload["text"]
    assert f"Your request {request.number} about it is being decided." in text
    assert f"http://localhost/requests/{request.number}" in text
    assert "renew it" not in text


def test_C106_where_the_owner_s_account_is_closed_administrators_are_told(clock, asked):
    root = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        db.session.get(User, asked.requester_id).active = False
    clock.shift(timedelta(days=53))
    keep_time()

    (message,) = mails("access_ending")
    assert message.recipient == root.email
    text = " ".join(message.payload["text"].split())
    assert "The account of its owner, Grace Hopper, is closed, so the app gets no token already." in text
    assert f"http://localhost/admin/apps/{asked.app_id}/transfer" in text
    assert "renew it" not in text


def test_after_the_end_a_mail_says_so_and_how_to_ask_again(clock, asked):
    clock.shift(timedelta(days=60))
    keep_time()
    keep_time()

    (message,) = mails("access_ended")
    assert message.recipient == "grace@acme.example"
    golden(message, **known(asked))


def test_what_was_renewed_or_revoked_has_not_ended_by_itself(clock, asked):
    clock.shift(timedelta(days=40))
    with transaction():
        access.renew(asked.credential, by=asked.requester, days=(30, 14, 7, 1))
    clock.shift(timedelta(days=21))
    keep_time()
    assert mails("access_ended") == []
    with transaction():
        access.revoke_credential(asked.credential, by=asked.requester, reason="Not needed.")
    clock.shift(timedelta(days=90))
    keep_time()
    assert mails("access_ended") == []
