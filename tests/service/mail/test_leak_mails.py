"""The mail about a secret that was found in public."""

from datetime import UTC, datetime

import pytest
import time_machine

from portal import credentials, lifecycle
from portal.accounts import RoleName
from portal.db import transaction
from portal.lifecycle import Find
from tests.service.mail.test_texts import golden, mails
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_what_the_owner_reads():
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    make_user(RoleName.SECURITY_REVIEWER, email="ada@portico.example", name="Ada Lovelace")
    plan = make_plan("Gold", auto_approve=True)
    product = make_product("Payments API", plans=[plan])
    request = make_request(grace, product, plan=plan, app=make_app(grace, "Route <planner>"))
    with transaction():
        revealed = credentials.reveal(request.credential, by=grace)
    with transaction():
        lifecycle.take_reports([Find(revealed.secret, "https://code.example.com/acme/.env")], reporter="GitHub")

    own, theirs = mails("leaked")

    assert (own.recipient, theirs.recipient) == ("grace@acme.example", "ada@portico.example")
    golden(own, path=f"/apps/{request.app_id}", client_id=revealed.client_id)
    assert "Look whether anybody has used it" in theirs.payload["text"]
    assert mails("revoked") == []


def test_what_the_person_of_a_token_reads():
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    with time_machine.travel(datetime(2026, 11, 16, 9, tzinfo=UTC), tick=False):
        with transaction():
            made = credentials.make_personal_token("Build <server>", days=30, by=grace)
        token = credentials.find_personal_token(made.token)
        with transaction():
            credentials.note_personal_use(token)
        with transaction():
            lifecycle.take_reports([Find(made.token, "https://code.example.com/acme/.env")], reporter="GitHub")

    (mail,) = mails("token_leaked")

    assert mail.recipient == "grace@acme.example"
    golden(mail)
