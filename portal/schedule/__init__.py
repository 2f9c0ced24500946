"""When: timers that fire once, and the business calendars by which they are set."""

from portal.schedule.calendars import (
    DEFAULT_CALENDAR,
    BusinessCalendar,
    add_calendar,
    calendar_named,
    calendars,
    change_calendar,
)
from portal.schedule.timers import (
    Planned,
    Timer,
    TimerState,
    arm,
    arm_again,
    arm_once,
    cancel,
    claim_due,
    due_subjects,
    forget_finished,
    hold,
    next_due,
    release,
)
from portal.schedule.working_time import WEEKDAYS, WorkingTime, add_business_time, business_time_between

__all__ = [
    "DEFAULT_CALENDAR",
    "WEEKDAYS",
    "BusinessCalendar",
    "Planned",
    "Timer",
    "TimerState",
    "WorkingTime",
    "add_business_time",
    "add_calendar",
    "arm",
    "arm_again",
    "arm_once",
    "business_time_between",
    "calendar_named",
    "calendars",
    "cancel",
    "change_calendar",
    "claim_due",
    "due_subjects",
    "forget_finished",
    "hold",
    "next_due",
    "release",
]
