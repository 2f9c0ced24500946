"""The mails between reviewers and requesters while a request is decided."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access
from portal.access import AccessRequest
from portal.accounts import RoleName, User
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from tests.service.mail.test_texts import golden, mails, the_mail
from tests.support.builders import (
    demanding,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def monday():
    with time_machine.travel(datetime(2026, 11, 16, 9, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def ada() -> User:
    return make_user(RoleName.API_OWNER, email="ada@portico.example", name="Ada Lovelace")


@pytest.fixture
def katherine() -> User:
    return make_user(RoleName.API_OWNER, email="katherine@portico.example", name="Katherine Johnson")


@pytest.fixture
def asked(ada) -> AccessRequest:
    grace, plan = make_user(email="grace@acme.example", name="Grace Hopper"), make_plan("Gold")
    products = [make_product(name, plans=[plan], owners=[ada]) for name in ("Payments API", "Weather API")]
    return make_request(grace, *products, plan=plan, app=make_app(grace, "Route <planner>"))


def test_a_question_reaches_the_requester_and_the_answer_the_asker(asked, ada):
    with transaction():
        question = access.ask(asked, by=ada, question="How many calls?\nAnd <why>?")
    message = the_mail("question")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number)

    with transaction():
        access.answer(question, by=asked.requester, text="A thousand.")
    message = the_mail("answer")
    assert message.recipient == "ada@portico.example"
    golden(message, number=asked.number)


def test_the_answer_reaches_who_asked_that_question_and_nobody_else(ada, katherine):
    make_policy(demanding("legal", "compliance"), order=[["legal", "compliance"]])
    make_group("legal", ada)
    make_group("compliance", katherine)
    plan = make_plan(auto_approve=True)
    request = make_request(None, make_product(plans=[plan]), plan=plan)
    with transaction():
        first = access.ask(request, by=ada, question="One?")
    with transaction():
        access.ask(request, by=katherine, question="Two?")
    with transaction():
        access.answer(first, by=request.requester, text="Yes.")

    message = the_mail("answer")

    assert (message.recipient, "One?" in message.payload["text"]) == (ada.email, True)


def test_an_edit_tells_those_who_are_awaited_and_those_whose_answer_is_void(asked, ada):
    with transaction():
        access.edit(asked, by=asked.requester, reason="Now for partners, too.")

    message = the_mail("changed")
    assert message.recipient == "ada@portico.example"
    assert "still awaited" in message.payload["text"]
    golden(message, number=asked.number)


def test_a_denial_by_policy_reaches_the_requester_with_its_reason(ada):
    make_policy({**demanding("owner"), "because": "Nobody may.", "then": {"outcome": "deny"}})
    grace, plan = make_user(email="grace@acme.example", name="Grace Hopper"), make_plan("Gold")
    product = make_product("Payments API", plans=[plan], owners=[ada])
    request = make_request(grace, product, plan=plan, app=make_app(grace, "Route <planner>"))

    message = the_mail("denied")

    assert message.recipient == "grace@acme.example"
    golden(message, number=request.number)
    assert mails("submitted") == []


def test_a_review_that_is_passed_on_reaches_the_new_person_with_all_that_is_needed(asked, ada, katherine):
    with transaction():
        access.reassign(asked, katherine, by=ada, stage_id=asked.stages[0].id, reason="You know this <product>.")

    message = the_mail("reassigned")

    assert message.recipient == "katherine@portico.example"
    golden(message, number=asked.number)


def test_a_stand_in_is_told_from_when_until_when(ada, katherine):
    with transaction():
        access.delegate(
            katherine, by=ada, starts_at=now(), ends_at=now() + timedelta(days=7), reason="On holiday by the sea."
        )

    message = the_mail("delegated")

    assert message.recipient == "katherine@portico.example"
    golden(message)


def test_both_are_told_when_an_administrator_ends_a_delegation(ada, katherine):
    with transaction():
        made = access.delegate(katherine, by=ada, starts_at=now(), ends_at=now() + timedelta(days=7))
    samir = make_user(RoleName.ADMINISTRATOR, name="Samir Nasser")

    with transaction():
        access.end_delegation(made, by=samir, reason="Katherine left <the team>.")

    assert {each.recipient for each in mails("delegation_ended")} == {ada.email, katherine.email}
    golden(next(each for each in mails("delegation_ended") if each.recipient == ada.email))


def test_who_ends_their_own_delegation_sends_no_mail(ada, katherine):
    with transaction():
        made = access.delegate(katherine, by=ada, starts_at=now(), ends_at=now() + timedelta(days=7))
    with transaction():
        access.end_delegation(made, by=ada)

    assert mails("delegation_ended") == []


def test_nobody_is_told_of_what_happens_to_a_closed_account(asked, ada):
    with transaction():
        asked.requester.active = False
    with transaction():
        access.ask(asked, by=ada, question="Why?")

    assert db.session.query(OutboxMessage).filter_by(kind="question").count() == 0
