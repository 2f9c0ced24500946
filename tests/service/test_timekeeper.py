"""The timekeeper beside the worker: it does its rounds, survives what fails, and stops when it is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import time_machine

from portal import access, timekeeper
from portal.access import RequestStatus, ReviewStage
from portal.accounts import RoleName, User
from portal.db import db, transaction
from portal.events import OutboxMessage
from portal.timekeeper import Timekeeper, run_beside
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def failures(monkeypatch):
    """What the timekeeper logs as failed."""
    found: list[str] = []
    monkeypatch.setattr(timekeeper.log, "exception", lambda event, **said: found.append(event), raising=False)
    return found


def test_a_round_reminds_plans_digests_and_looks_after_what_is_open(app, failures):
    with time_machine.travel(MONDAY, tick=False) as clock:
        make_user(RoleName.ADMINISTRATOR, email="root@portico.example")
        owner = make_user(RoleName.API_OWNER)
        request = make_request(owner=owner)
        keeper = Timekeeper(app, Event())
        keeper.round()
        with transaction():
            db.session.get(User, owner.id).active = False
        clock.shift(timedelta(days=7, hours=1))
        keeper._next.clear()
        keeper.round()

    assert failures == []
    kinds = {message.kind for message in db.session.query(OutboxMessage)}
    assert {"submitted", "escalated", "digest"} <= kinds
    assert [a.user.email for a in request.stages[0].assignees if a.waits] == ["root@portico.example"]


def test_what_fails_rests_for_a_while_and_the_others_go_on(app, failures):
    with time_machine.travel(MONDAY, tick=False) as clock:
        bad, good = make_request(), make_request()
        stages = {stage.request_id: stage.id for stage in db.session.query(ReviewStage)}
        bad_stage = stages[bad.id]
        clock.shift(timedelta(days=40))
        tried: list[int] = []

        def act(stage_id: int) -> bool:
            tried.append(stage_id)
            if stage_id == bad_stage:
                raise ZeroDivisionError
            return access.keep_time(stage_id)

        keeper = Timekeeper(app, Event())
        for _ in range(3):
            keeper.fire("review_stage", access.stages_due, act)

    db.session.rollback()
    assert (bad.status, good.status) == (RequestStatus.PENDING, RequestStatus.EXPIRED)
    assert tried.count(bad_stage) == 1
    assert failures == ["timer_failed"]


def test_it_goes_on_after_a_round_that_failed_and_stops_when_it_is_told(app, failures, monkeypatch):
    rounds: list[float] = []

    def fail(self: Timekeeper) -> int:
        rounds.append(time.monotonic())
        raise ZeroDivisionError

    monkeypatch.setattr(Timekeeper, "round", fail)
    monkeypatch.setattr(timekeeper, "LOOK_EVERY_SECONDS", 0.01)
    stop = Event()

    thread = run_beside(app, stop)
    deadline = time.monotonic() + 10
    while len(rounds) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(10)

    assert len(rounds) >= 3
    assert not thread.is_alive()
    assert set(failures) == {"timekeeper_round_failed"}
