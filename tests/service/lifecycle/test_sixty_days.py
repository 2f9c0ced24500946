"""Sixty days on a fast clock: nothing ends without its notices, with workers that are killed at any moment (C106).

Two workers at a time, each a process of its own, one of them killed after a random moment. In the end the outbox is
asked: for each access that has ended, every notice that was due is there once, delivered or set aside as dead.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask

from portal import access, credentials, events, lifecycle, schedule
from portal.access import AccessRequest, Grant, GrantState
from portal.accounts import User
from portal.credentials import Credential, CredentialState
from portal.db import db, transaction
from portal.events import EventKind, Failed, MessageState
from tests.service.access.test_a_month import let_two_work
from tests.support.builders import make_plan, make_product, make_user
from tests.support.ends import MONDAY, hold, mails, recorded

pytestmark = pytest.mark.usefixtures("app")
DAYS = (30, 14, 7, 1)
STEP = timedelta(hours=12)
LIVES = (2, 8, 20, 31, 45, 58)  # days; the shorter ones are too short for some notices
RENEWED = 33


def is_something_due(moment: datetime) -> bool:
    with time_machine.travel(moment, tick=False):
        db.session.rollback()
        return bool(lifecycle.notices_to_set(DAYS) or schedule.due_subjects(lifecycle.SUBJECT))


def deliver(moment: datetime) -> None:
    """Send what waits; one address does not exist."""
    with time_machine.travel(moment, tick=False), transaction():
        for message in events.claim("postman", size=500):
            if message.recipient.startswith("gone"):
                events.fail(message.id, Failed("No such mailbox.", permanent=True), worker="postman")
            else:
                events.complete([message.id], worker="postman")


def renew(request_id: int, moment: datetime) -> None:
    with time_machine.travel(moment, tick=False), transaction():
        asked = db.session.get(AccessRequest, request_id)
        access.renew(asked.credential, by=asked.requester, days=DAYS)


def end_what_is_over(moment: datetime) -> None:
    with time_machine.travel(moment, tick=False), transaction():
        access.end_expired()
        credentials.expire_if_over()


def due_notices(grant: Grant) -> int:
    return sum(grant.ends_at - timedelta(days=days) > grant.starts_at for days in DAYS)


def test_C106_nothing_ends_without_its_notices_though_workers_are_killed_at_random(app: Flask):
    dice = random.Random(20261102)
    with time_machine.travel(MONDAY, tick=False):
        product = make_product()
        held = []
        for number, days in enumerate((*LIVES, RENEWED)):
            plan = make_plan(auto_approve=True, credential_lifetime_days=days)
            owner = make_user(email=f"{'gone' if number == 3 else 'owner'}{number}@acme.example")
            held.append(hold(None, make_product(plans=[plan]), product, owner=owner, plan=plan).id)
    killed, moment = 0, MONDAY
    while moment < MONDAY + timedelta(days=60):
        moment += STEP
        if moment == MONDAY + timedelta(days=20):
            renew(held[-1], moment)
        if is_something_due(moment):
            killed += let_two_work(app, moment, dice, kill=True)
        end_what_is_over(moment)
        deliver(moment)
    let_two_work(app, moment, dice, kill=False)
    end_what_is_over(moment)
    deliver(moment)

    db.session.rollback()
    assert killed, "no worker was killed in the middle"
    ended = db.session.query(Grant).filter_by(state=GrantState.EXPIRED).all()
    assert len(ended) == 2 * (len(LIVES) + 1)
    assert {credential.state for credential in db.session.query(Credential)} == {CredentialState.EXPIRED}
    expected = Counter({grant.app.owner.email: due_notices(grant) for grant in ended})
    replaced = db.session.query(Grant).filter_by(state=GrantState.SUPERSEDED).first()
    expected[replaced.app.owner.email] += 2  # of its first end those of 30 and 14 days: then it was renewed
    told = Counter(message.recipient for message in mails("access_ending"))
    assert told == +expected
    assert {m.state for m in mails("access_ending")} == {MessageState.DONE, MessageState.DEAD}
    assert {m.recipient for m in mails("access_ending") if m.state is MessageState.DEAD} == {"gone3@acme.example"}
    assert Counter(message.recipient for message in mails("access_ended")) == Counter(
        {user.email: 1 for user in db.session.query(User) if user.email.startswith(("owner", "gone"))}
    )
    assert Counter(event.subject_id for event in recorded(EventKind.ACCESS_EXPIRED)) == Counter(
        dict.fromkeys([grant.id for grant in ended], 1)
    )
