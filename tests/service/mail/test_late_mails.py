"""The mails that time causes: a reminder, an escalation, an expiry, an unanswered question, the weekly digest."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access
from portal.access import AccessRequest, StageState
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import OutboxMessage
from tests.service.mail.test_texts import golden, the_mail
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def asked(clock) -> AccessRequest:
    make_user(RoleName.ADMINISTRATOR, email="root@portico.example", name="Katherine Johnson")
    owner = make_user(RoleName.API_OWNER, email="ada@portico.example", name="Ada Lovelace")
    grace, plan = make_user(email="grace@acme.example", name="Grace Hopper"), make_plan("Gold")
    products = [make_product(name, plans=[plan], owners=[owner]) for name in ("Payments API", "Weather API")]
    return make_request(grace, *products, plan=plan, app=make_app(grace, "Route <planner>"))


def wait(clock, working_days: int) -> None:
    clock.shift(timedelta(days=working_days + 2 * (working_days // 5)))
    for stage_id in access.stages_due():
        with transaction():
            access.keep_time(stage_id)


def to(kind: str, recipient: str) -> OutboxMessage:
    return db.session.query(OutboxMessage).filter_by(kind=kind, recipient=recipient).one()


def test_a_reminder_says_what_waits_since_when_and_until_when(clock, asked):
    wait(clock, 2)

    message = the_mail("reminder")
    assert message.recipient == "ada@portico.example"
    golden(message, number=asked.number)
    assert "overdue" not in message.payload["text"]


def test_a_reminder_says_when_it_is_late(clock, asked):
    wait(clock, 4)
    wait(clock, 9)

    assert "It is overdue." in to("reminder", "ada@portico.example").payload["text"]


def test_an_escalation_goes_to_the_new_and_the_old_and_names_them(clock, asked):
    wait(clock, 4)

    golden(to("escalated", "root@portico.example"), number=asked.number)
    assert "Ada Lovelace, Katherine Johnson" in to("escalated", "ada@portico.example").payload["text"]


def test_an_expiry_tells_the_requester_that_nothing_was_approved(clock, asked):
    wait(clock, 15)

    golden(to("expired", "grace@acme.example"), number=asked.number)
    theirs = to("expired", "ada@portico.example").payload["text"]
    assert "/admin/access-requests/" in theirs
    assert "nothing left for you to do" in theirs


def test_a_question_that_nobody_answers_is_brought_to_mind(clock, asked):
    with transaction():
        db.session.get(AccessRequest, asked.id).stages[0].move_to(StageState.PAUSED)

    wait(clock, 8)

    message = the_mail("unanswered")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number)


def test_an_expiry_for_want_of_an_answer_does_not_blame_the_reviewers(clock, asked):
    reviewer = asked.stages[0].active_assignees[0].user
    with transaction():
        access.ask(asked, by=reviewer, question="How many calls do you expect?")

    wait(clock, 40)

    text = to("expired", "grace@acme.example").payload["text"]
    assert "not answered in time" in text
    assert "it is best to say from the start what the reviewer wanted to know." in text
    assert "those who decide beforehand" not in text


def test_a_digest_lists_what_is_open_how_old_and_how_late(clock, asked):
    with transaction():
        access.plan_digests()
    clock.shift(timedelta(days=7))
    for person_id in access.digests_due():
        with transaction():
            access.send_digest(person_id)

    message = the_mail("digest")
    assert message.recipient == "root@portico.example"
    golden(message, number=asked.number)
