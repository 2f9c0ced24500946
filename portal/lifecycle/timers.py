"""The timers of a credential: what they stand under, and their kinds. What each does is in ``clock.STEPS``."""

from __future__ import annotations

from enum import StrEnum

SUBJECT = "credential"


class CredentialTimer(StrEnum):
    """What is to happen to a credential at a time."""

    EXPIRY_NOTICE = "expiry_notice"
    CLAIM_REMIND = "claim_remind"
    CLAIM_END = "claim_end"
    ROTATE_REMIND = "rotate_remind"
    OVERLAP_END = "overlap_end"
