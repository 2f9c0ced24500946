"""Counting in working time: weekends, holidays, zones, and the nights in which the clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.schedule import WorkingTime, add_business_time, business_time_between

HOUR, DAY = timedelta(hours=1), timedelta(hours=8)
VIENNA = WorkingTime("Europe/Vienna")
ZONES = [
    "UTC",
    "Europe/Vienna",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_hours_of_one_day():
    assert add_business_time(WorkingTime(), utc("2026-11-16 10:00"), 3 * HOUR) == utc("2026-11-16 13:00")


def test_what_comes_in_the_evening_counts_from_the_next_morning():
    assert add_business_time(WorkingTime(), utc("2026-11-16 22:00"), HOUR) == utc("2026-11-17 10:00")


def test_a_weekend_is_no_time():
    assert add_business_time(WorkingTime(), utc("2026-11-20 16:00"), 2 * HOUR) == utc("2026-11-23 10:00")


def test_a_day_that_ends_with_work_ends_then_and_not_the_next_morning():
    assert add_business_time(WorkingTime(), utc("2026-11-16 09:00"), DAY) == utc("2026-11-16 17:00")


def test_holidays_are_no_time():
    calendar = WorkingTime(holidays=frozenset({date(2026, 12, 24), date(2026, 12, 25)}))

    assert add_business_time(calendar, utc("2026-12-23 16:00"), 2 * HOUR) == utc("2026-12-28 10:00")


def test_no_time_from_saturday_is_monday_morning():
    assert add_business_time(WorkingTime(), utc("2026-11-21 12:00"), timedelta()) == utc("2026-11-23 09:00")


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("2026-03-27 16:00", "2026-03-30 10:00"),  # the clocks go forward on Sunday
        ("2026-10-23 16:00", "2026-10-26 10:00"),  # and back
    ],
)
def test_two_hours_over_a_night_in_which_the_clocks_change_are_two_by_the_wall(begin, end):
    due = add_business_time(VIENNA, wall("Europe/Vienna", begin), 2 * HOUR)

    assert due == wall("Europe/Vienna", end)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_around_the_clock_is_as_long_as_it_is(day, hours):
    always = WorkingTime("Europe/Vienna", frozenset(range(7)), 0, 24 * 60)
    begin = wall("Europe/Vienna", f"{day} 00:00")
    end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), ZoneInfo("Europe/Vienna"))

    assert business_time_between(always, begin, end) == hours * HOUR


def test_work_at_the_hour_that_is_left_out_is_not_counted():
    night = WorkingTime("Europe/Vienna", frozenset(range(7)), 120, 180)

    assert business_time_between(night, utc("2026-03-28 12:00"), utc("2026-03-29 12:00")) == timedelta()
    assert business_time_between(night, utc("2026-03-29 12:00"), utc("2026-03-30 12:00")) == HOUR


def test_a_date_that_a_country_left_out_is_counted_once():
    always = WorkingTime("Pacific/Apia", frozenset(range(7)), 0, 24 * 60)  # no 30 December 2011 there

    assert business_time_between(always, utc("2011-12-29 00:00"), utc("2012-01-02 00:00")) == 4 * 24 * HOUR


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": frozenset()},
        {"days": frozenset({7})},
        {"opens": 600, "closes": 600},
        {"closes": 24 * 60 + 1},
        {"zone": "Atlantis/Center"},
        {"zone": "../../etc/passwd"},
        {"zone": ""},
    ],
)
def test_a_calendar_without_working_time_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Choose|begin|zone"):
        WorkingTime(**wrong)


def test_a_calendar_that_is_all_holidays_says_so():
    free = frozenset(date(2026, 1, 1) + timedelta(days=number) for number in range(4000))

    with pytest.raises(ValueError, match="years"):
        add_business_time(WorkingTime(holidays=free), utc("2026-01-01 00:00"), HOUR)


moments = st.integers(0, 25 * 365 * 24 * 3600).map(lambda seconds: utc("2010-01-01 00:00") + timedelta(seconds=seconds))
amounts = st.timedeltas(timedelta(), timedelta(hours=300))
calendars = st.builds(
    WorkingTime,
    st.sampled_from(ZONES),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 719),
    st.integers(720, 1440),
    st.frozensets(st.dates(date(2010, 1, 1), date(2036, 1, 1)), max_size=20),
)


@settings(max_examples=300, deadline=None)
@given(calendars, moments, amounts)
def test_what_is_added_is_what_lies_between(calendar, moment, amount):
    due = add_business_time(calendar, moment, amount)

    assert due >= moment
    assert business_time_between(calendar, moment, due) == amount


@settings(max_examples=200, deadline=None)
@given(calendars, moments, amounts, amounts)
def test_adding_twice_is_adding_once_and_more_is_never_earlier(calendar, moment, first, second):
    at_once = add_business_time(calendar, moment, first + second)
    stepwise = add_business_time(calendar, add_business_time(calendar, moment, first), second)

    assert at_once >= add_business_time(calendar, moment, first)
    if second:
        assert at_once == stepwise


@settings(max_examples=200, deadline=None)
@given(calendars, moments, st.timedeltas(timedelta(minutes=1), timedelta(hours=100)))
def test_a_due_time_is_on_a_working_day_by_its_own_clock(calendar, moment, amount):
    due = add_business_time(calendar, moment, amount)
    here = (due - timedelta(microseconds=1)).astimezone(calendar.place)

    assert calendar.is_working_day(here.date())
