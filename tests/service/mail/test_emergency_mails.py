"""The mails of an emergency: everybody at once, its author too, and what the review led to."""

from datetime import UTC, datetime

import pytest
import time_machine

from portal import access
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.catalog import offers_of
from portal.db import db, transaction
from portal.events import OutboxMessage
from tests.service.mail.test_texts import golden, mails, the_mail
from tests.support.builders import make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
NIGHT = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def night():
    with time_machine.travel(NIGHT, tick=False):
        yield


@pytest.fixture
def administrator():
    return make_user(RoleName.ADMINISTRATOR, email="root@portico.example", name="Katherine Johnson")


@pytest.fixture
def reviewer():
    return make_user(RoleName.SECURITY_REVIEWER, email="ada@portico.example", name="Ada Lovelace")


@pytest.fixture
def asked(administrator, reviewer) -> AccessRequest:
    owner = make_user(RoleName.API_OWNER, email="owner@portico.example", name="Mary Jackson")
    make_user(RoleName.API_OWNER, email="other-owner@portico.example")
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    product = make_product("Payments API", plans=[make_plan("Gold")], owners=[owner])
    product.scopes = [{"name": "payments:read", "description": ""}, {"name": "payments:write", "description": ""}]
    db.session.commit()
    plan = offers_of(product)[0].plan
    app = make_app(grace, "Route <planner>")
    with transaction():
        envelope = access.set_envelope(
            access.EnvelopeTerms(
                name="Payments at night",
                product=product,
                plan=plan,
                scopes=["payments:read"],
                most_minutes=60,
                people=[grace],
            ),
            by=administrator,
        )
    with transaction():
        return access.break_glass(
            envelope, app, by=grace, reason="Payments are down.\n<Queue> to replay.", minutes=30, step_up="password"
        )


def to(address: str, kind: str = "break_glass") -> OutboxMessage:
    (message,) = [message for message in mails(kind) if message.recipient == address]
    return message


def test_everybody_who_answers_for_it_hears_of_it_once_and_others_do_not(asked):
    told = sorted(message.recipient for message in mails("break_glass"))

    assert told == ["ada@portico.example", "grace@acme.example", "owner@portico.example", "root@portico.example"]
    assert mails("submitted") == []
    golden(to("ada@portico.example"), number=asked.number)


def test_its_author_is_told_what_to_do_if_it_was_not_them(asked):
    message = to("grace@acme.example")

    assert "If this was not you" in " ".join(message.payload["text"].split())
    assert f"http://localhost/requests/{asked.number}" in message.payload["text"]
    assert "admin/access-requests" not in message.payload["text"]


def test_whoever_is_asked_later_reads_of_an_emergency_and_not_of_a_request(asked, reviewer):
    late = make_user(RoleName.SECURITY_REVIEWER, email="late@portico.example")

    with transaction():
        access.reassign(asked, late, by=reviewer, stage_id=asked.stages[0].id, reason="I am on leave.")

    assert "emergency access" in to("late@portico.example").payload["text"]
    assert mails("submitted") == []


def test_a_yes_is_told_to_its_author(asked, reviewer):
    with transaction():
        access.approve(asked, by=reviewer, comment="It was right.")

    message = the_mail("break_glass_reviewed")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number)
    assert mails("approve") == []


def test_a_no_is_told_to_its_author_as_a_bar_and_lifting_it_as_well(asked, reviewer, administrator):
    with transaction():
        access.reject(asked, by=reviewer, reason="There was no emergency.")

    message = the_mail("barred")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number)
    assert mails("reject") == []
    with transaction():
        access.lift_bar(access.bar_of(asked.requester), by=administrator, reason="We have spoken.")
    golden(the_mail("bar_lifted"))


def test_a_debt_that_runs_out_bars_its_author_and_is_told_to_those_who_were_asked(asked):
    with time_machine.travel(datetime(2026, 12, 21, tzinfo=UTC), tick=False), transaction():
        access.keep_time(asked.stages[0].id)

    assert "Nobody gave the break-glass review in time." in the_mail("barred").payload["text"]
    assert {message.recipient for message in mails("expired")} == {"ada@portico.example"}


def test_no_mail_of_an_emergency_holds_a_secret(asked):
    from portal import credentials

    with transaction():
        secret = credentials.reveal(asked.credential, by=asked.requester).secret

    assert secret not in repr([(m.subject, m.payload) for m in db.session.query(OutboxMessage)])
