"""Counting in working time: pure functions over days, hours, a zone and holidays.

A working day is an interval between two moments in UTC, found from the wall clock of its own date. So a night in which
the clocks change takes nothing from the day and adds nothing to it, and a day on which they change is as long as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MIDNIGHT = 24 * 60
LONGEST_CLOSED = 3660  # days in a row; a calendar whose holidays are longer has no working time


@dataclass(frozen=True)
class WorkingTime:
    """When people work: ``days`` from 0 (Monday) to 6, ``opens`` and ``closes`` in minutes after midnight.

    Raises ValueError with a sentence when there would be no working time at all, or no such zone.
    """

    zone: str = "UTC"
    days: frozenset[int] = frozenset(range(5))
    opens: int = 9 * 60
    closes: int = 17 * 60
    holidays: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(7)):
            raise ValueError("Choose at least one working day.")
        if not 0 <= self.opens < self.closes <= MIDNIGHT:
            raise ValueError("Work must begin before it ends.")
        _zone(self.zone)

    @cached_property
    def place(self) -> tzinfo:
        """The zone by which the clock on the wall goes."""
        return _zone(self.zone)

    @property
    def day(self) -> timedelta:
        """How long an ordinary working day is."""
        return timedelta(minutes=self.closes - self.opens)

    def is_working_day(self, day: date) -> bool:
        """Whether people work on this date."""
        return day.weekday() in self.days and day not in self.holidays

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time from this moment on, in UTC, each after the other."""
        end, day, closed = since.astimezone(UTC), since.astimezone(self.place).date() - timedelta(days=1), 0
        while closed < LONGEST_CLOSED:
            closed += 1
            if self.is_working_day(day):
                begin, close = max(end, self._at(day, self.opens)), self._at(day, self.closes)
                if begin < close:
                    yield begin, close
                    end, closed = close, 0
            day += timedelta(days=1)
        raise ValueError("There is no working time for years on end.")

    def _at(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return wall.replace(tzinfo=self.place).astimezone(UTC)


def add_business_time(calendar: WorkingTime, moment: datetime, amount: timedelta) -> datetime:
    """The moment at which so much working time has passed since; without any, the next moment of work."""
    return add_business_times(calendar, moment, [amount])[0]


def add_business_times(calendar: WorkingTime, moment: datetime, amounts: Sequence[timedelta]) -> list[datetime]:
    """The same for several amounts, in their order; the days are gone through once."""
    found: dict[timedelta, datetime] = {}
    left, passed = sorted(set(amounts), reverse=True), timedelta()
    for begin, end in calendar.spans(moment):
        while left and left[-1] <= passed + (end - begin):
            amount = left.pop()
            found[amount] = begin + (amount - passed)
        if not left:
            return [found[amount] for amount in amounts]
        passed += end - begin
    raise AssertionError("spans() never ends by itself")


def business_time_between(calendar: WorkingTime, start: datetime, end: datetime) -> timedelta:
    """How much working time lies between two moments; none when the second is not later."""
    total = timedelta()
    if end <= start:
        return total
    for begin, close in calendar.spans(start):
        if begin >= end:
            break
        total += min(close, end) - begin
    return total


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # there even where the machine has no list of zones
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"There is no time zone '{name[:60]}'. Zones are called like Europe/Vienna.") from None
