"""Secrets that are to be replaced by their plan's schedule, and the reminders of it (C101)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.db import db, transaction
from portal.events import EventKind, OutboxMessage
from portal.schedule import Timer, TimerState
from tests.service.lifecycle.rotation.rotating import MONDAY, events, forget, opens, rotate, stored, tick

pytestmark = pytest.mark.usefixtures("app")


def reminders(program) -> list[tuple[int, bool]]:
    found = events(EventKind.CREDENTIAL_ROTATION_REMINDED)
    return [((event.occurred_at - MONDAY).days, event.after["overdue"]) for event in found]


def test_C101_the_owner_is_reminded_14_and_3_days_before_and_when_it_is_overdue(program, clock, app):
    for day in range(100):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert reminders(program) == [(76, False), (87, False), (90, True)]
    mails = db.session.query(OutboxMessage).filter_by(kind="rotate").order_by(OutboxMessage.id).all()
    assert [mail.recipient for mail in mails] == [program.request.requester.email] * 3
    assert "14 February 2027" in mails[0].payload["text"]
    assert opens(program, program.secret)  # a late rotation breaks nothing


def test_who_lets_a_secret_stand_is_told_each_quarter_and_not_at_every_look(program, clock, app):
    for day in [*range(76, 100), *range(170, 200), *range(265, 285)]:
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        for _ in range(2):
            tick(app)
            forget(app)

    assert reminders(program) == [(76, False), (87, False), (90, True), (180, True), (271, True)]


def test_a_rotation_starts_the_schedule_anew(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=80))
    tick(app)
    rotate(program)
    for day in range(81, 180):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert [day for day, _ in reminders(program)] == [80, 156, 167, 170]


def test_two_rotations_on_one_day_lose_no_reminder(program, clock, app):
    with transaction():
        stored(program).plan.rotate_every_days = 10
    for hours in (1, 1, 1):
        clock.shift(timedelta(hours=hours))
        rotate(program)
        tick(app)
    for day in range(1, 12):
        clock.move_to(MONDAY + timedelta(days=day, hours=4))
        tick(app)

    assert reminders(program) == [(7, False), (10, True)]


def test_after_an_outage_one_reminder_tells(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=95))
    tick(app)
    tick(app)

    assert reminders(program) == [(95, True)]


def test_another_schedule_of_the_plan_is_followed(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=75))
    tick(app)
    with transaction():
        stored(program).plan.rotate_every_days = 200
    for day in range(76, 190):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert reminders(program) == [(186, False)]


def test_a_schedule_that_is_shorter_than_the_notice_is_not_announced_at_once(program, clock, app):
    with transaction():
        stored(program).plan.rotate_every_days = 7
    tick(app)
    due = db.session.query(Timer).filter_by(kind="rotate_remind", state=TimerState.ARMED).order_by(Timer.due_at)

    assert [timer.due_at for timer in due] == [MONDAY + timedelta(days=4), MONDAY + timedelta(days=7)]
