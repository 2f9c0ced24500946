"""Business calendars: when people work, by which stages are due, reminded of and expire (C41)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from portal import schedule
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.schedule import WEEKDAYS, BusinessCalendar
from portal.web import blame, current_person, done, found, key_of, render, requires

bp = Blueprint("calendars", __name__)
_CLOCK = re.compile(r"([01]?\d|2[0-4])[:.]([0-5]\d)", re.ASCII)


class ClockField(StringField):
    """A time of the day, kept in minutes after midnight; 24:00 is the end of the day."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed."""
        match = _CLOCK.fullmatch(valuelist[0].strip()) if valuelist else None
        minutes = int(match[1]) * 60 + int(match[2]) if match else None
        if minutes is None or minutes > 24 * 60:
            self.data = None
            raise ValueError("Enter a time such as 09:00.")
        self.data = minutes

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return clock_time(self.data) if self.data is not None else ""


class HolidaysField(TextAreaField):
    """Holidays, one a line: the date, a space, and what is celebrated."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the lines apart."""
        lines = [line.strip() for line in valuelist[0].splitlines() if line.strip()] if valuelist else []
        self.data = sorted((_holiday(line) for line in lines), key=lambda each: each["date"])

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{each['date']} {each['name']}".strip() for each in self.data or [])


class CalendarForm(FlaskForm):
    """When people work."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=120)])
    zone = StringField("Time zone", [InputRequired("Enter a time zone, such as Europe/Vienna.")])
    days = SelectMultipleField(
        "Working days",
        choices=[SelectChoice(str(number), day) for number, day in enumerate(WEEKDAYS)],
        coerce=int,
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    opens = ClockField("Work begins", [InputRequired("Enter a time such as 09:00.")])
    closes = ClockField("Work ends", [InputRequired("Enter a time such as 17:00.")])
    holidays = HolidaysField("Holidays")
    version = HiddenField()

    @property
    def values(self) -> dict[str, Any]:
        """What was typed, as the calendar keeps it."""
        names = ("name", "zone", "days", "opens", "closes", "holidays")
        return {**{name: self[name].data for name in names}, "zone": (self.zone.data or "").strip()}


class NewCalendarForm(CalendarForm):
    """The same for one that is new."""

    key = StringField("Key", [InputRequired("Enter a key."), Length(max=40)])


@bp.get("/calendars")
@requires(Right.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """All calendars."""
    return render("admin/calendars/index.html", calendars=schedule.calendars(), clock_time=clock_time, days_of=days_of)


@bp.get("/calendars/new")
@requires(Right.EDIT_POLICIES)
def new() -> ResponseReturnValue:
    """A form with what is usual."""
    usual = found(schedule.calendar_named(schedule.DEFAULT_CALENDAR))
    form = NewCalendarForm(formdata=None, data={**_values_of(usual), "name": "", "holidays": []})
    return render("admin/calendars/new.html", form=form)


@bp.post("/calendars/new")
@requires(Right.EDIT_POLICIES)
def create() -> ResponseReturnValue:
    """Make a calendar, by which stages may be timed."""
    form = NewCalendarForm()
    if not form.validate():
        return render("admin/calendars/new.html", status=422, form=form)
    try:
        with transaction():
            made = schedule.add_calendar((form.key.data or "").strip(), form.values, by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return render("admin/calendars/new.html", status=409 if isinstance(refusal, Conflict) else 422, form=form)
    return done(url_for("admin.calendars.show", key=made.key), "The calendar is made. Stages can be timed by it.")


@bp.get("/calendars/<slug:key>")
@requires(Right.SEE_POLICIES)
def show(key: str) -> ResponseReturnValue:
    """One calendar, to read or to change."""
    calendar = _find(key)
    return _show(
        calendar, CalendarForm(formdata=None, data={**_values_of(calendar), "version": calendar.version or ""})
    )


@bp.post("/calendars/<slug:key>")
@requires(Right.EDIT_POLICIES)
def save(key: str) -> ResponseReturnValue:
    """Put what was typed in force for stages that open from now on."""
    calendar, form = _find(key), CalendarForm()
    if not form.validate():
        return _show(calendar, form, status=422)
    try:
        with transaction():
            version = key_of(form.version.data or "")
            schedule.change_calendar(key, form.values, by=current_person(), version=version)
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(key), form, status=422)
    except Conflict as stale:
        form.form_errors.append(f"{stale.message} What you typed is still here; save again to put it in its place.")
        form.version.data = str(_find(key).version)
        return _show(_find(key), form, status=409)
    return done(
        url_for("admin.calendars.show", key=key), "The changes are saved. Stages that open from now on go by them."
    )


def clock_time(minutes: int) -> str:
    """Minutes after midnight as a clock shows them."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def days_of(calendar: BusinessCalendar) -> str:
    """The working days in words."""
    days = sorted(calendar.days)
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{WEEKDAYS[days[0]]} to {WEEKDAYS[days[-1]]}"
    return ", ".join(WEEKDAYS[day] for day in days)


def _show(calendar: BusinessCalendar, form: CalendarForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/calendars/show.html",
        status=status,
        calendar=calendar,
        form=form,
        may_edit=current_person().may(Right.EDIT_POLICIES),
        hours=f"{clock_time(calendar.opens)} to {clock_time(calendar.closes)}",
        days=days_of(calendar),
    )


def _values_of(calendar: BusinessCalendar) -> dict[str, Any]:
    names = ("name", "zone", "days", "opens", "closes", "holidays")
    return {name: getattr(calendar, name) for name in names}


def _holiday(line: str) -> dict[str, str]:
    typed, _, name = line.partition(" ")
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        raise ValueError(
            f"“{typed[:20]}” is no date. Write each holiday like this: 2026-12-25 Christmas Day."
        ) from None
    return {"date": day.isoformat(), "name": " ".join(name.split())[:120]}


def _find(key: str) -> BusinessCalendar:
    return found(schedule.calendar_named(key))
