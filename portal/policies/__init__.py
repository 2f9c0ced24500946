"""What a request needs: which stages, and who may answer them.

Auto-approval is not a special case: it is an answer with no stages.
"""

from portal.policies.decide import Decision, StageSpec, decide, explain
from portal.policies.reviewers import (
    BY_HAND,
    LAST_RESORT,
    Asked,
    Circle,
    Staff,
    escalation_for,
    may_review,
    name_of,
    staff_for,
    still_holds,
)

__all__ = [
    "BY_HAND",
    "LAST_RESORT",
    "Asked",
    "Circle",
    "Decision",
    "Staff",
    "StageSpec",
    "decide",
    "escalation_for",
    "explain",
    "may_review",
    "name_of",
    "staff_for",
    "still_holds",
]
