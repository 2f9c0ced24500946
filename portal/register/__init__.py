"""The register of access: what stands and stood, who may see it, how it is used, and what nobody seems to need.

It stands above ``portal.access`` and only reads what that has written, but for use and for taking back what is idle.
"""

from portal.register.accesses import (
    Ground,
    RegisterFilters,
    RegisterView,
    accesses,
    find_access,
    ground_of,
    life_of,
    may_see,
    next_of,
    past_of,
)
from portal.register.idle import Idle, Proposed, ask_owners, idle_counts, idle_grants, mark_of_use, revoke_proposed
from portal.register.usage import GrantUse, ScopeUse, note_uses, use_of

__all__ = [
    "GrantUse",
    "Ground",
    "Idle",
    "Proposed",
    "RegisterFilters",
    "RegisterView",
    "ScopeUse",
    "accesses",
    "ask_owners",
    "find_access",
    "ground_of",
    "idle_counts",
    "idle_grants",
    "life_of",
    "mark_of_use",
    "may_see",
    "next_of",
    "note_uses",
    "past_of",
    "revoke_proposed",
    "use_of",
]
