"""Business calendars as they are kept: an administrator says when people work, and stages are timed by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, String, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, db, lock, pk
from portal.errors import Conflict, Invalid, NotFound
from portal.events import Actor, EventKind, changed_fields, record
from portal.schedule.working_time import WorkingTime, add_business_time

DEFAULT_CALENDAR = "default"
MOST_HOLIDAYS = 1_000
FIELDS = ("name", "zone", "days", "opens", "closes", "holidays")
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"[a-z][a-z0-9-]{1,38}")


class BusinessCalendar(Base):
    """When people work: days, hours, zone and holidays (``{"date": "2026-12-25", "name": "Christmas Day"}``)."""

    __tablename__ = "business_calendar"

    id: Mapped[pk]
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    zone: Mapped[str] = mapped_column(String(60), default="UTC")
    days: Mapped[list[int]] = mapped_column(JSON, default=lambda: [0, 1, 2, 3, 4])
    opens: Mapped[int] = mapped_column(default=9 * 60)
    closes: Mapped[int] = mapped_column(default=17 * 60)
    holidays: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name by which records call this calendar."""
        return self.name

    @property
    def working_time(self) -> WorkingTime:
        """The calendar to count with."""
        return _working_time(self.zone, self.days, self.opens, self.closes, self.holidays)


_NAMED = select(BusinessCalendar).where(BusinessCalendar.key == bindparam("key"))


def calendars() -> Sequence[BusinessCalendar]:
    """All calendars by name, the default one first; it is there even if nobody has stored it."""
    stored = db.session.scalars(select(BusinessCalendar).order_by(BusinessCalendar.name)).all()
    default = next((each for each in stored if each.key == DEFAULT_CALENDAR), None) or _default()
    return [default, *(each for each in stored if each.key != DEFAULT_CALENDAR)]


def calendar_named(key: str) -> BusinessCalendar | None:
    """The calendar of this key; the default one even if nobody has stored it."""
    stored = db.session.scalar(_NAMED, {"key": key})
    return _default() if stored is None and key == DEFAULT_CALENDAR else stored


def add_calendar(key: str, values: Mapping[str, Any], *, by: Actor | None) -> BusinessCalendar:
    """A new calendar. Raises Invalid when there would be no working time, Conflict when the key or name is taken."""
    if not _KEY.fullmatch(key):
        raise Invalid("Use two to forty small letters, digits and hyphens, beginning with a letter.", field="key")
    if db.session.scalar(select(BusinessCalendar.id).where(BusinessCalendar.key == key)):
        raise Conflict(f"There is already a calendar called {key}.")
    given = _checked(values, None)
    calendar = BusinessCalendar(key=key, **given)
    db.session.add(calendar)
    _flush(f"Somebody else has just made a calendar called {key} or {calendar.name}.")
    record(EventKind.CALENDAR_CHANGED, subject=calendar, by=by, after=given)
    return calendar


def change_calendar(key: str, values: Mapping[str, Any], *, by: Actor | None, version: int | None = None) -> None:
    """Change a calendar; what is timed already keeps its time.

    Raises Invalid when there would be no working time, Conflict when somebody changed it since ``version``.
    """
    known = calendar_named(key)
    if known is None:
        raise NotFound("There is no such calendar.")
    if not known.id:
        add_calendar(key, values, by=by)
        return
    calendar = lock(BusinessCalendar, known.id)
    if calendar is None or (version is not None and calendar.version != version):
        raise Conflict("Somebody else has changed this calendar since you opened it.")
    before, after = changed_fields(calendar, _checked(values, calendar))
    for name, value in after.items():
        setattr(calendar, name, value)
    if after:
        _flush(f"Somebody else has just called a calendar {calendar.name}.")
        record(EventKind.CALENDAR_CHANGED, subject=calendar, by=by, before=before, after=after)


def _flush(refusal: str) -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(refusal) from error


def _default() -> BusinessCalendar:
    return BusinessCalendar(
        key=DEFAULT_CALENDAR,
        name="Working hours",
        zone="UTC",
        days=[0, 1, 2, 3, 4],
        opens=9 * 60,
        closes=17 * 60,
        holidays=[],
        version=0,
    )


def _checked(values: Mapping[str, Any], calendar: BusinessCalendar | None) -> dict[str, Any]:
    given = {name: values[name] for name in FIELDS if name in values}
    whole = {name: given.get(name, getattr(calendar or _default(), name)) for name in FIELDS}
    whole["name"] = " ".join(str(whole["name"]).split())
    if not 0 < len(whole["name"]) <= 120:
        raise Invalid("Give the calendar a name of at most 120 characters.", field="name")
    if len(whole["holidays"]) > MOST_HOLIDAYS:
        raise Invalid(f"At most {MOST_HOLIDAYS} holidays can be kept.", field="holidays")
    others = select(BusinessCalendar.id).where(BusinessCalendar.name == whole["name"])
    if calendar is not None:
        others = others.where(BusinessCalendar.id != calendar.id)
    if db.session.scalar(others):
        raise Conflict(f"There is already a calendar called {whole['name']}.")
    try:
        working = _working_time(*(whole[name] for name in FIELDS[1:]))
        add_business_time(working, _NEW_YEAR, working.day)
    except ValueError as problem:
        raise Invalid(str(problem), field="zone" if "zone" in str(problem) else "days") from None
    return whole


def _working_time(
    zone: str, days: Sequence[int], opens: int, closes: int, holidays: Sequence[Mapping[str, Any]]
) -> WorkingTime:
    free = frozenset(date.fromisoformat(str(each["date"])) for each in holidays)
    return WorkingTime(zone, frozenset(days), opens, closes, free)
