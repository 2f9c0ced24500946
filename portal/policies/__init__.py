"""What a request needs: which stages, and who may answer them.

Auto-approval is not a special case: it is an answer with no stages.
"""

from portal.policies.decide import Ask, Decision, History, StageSpec, decide, explain, facts_for, instantly
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
from portal.policies.stages import StageTemplate
from portal.policies.versions import (
    PolicyState,
    PolicyVersion,
    StageTemplateRow,
    in_force,
    stage_templates,
    touched_by,
)

__all__ = [
    "BY_HAND",
    "LAST_RESORT",
    "Ask",
    "Asked",
    "Circle",
    "Decision",
    "History",
    "PolicyState",
    "PolicyVersion",
    "Staff",
    "StageSpec",
    "StageTemplate",
    "StageTemplateRow",
    "decide",
    "escalation_for",
    "explain",
    "facts_for",
    "in_force",
    "instantly",
    "may_review",
    "name_of",
    "staff_for",
    "stage_templates",
    "still_holds",
    "touched_by",
]
