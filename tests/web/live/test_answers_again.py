"""Renewals and other plans begin with what was answered before: with its day, and without what has become too old."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from portal import access, credentials, forms
from portal.access import AccessRequest, RequestKind
from portal.accounts import RoleName, User
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_user
from tests.support.ends import MONDAY, hold

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [
    {"key": "title", "label": "Title", "required": True, "max_length": 100},
    {"key": "readers", "label": "Who reads secrets", "max_length": 100, "again": True, "needed_by": ["security"]},
]


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def owner() -> User:
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def held(clock, owner) -> AccessRequest:
    """Access for 380 days, for which the form was answered at its beginning."""
    plan, gold = make_plan("Silver", credential_lifetime_days=380), make_plan("Gold")
    product = make_product(plans=[plan, gold], owners=[owner])
    asked = hold(None, product, plan=plan)
    with transaction():
        form = forms.create_form("Questions", FIELDS, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
        asked.answers, asked.form_ids = {"title": "Prices", "readers": "Two of us"}, [form.id]
        access.approve(asked, by=owner)
        credentials.reveal(asked.credential, by=asked.requester)
    return asked


def path_of(asked: AccessRequest, what: str) -> str:
    return f"/apps/{asked.app_id}/credentials/{asked.credential_id}/{what}"


def newest(kind: RequestKind) -> AccessRequest:
    db.session.rollback()
    return db.session.query(AccessRequest).filter_by(kind=kind).one()


def test_a_renewal_says_since_when_an_answer_stands_and_keeps_its_day(browser, held, clock):
    clock.shift(timedelta(days=360))

    page = browser(held.requester).get(path_of(held, "renew"))

    assert f"Answered 2 Nov 2026 in {held.number} and used again." in page.text("#earlier-answers")
    assert "Questions of the security review" in page.text("#earlier-answers")
    page.press("Request renewal")
    assert newest(RequestKind.RENEWAL).answer_origins == {"readers": {"on": "2026-11-02", "in": held.number}}


def test_a_renewal_asks_anew_what_was_answered_too_long_ago(browser, held, clock):
    clock.shift(timedelta(days=366))

    page = browser(held.requester).get(path_of(held, "renew"))

    assert page.texts("#new-questions label") == ["Who reads secrets"]
    assert not page.field("Who reads secrets").get("value")
    page.press("Request renewal", **{"Who reads secrets": "Two of us"})
    assert newest(RequestKind.RENEWAL).answer_origins == {"readers": {"on": "2027-11-03"}}


def test_a_renewal_that_was_opened_on_the_last_day_is_shown_once_more(browser, held, clock):
    clock.shift(timedelta(days=365, hours=14, minutes=50))
    page = browser(held.requester).get(path_of(held, "renew"))
    clock.shift(timedelta(minutes=20))

    again = page.press("Request renewal")

    assert again.status == 422
    assert "has become too old" in again.text(".error-summary")
    assert again.texts("#new-questions label") == ["Who reads secrets"]
    again.press("Request renewal")
    assert newest(RequestKind.RENEWAL).answers == {"title": "Prices"}


def test_another_plan_keeps_the_day_too(browser, held, clock):
    clock.shift(timedelta(days=10))
    here = browser(held.requester)

    page = here.get(path_of(held, "plan"))

    assert f"Answered 2 Nov 2026 in {held.number} and used again." in page.text("#answer-readers-again")
    page.press("Ask for Gold")
    assert newest(RequestKind.PLAN_CHANGE).answer_origins == {"readers": {"on": "2026-11-02", "in": held.number}}
