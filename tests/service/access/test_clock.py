"""What time does to a request: due, reminded, escalated, expired; never approved (C41, C42, I10, R16)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from portal import access, accounts, schedule
from portal.access import AccessRequest, RequestStatus, ReviewStage, StageState
from portal.accounts import RoleName, User
from portal.catalog import Environment
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.schedule import Timer, TimerState
from portal.timekeeper import Timekeeper
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)  # the beginning of a working week without holidays


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def admin() -> User:
    return make_user(RoleName.ADMINISTRATOR, email="root@portico.example")


def tick() -> None:
    """What a worker does about time at this moment."""
    from threading import Event

    from flask import current_app

    keeper = Timekeeper(current_app, Event())
    keeper.fire("review_stage", access.stages_due, access.keep_time)


def at(clock, day: int, hour: int = 9) -> None:
    """Go to this working day after the Monday, 0 being the Monday itself, and let the worker look."""
    clock.move_to(MONDAY + timedelta(days=day + 2 * (day // 5), hours=hour - 9))
    tick()


def mails(kind: str) -> list[str]:
    return sorted(m.recipient for m in db.session.query(OutboxMessage).filter_by(kind=kind))


def events(kind: EventKind) -> list[AuditEvent]:
    return db.session.query(AuditEvent).filter_by(kind=kind).order_by(AuditEvent.id).all()


def the_stage(request: AccessRequest) -> ReviewStage:
    db.session.rollback()
    (stage,) = request.stages
    return stage


def test_C41_a_stage_is_due_in_working_time(clock):
    clock.move_to(datetime(2026, 11, 20, 16, tzinfo=UTC))  # a Friday
    request = make_request()

    assert the_stage(request).due_at == datetime(2026, 11, 27, 16, tzinfo=UTC)
    assert request.due_at == the_stage(request).due_at
    assert not request.is_overdue
    clock.move_to(datetime(2026, 11, 27, 16, 1, tzinfo=UTC))
    assert request.is_overdue


def test_C41_a_stage_goes_by_its_own_calendar_and_by_the_environment(clock):
    holidays = [{"date": "2026-11-18", "name": "Founders' day"}]
    with transaction():
        schedule.add_calendar("vienna", {"name": "Vienna", "zone": "Europe/Vienna", "holidays": holidays}, by=None)
    request = make_request()
    times = {"due_hours": 24, "due_in": {"prod": 8}, "calendar": "vienna"}

    for environment, due in (("test", "2026-11-20 10:00"), ("prod", "2026-11-17 10:00")):
        with transaction():
            stage = the_stage(request)
            stage.template = {**stage.template, "times": times}
            stage.request.environment = Environment(environment)
            stage.due_at = None
        with transaction():
            access.restaff([request])

        assert the_stage(request).due_at == datetime.fromisoformat(due).replace(tzinfo=ZoneInfo("Europe/Vienna"))


def test_C42_reviewers_are_reminded_after_two_working_days_and_daily_at_the_end(clock, admin):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    days = {}
    for day in range(13):
        before = len(mails("reminder")) + len(mails("escalated"))
        at(clock, day, 17)
        days[day] = len(mails("reminder")) + len(mails("escalated")) - before

    assert {day for day, count in days.items() if count} == {1, 3, 10, 11, 12}
    assert mails("reminder").count(owner.email) == 4
    assert mails("escalated") == sorted([owner.email, admin.email])
    assert the_stage(request).state is StageState.OPEN


def test_only_those_who_have_not_answered_are_reminded(clock, admin):
    first, second = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    plan = make_plan()
    request = make_request(None, make_product(plans=[plan], owners=[first, second]), plan=plan)
    with transaction():
        stage = db.session.merge(the_stage(request))
        stage.template = {**stage.template, "quorum": {"n": 2, "mode": "total"}}
    with transaction():
        access.approve(request, by=db.session.get(User, first.id))

    at(clock, 2)

    assert mails("reminder") == [second.email]


def test_C42_a_late_stage_is_escalated_once_and_the_log_names_whom(clock, admin):
    request = make_request()

    for day in (3, 4, 5, 6):
        at(clock, day, 17)

    (event,) = events(EventKind.STAGE_ESCALATED)
    assert event.after["asked"] == [admin.email]
    stage = the_stage(request)
    assert stage.escalated_at is not None
    with transaction():
        access.restaff([request])
    with transaction():
        access.approve(request, by=db.session.get(User, admin.id))
    assert db.session.get(AccessRequest, request.id).status is RequestStatus.APPROVED


def test_I10_a_stage_that_nobody_answers_expires_and_everybody_is_told(clock, admin):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    at(clock, 20)

    db.session.rollback()
    assert request.status is RequestStatus.EXPIRED
    assert the_stage(request).state is StageState.EXPIRED
    assert mails("expired") == sorted([request.requester.email, owner.email])
    assert mails("reminder") == mails("escalated") == []
    assert {timer.state for timer in db.session.query(Timer)} == {TimerState.FIRED}
    assert "in time" in events(EventKind.REQUEST_EXPIRED)[0].reason
    assert next(entry.title for entry in access.history_of(request)) == "Expired"


def test_a_stage_may_say_that_silence_rejects(clock):
    request = make_request()
    with transaction():
        stage = the_stage(request)
        stage.template = {**stage.template, "on_timeout": "reject"}

    at(clock, 20)

    db.session.rollback()
    assert request.status is RequestStatus.REJECTED
    assert mails("reject") == [request.requester.email]


def test_C5_after_an_outage_the_latest_reminder_goes_out_and_no_other(clock, admin):
    for _ in range(5):
        make_request()

    clock.move_to(MONDAY + timedelta(days=16, hours=8))  # all but the last reminder and the expiry are past
    tick()
    tick()

    told = mails("reminder") + mails("escalated")
    assert len(told) == 10  # each owner once, and the administrator once for each request
    assert len(events(EventKind.STAGE_ESCALATED)) == 5


def test_R16_what_is_decided_is_neither_reminded_nor_escalated(clock, admin):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    with transaction():
        access.approve(request, by=db.session.get(User, owner.id))

    at(clock, 20)

    assert mails("reminder") == mails("escalated") == mails("expired") == []
    assert {timer.state for timer in db.session.query(Timer)} == {TimerState.CANCELLED}


def test_R16_a_decision_and_the_clock_at_once_end_in_one_of_the_two(clock, admin):
    owner = make_user(RoleName.API_OWNER)
    owner_id = owner.id
    requests = [make_request(owner=owner).id for _ in range(12)]
    clock.move_to(MONDAY + timedelta(days=30))

    for request_id in requests:
        stage_id = db.session.query(ReviewStage.id).filter_by(request_id=request_id).scalar()

        def contend(number: int, request_id: int = request_id, stage_id: int = stage_id) -> None:
            with transaction():
                if number % 2:
                    access.keep_time(stage_id)
                else:
                    asked = db.session.get(AccessRequest, request_id)
                    access.approve(asked, by=db.session.get(User, owner_id))

        errors = errors_in(race(4, contend))
        request = db.session.get(AccessRequest, request_id, populate_existing=True)
        assert request.status in {RequestStatus.APPROVED, RequestStatus.EXPIRED}
        assert len(errors) == (1 if request.status is RequestStatus.APPROVED else 2)
        ended = events(EventKind.REQUEST_EXPIRED) + events(EventKind.REQUEST_APPROVED)
        assert len([event for event in ended if event.subject_id == request_id]) == 1
    assert len(mails("expired")) + 2 * len(mails("approve")) == 2 * len(requests)


def test_a_stage_that_waits_for_an_answer_has_its_clock_stopped(clock, admin):
    request = make_request()
    at(clock, 1, 9)
    with transaction():
        the_stage(request).move_to(StageState.PAUSED)
    at(clock, 6, 9)

    assert mails("reminder") == mails("escalated") == []
    assert not request.is_overdue
    with transaction():
        the_stage(request).move_to(StageState.OPEN)
    assert the_stage(request).due_at == MONDAY + timedelta(days=11, hours=8)  # five working days without those between
    at(clock, 6, 17)
    assert len(mails("reminder")) == 1  # after two working days, of which one was before the question


def test_a_question_that_nobody_answers_is_reminded_of_and_expires(clock):
    request = make_request()
    with transaction():
        the_stage(request).move_to(StageState.PAUSED)

    at(clock, 8, 9)
    assert mails("unanswered") == [request.requester.email]
    at(clock, 10, 9)
    db.session.rollback()
    assert request.status is RequestStatus.EXPIRED
    assert "question" in events(EventKind.REQUEST_EXPIRED)[0].reason


def test_an_answered_question_leaves_no_timer_behind(clock):
    request = make_request()
    for _ in range(2):
        with transaction():
            the_stage(request).move_to(StageState.PAUSED)
        with transaction():
            the_stage(request).move_to(StageState.OPEN)

    armed = {timer.kind for timer in db.session.query(Timer).filter_by(state=TimerState.ARMED)}
    assert armed == {"remind", "escalate", "expire"}


def test_one_request_that_fails_does_not_hold_up_the_others(clock, monkeypatch):
    bad, good = make_request(), make_request()
    clock.move_to(MONDAY + timedelta(days=40))
    with transaction():
        the_stage(bad).template = {"sources": [{"kind": "role", "role": "no such role"}], "on_timeout": ["?"]}
        bad_id = bad.id
    from portal.access import clock as handlers

    run_out = handlers._run_out

    def fail(stage, because):
        if stage.request_id == bad_id:
            raise ZeroDivisionError
        run_out(stage, because)

    monkeypatch.setattr(handlers, "_run_out", fail)

    tick()

    db.session.rollback()
    assert (bad.status, good.status) == (RequestStatus.PENDING, RequestStatus.EXPIRED)
    monkeypatch.undo()
    tick()
    db.session.rollback()
    assert bad.status is RequestStatus.EXPIRED


def test_reminders_go_to_whoever_is_in_the_group_now(clock, admin):
    old, new = make_user(), make_user()
    with transaction():
        group = accounts.add_group("legal", name="Legal", by=None)
        accounts.set_members(group, [db.session.get(User, old.id)], by=None)
    request = make_request()
    with transaction():
        stage = the_stage(request)
        stage.template = {**stage.template, "sources": [{"kind": "group", "key": "legal"}]}
    with transaction():
        access.restaff([request])
    with transaction():
        accounts.set_members(accounts.find_group("legal"), [db.session.get(User, new.id)], by=None)

    at(clock, 2)

    assert new.email in mails("reminder")
    assert old.email not in mails("reminder")
    assert new.email in mails("submitted")
