"""Timers fire once, however many ask, and calendars are kept as they were typed."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import schedule
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import Conflict, Invalid
from portal.events import AuditEvent, EventKind
from portal.schedule import Planned, Timer, TimerState
from tests.support.builders import make_user
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def arm(*timers: Planned, subject_id: int = 7, **kwargs) -> None:
    with transaction():
        schedule.arm("thing", subject_id, timers, **kwargs)


def fire(subject_id: int = 7) -> list[tuple[str, int]]:
    with transaction():
        return [(planned.kind, planned.nth) for planned in schedule.claim_due("thing", subject_id)]


@pytest.fixture
def noon():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def test_a_timer_fires_when_it_is_due_and_once(noon):
    arm(Planned("ring", after(1)))

    assert fire() == []
    noon.shift(timedelta(hours=1))
    assert schedule.due_subjects("thing") == [7]
    assert fire() == [("ring", 1)]
    assert fire() == []
    assert schedule.due_subjects("thing") == []


def test_eight_who_ask_at_once_get_it_once(noon):
    arm(Planned("ring", after(-1)), Planned("ring", after(-2), 2))

    fired = race(8, lambda _: fire())

    assert sorted(map(len, fired)) == [0] * 7 + [2]


def test_what_fails_after_it_fired_leaves_the_timer_armed(noon):
    arm(Planned("ring", after(-1)))

    with pytest.raises(ZeroDivisionError), transaction():
        1 / len(schedule.claim_due("thing", 7)[1:])

    assert fire() == [("ring", 1)]


def test_what_is_held_does_not_fire_and_goes_on_from_where_it_is_put(noon):
    arm(Planned("ring", after(-1)))
    with transaction():
        schedule.hold("thing", 7)

    assert fire() == []
    with transaction():
        schedule.release("thing", 7, lambda due_at: due_at + timedelta(hours=3))
    assert fire() == []
    noon.shift(timedelta(hours=2))
    assert fire() == [("ring", 1)]


def test_what_is_cancelled_never_fires(noon):
    arm(Planned("ring", after(-1)), Planned("knock", after(-1)))
    with transaction():
        schedule.cancel("thing", 7, kinds=["ring"])

    assert fire() == [("knock", 1)]


def test_a_thing_that_begins_again_has_new_timers(noon):
    arm(Planned("ring", after(-1)))
    fire()
    arm(Planned("ring", after(-1)), anew=True)

    assert fire() == [("ring", 1)]


def test_what_was_set_once_is_never_set_again(noon):
    for _ in range(2):
        with transaction():
            schedule.arm_once("thing", [7, 8], Planned("ring", after(-1)))
        fire()

    assert fire(8) == [("ring", 1)]
    assert fire(7) == fire(8) == []


def test_the_latest_thing_comes_first_and_what_rests_is_left_out(noon):
    for subject_id, hours in ((1, -1), (2, -3), (3, -2), (4, 1)):
        arm(Planned("ring", after(hours)), subject_id=subject_id)

    assert schedule.due_subjects("thing", without=[3]) == [2, 1]
    assert schedule.due_subjects("thing", size=1) == [2]


def test_timers_that_are_over_are_forgotten_and_no_others(noon):
    arm(Planned("ring", after(-1)), Planned("ring", after(1), 2))
    fire()
    noon.shift(timedelta(days=100))

    with transaction():
        assert schedule.forget_finished(older_than=timedelta(days=90)) == 1
    assert [timer.state for timer in db.session.query(Timer)] == [TimerState.ARMED]


def test_the_usual_calendar_is_there_before_anybody_stored_it():
    (usual,) = schedule.calendars()

    assert usual.key == "default"
    assert usual.working_time.day == timedelta(hours=8)
    assert usual.working_time.days == frozenset(range(5))


def test_an_administrator_changes_the_usual_calendar_and_the_record_says_so():
    admin = make_user(RoleName.ADMINISTRATOR)
    holidays = [{"date": "2026-12-25", "name": "Christmas Day"}]

    with transaction():
        schedule.change_calendar("default", {"zone": "Europe/Vienna", "holidays": holidays}, by=admin)
    with transaction():
        schedule.change_calendar("default", {"opens": 8 * 60}, by=admin)

    calendar = schedule.calendar_named("default")
    assert (calendar.zone, calendar.opens, calendar.holidays) == ("Europe/Vienna", 480, holidays)
    assert db.session.query(AuditEvent).filter_by(kind=EventKind.CALENDAR_CHANGED).count() == 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"zone": "Nowhere"}, "zone"),
        ({"days": []}, "days"),
        ({"opens": 17 * 60, "closes": 9 * 60}, "days"),
        ({"name": " "}, "name"),
        ({"holidays": [{"date": "2026-01-01", "name": ""}] * 1001}, "holidays"),
    ],
)
def test_a_calendar_by_which_nobody_would_work_is_refused(wrong, field):
    with pytest.raises(Invalid) as refusal, transaction():
        schedule.add_calendar("vienna", {"name": "Vienna", **wrong}, by=None)

    assert refusal.value.field == field


def test_of_two_who_change_a_calendar_the_second_is_told():
    with transaction():
        schedule.add_calendar("vienna", {"name": "Vienna"}, by=None)
    seen = schedule.calendar_named("vienna").version
    with transaction():
        schedule.change_calendar("vienna", {"opens": 0}, by=None, version=seen)

    with pytest.raises(Conflict), transaction():
        schedule.change_calendar("vienna", {"opens": 60}, by=None, version=seen)
    with pytest.raises(Conflict), transaction():
        schedule.add_calendar("other", {"name": "Vienna"}, by=None)
