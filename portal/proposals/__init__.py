"""The second person: critical changes that one person asks for and another confirms (C137).

Off unless the installation wants it (``four_eyes``): then the same functions that make such a change propose it.
"""

from portal.proposals.changing import change_plan, change_roles, create_plan
from portal.proposals.models import ChangeKind, ChangeState, ProposedChange
from portal.proposals.seconding import (
    LONGEST_REASON,
    confirm,
    find_change,
    may_confirm,
    may_see_changes,
    refuse,
    second_persons,
    take_back,
    waiting_about,
    waiting_changes,
)

__all__ = [
    "LONGEST_REASON",
    "ChangeKind",
    "ChangeState",
    "ProposedChange",
    "change_plan",
    "change_roles",
    "confirm",
    "create_plan",
    "find_change",
    "may_confirm",
    "may_see_changes",
    "refuse",
    "second_persons",
    "take_back",
    "waiting_about",
    "waiting_changes",
]
