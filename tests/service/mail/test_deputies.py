"""Whoever stands in for somebody is told of what waits, as the absent person is; and only where they may answer."""

from datetime import timedelta

import pytest
import time_machine

from portal import access
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from tests.support.builders import (
    demanding,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def mails_to(person, kind="submitted"):
    query = db.session.query(OutboxMessage).filter_by(kind=kind, recipient=person.email)
    return [message.payload["text"] for message in query]


def absent_with(deputy, **dates):
    absent = make_user(RoleName.REVIEWER, name="Katherine Johnson")
    dates = {"starts_at": now(), "ends_at": now() + timedelta(days=3), **dates}
    with transaction():
        access.delegate(deputy, by=absent, reason="On holiday.", **dates)
    return absent


def asked(*reviewers, by=None, **template):
    make_stage("legal", "Legal", **template)
    make_group("legal", *reviewers)
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    plan, person = make_plan(), by or make_user()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    return make_request(person, product, plan=plan, app=make_app(person))


def wait(days):
    """Let time pass, and do once what is due then."""
    with time_machine.travel(now() + timedelta(days=days), tick=False):
        for stage_id in access.stages_due():
            with transaction():
                access.keep_time(stage_id)


def test_a_deputy_is_told_for_whom_and_what():
    deputy = make_user(RoleName.REVIEWER)
    absent = absent_with(deputy)

    request = asked(absent)

    assert len(mails_to(absent)) == 1
    (text,) = mails_to(deputy)
    assert "Why you are asked: You stand in for Katherine Johnson. It is the rule." in text
    assert request.number in text
    assert "Your part:     Legal" in text


def test_a_deputy_who_is_asked_anyway_is_told_once_as_themselves():
    deputy = make_user(RoleName.REVIEWER)

    asked(absent_with(deputy), deputy)

    (text,) = mails_to(deputy)
    assert "You stand in for" not in text


def test_nobody_is_told_where_they_could_not_answer():
    later, requester = (make_user(RoleName.REVIEWER, RoleName.CONSUMER) for _ in range(2))
    away = absent_with(later, starts_at=now() + timedelta(days=1))
    asked(away, absent_with(requester), by=requester)
    assert not mails_to(later)
    assert not mails_to(requester)


def test_nobody_is_told_where_a_stage_lets_nobody_stand_in():
    deputy = make_user(RoleName.REVIEWER)
    absent = absent_with(deputy)

    asked(absent, delegation_allowed=False)

    assert mails_to(absent)
    assert not mails_to(deputy)


@pytest.mark.parametrize(("kind", "days"), [("reminder", 4), ("escalated", 9)])
def test_a_deputy_is_reminded_as_whoever_is_absent_is(kind, days):
    deputy, later = (make_user(RoleName.REVIEWER) for _ in range(2))
    absent = absent_with(deputy, ends_at=now() + timedelta(days=30))
    away = absent_with(later, starts_at=now() + timedelta(days=20), ends_at=now() + timedelta(days=30))
    request = asked(absent, away)

    wait(days)

    (text,) = mails_to(absent, kind)
    assert "You stand in for" not in text
    (text,) = mails_to(deputy, kind)
    assert "You stand in for Katherine Johnson." in text
    assert request.number in text
    assert not mails_to(later, kind)


def test_who_stands_in_is_asked_for_once_for_each_late_stage():
    deputies = [make_user(RoleName.REVIEWER) for _ in range(2)]
    absent = [absent_with(deputy, ends_at=now() + timedelta(days=30)) for deputy in deputies]
    asked(*absent)

    with count_queries() as counted:
        wait(4)

    assert all(mails_to(deputy, "reminder") for deputy in deputies)
    assert sum("delegation.from_id IN" in statement for statement in counted) == 2  # the owners’ and legal’s
