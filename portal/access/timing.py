"""The clock of a stage: when it is due, and the timers that remind, escalate and let it expire.

All times are working time of the stage's calendar. The clock follows the state of the stage, whoever changes it: it
begins when the stage opens, stands still while a question waits for its answer, and ends with the stage.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from portal import schedule
from portal.db import db, now
from portal.policies import Times
from portal.schedule import Planned, WorkingTime, add_business_time, add_business_times, business_time_between

if TYPE_CHECKING:
    from portal.access.review import ReviewStage, StageState

SUBJECT = "review_stage"
DAILY_AT_THE_END = 3
log = structlog.get_logger(__name__)


class StageTimer(StrEnum):
    """What the clock of a stage does when its time comes."""

    REMIND = "remind"
    ESCALATE = "escalate"
    EXPIRE = "expire"
    RESTAFF = "restaff"
    ANSWER_REMIND = "answer_remind"
    ANSWER_EXPIRE = "answer_expire"


ANSWER_TIMERS = (StageTimer.ANSWER_REMIND, StageTimer.ANSWER_EXPIRE)


def follow(stage: ReviewStage, before: StageState) -> None:
    """Let the clock follow a stage that has just changed its state."""
    if not stage.id:
        db.session.flush()
    if stage.state == "open":
        if before == "paused":
            _go_on(stage)
        else:
            start(stage, anew=stage.due_at is not None)
    elif stage.state == "paused":
        _stand_still(stage)
    elif before in ("open", "paused"):
        stage.alarm = ""
        schedule.cancel(SUBJECT, stage.id)


def start(stage: ReviewStage, *, anew: bool = False) -> None:
    """Set when the stage is due, and all of its timers, from now on."""
    times, working = Times.of(stage.template), working_time_of(stage)
    reminders = _reminders(times, working.day / timedelta(hours=1))
    hours = [times.due(stage.request.environment), times.escalate_hours, times.expire_hours, *reminders]
    due, escalate, expire, *remind = add_business_times(working, now(), [timedelta(hours=each) for each in hours])
    stage.due_at, stage.paused_at, stage.escalated_at = due, None, None
    planned = [Planned(StageTimer.REMIND, moment, nth) for nth, moment in enumerate(remind, 1)]
    planned += [Planned(StageTimer.ESCALATE, escalate), Planned(StageTimer.EXPIRE, expire)]
    schedule.arm(SUBJECT, stage.id, planned, anew=anew)


def expires_at(stage: ReviewStage) -> datetime | None:
    """When the stage, or the question that it waits for, runs out if nobody answers."""
    kind = StageTimer.ANSWER_EXPIRE if stage.state == "paused" else StageTimer.EXPIRE
    return schedule.next_due(SUBJECT, stage.id, kind)


def working_time_of(stage: ReviewStage) -> WorkingTime:
    """The working time by which a stage is timed."""
    return working_time_by(Times.of(stage.template).calendar)


def working_time_by(key: str = schedule.DEFAULT_CALENDAR) -> WorkingTime:
    """The working time of this calendar. One that is gone or broken gives way to the usual one."""
    calendar = schedule.calendar_named(key) or schedule.calendar_named(schedule.DEFAULT_CALENDAR)
    try:
        return calendar.working_time if calendar is not None else WorkingTime()
    except ValueError as problem:
        log.error("calendar_broken", calendar=key, problem=str(problem))
        return WorkingTime()


def _reminders(times: Times, day: float) -> list[float]:
    """After how many working hours people are reminded: once, and daily in the last days."""
    last = [times.expire_hours - day * number for number in range(DAILY_AT_THE_END, 0, -1)]
    return [float(times.remind_hours), *(hours for hours in last if hours > times.remind_hours)]


def _stand_still(stage: ReviewStage) -> None:
    """While a question waits, the requester's time runs and the reviewers' does not."""
    stage.paused_at = stage.paused_at or now()
    schedule.hold(SUBJECT, stage.id)
    hours, working = Times.of(stage.template).answer_hours, working_time_of(stage)
    expires = add_business_time(working, now(), timedelta(hours=hours))
    reminder = add_business_time(
        working, now(), max(timedelta(hours=hours) - 2 * working.day, timedelta(hours=hours) / 2)
    )
    planned = [Planned(StageTimer.ANSWER_REMIND, reminder), Planned(StageTimer.ANSWER_EXPIRE, expires)]
    schedule.arm(SUBJECT, stage.id, planned, anew=True)


def _go_on(stage: ReviewStage) -> None:
    """What working time was left when the clock stopped is left now."""
    working, paused = working_time_of(stage), stage.paused_at or now()

    def moved(due_at: datetime) -> datetime:
        return add_business_time(working, now(), business_time_between(working, paused, due_at))

    schedule.cancel(SUBJECT, stage.id, kinds=ANSWER_TIMERS)
    schedule.release(SUBJECT, stage.id, moved)
    if stage.due_at is not None:
        stage.due_at = moved(stage.due_at) if stage.due_at > paused else stage.due_at
    stage.paused_at = None
