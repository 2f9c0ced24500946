"""A month on a fast clock: reminders, escalations, expiries and digests, with workers that are killed at any moment.

Each worker is a process of its own, two at a time; one is killed after a random moment. Whatever they leave behind,
each thing happens once: that is asked of the record and of the outbox in the end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import time_machine
from flask import Flask

from portal import access, schedule
from portal.access import AccessRequest, RequestStatus, ReviewStage, StageState
from portal.accounts import RoleName, User
from portal.app import register_channels
from portal.db import close_connections, db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.schedule import Timer, TimerState
from portal.timekeeper import Timekeeper
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAYS = 31
STEP = timedelta(hours=8)
OUTAGE_BEGINS, OUTAGE_ENDS = timedelta(days=13, hours=12), timedelta(days=16, hours=10)  # three reminders, one digest
_fork = multiprocessing.get_context("fork")


def work(app: Flask, moment: datetime) -> None:
    """One look of a worker at the clock, in a process of its own."""
    with time_machine.travel(moment, tick=False), app.app_context():
        register_channels(app.config["PORTICO"])
        keeper = Timekeeper(app, Event())
        while keeper.round():
            pass
        db.session.remove()
    os._exit(0)


def let_two_work(app: Flask, moment: datetime, dice: random.Random, *, kill: bool) -> int:
    """Two workers at this moment, of which one is killed if it still lives after a short while; says whether it was."""
    db.session.remove()
    close_connections()
    workers = [_fork.Process(target=work, args=(app, moment)) for _ in range(2)]
    for worker in workers:
        worker.start()
    killed = 0
    if kill:
        time.sleep(dice.uniform(0.0, 0.12))
        with contextlib.suppress(ProcessLookupError):
            os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join(60)
        killed += worker.exitcode == -signal.SIGKILL
        assert worker.exitcode in (0, -signal.SIGKILL)
    return killed


def is_something_due(moment: datetime) -> bool:
    with time_machine.travel(moment, tick=False):
        return bool(schedule.due_subjects("review_stage") or schedule.due_subjects("portal_user"))


def recorded(kind: EventKind) -> Counter[int]:
    return Counter(event.subject_id for event in db.session.query(AuditEvent).filter_by(kind=kind))


def sent(kind: str) -> list[OutboxMessage]:
    return db.session.query(OutboxMessage).filter_by(kind=kind).all()


def test_C5_a_month_with_workers_killed_at_random(app: Flask):
    dice = random.Random(20261102)
    with time_machine.travel(MONDAY, tick=False):
        make_user(RoleName.ADMINISTRATOR, email="root@portico.example")
        owner = make_user(RoleName.API_OWNER, email="owner@portico.example")
        left_alone = [make_request(owner=owner).id for _ in range(8)]
        answered = [make_request(owner=owner).id for _ in range(4)]
        paused = make_request(owner=owner).id
    owner_id, killed, moment, number = owner.id, 0, MONDAY, 0
    while moment < MONDAY + timedelta(days=DAYS):
        moment += STEP
        number += 1
        outage = OUTAGE_BEGINS < moment - MONDAY < OUTAGE_ENDS
        with time_machine.travel(moment, tick=False):
            if number % 9 == 0 and answered:
                with transaction():
                    asked = db.session.get(AccessRequest, answered.pop())
                    access.approve(asked, by=db.session.get(User, owner_id))
            if number == 4:
                with transaction():
                    db.session.get(AccessRequest, paused).stages[0].move_to(StageState.PAUSED)
        if not outage and (number % 10 == 0 or is_something_due(moment)):
            killed += let_two_work(app, moment, dice, kill=True)
    let_two_work(app, moment, dice, kill=False)

    db.session.rollback()
    assert killed, "no worker was killed in the middle"
    for request_id in left_alone:
        assert db.session.get(AccessRequest, request_id).status is RequestStatus.EXPIRED
    assert db.session.get(AccessRequest, paused).status is RequestStatus.EXPIRED

    expired = recorded(EventKind.REQUEST_EXPIRED)
    assert expired == Counter(dict.fromkeys([*left_alone, paused], 1))
    assert Counter(m.recipient for m in sent("expired"))["owner@portico.example"] == len(expired)
    stage_of = {stage.request_id: stage.id for stage in db.session.query(ReviewStage)}
    escalated = recorded(EventKind.STAGE_ESCALATED)
    reminded = recorded(EventKind.STAGE_REMINDED)
    for request_id in left_alone:
        assert escalated[stage_of[request_id]] == 1
        assert reminded[stage_of[request_id]] == 2  # the first, and of the three that fell due in the outage the last
    assert set(escalated.values()) == {1}
    assert reminded[stage_of[paused]] == 0
    assert len(sent("unanswered")) == 1

    mails = Counter((m.kind, m.recipient, m.subject) for m in db.session.query(OutboxMessage) if m.kind == "escalated")
    assert set(mails.values()) == {1}
    assert Counter(m.recipient for m in sent("digest")) == {"root@portico.example": 2}  # then nothing was open any more
    assert not db.session.query(Timer).filter(Timer.state == TimerState.HELD).count()
    with time_machine.travel(moment, tick=False):
        assert list(schedule.due_subjects("review_stage")) == []
