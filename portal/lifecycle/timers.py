"""The timers of a credential: what they stand under, and their kinds. What each does is in ``clock.STEPS``.

Those that go out some days before a day are numbered by both: when the day moves, others take their place.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from portal.schedule import Planned

SUBJECT = "credential"
_MOST_DAYS = 1000


class CredentialTimer(StrEnum):
    """What is to happen to a credential at a time."""

    EXPIRY_NOTICE = "expiry_notice"
    CLAIM_REMIND = "claim_remind"
    CLAIM_END = "claim_end"
    ROTATE_REMIND = "rotate_remind"
    OVERLAP_END = "overlap_end"


def number_of(day: datetime, days_before: int) -> int:
    """The number of a timer for something that is due on this day, so many days before."""
    return day.toordinal() * _MOST_DAYS + days_before


def is_about(day: datetime, fired: Planned) -> bool:
    """Whether a timer that has fired was numbered by this day."""
    return day.toordinal() == fired.nth // _MOST_DAYS
