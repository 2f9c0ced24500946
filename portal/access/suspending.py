"""Suspending access for a time: it opens nothing from this moment on, and comes back with one press (C77).

Suspended access is held all the same: nobody else's comes in its place, and it ends when its time is over.
"""

from __future__ import annotations

from portal.access.ending import lock_grant, may_revoke, may_revoke_of_others, refuse_if_over, said_why
from portal.access.models import Grant, GrantState
from portal.access.reapproving import refuse_unapproved
from portal.accounts import Right, User
from portal.db import now
from portal.errors import Conflict, NotAllowed
from portal.events import EventKind, record


def suspend_access(grant: Grant, *, by: User, reason: str) -> Grant:
    """Let an access open nothing until somebody resumes it; whoever may revoke it can.

    Raises Invalid without a reason, Conflict when it does not stand.
    """
    if not may_revoke(grant, by):
        raise NotAllowed("You may not suspend this access.")
    said = said_why(reason)
    locked, _ = lock_grant(grant)
    refuse_if_over(locked)
    locked.move_to(GrantState.SUSPENDED)
    locked.suspended_at, locked.suspended_reason = now(), said
    locked.suspended_by_app, locked.suspended_cause = locked.app.is_editable_by(by), None
    record(EventKind.ACCESS_SUSPENDED, subject=locked, by=by, reason=said)
    return locked


def resume_access(grant: Grant, *, by: User, reason: str = "") -> Grant:
    """Let a suspended access open what it opened before. Raises NotAllowed for those who may not, Conflict if over."""
    locked, credential = lock_grant(grant)
    refuse_if_over(locked)
    if locked.state is not GrantState.SUSPENDED:
        raise Conflict("This access is not suspended.")
    if not may_resume(locked, by):
        raise NotAllowed("Somebody else has suspended this access. Ask the product’s owners to resume it.")
    if not credential.is_live:
        raise Conflict("The credential of this access has ended.")
    refuse_unapproved(locked)
    locked.move_to(GrantState.ACTIVE)
    locked.suspended_at, locked.suspended_reason = None, ""
    locked.suspended_by_app, locked.suspended_cause = False, None
    record(EventKind.ACCESS_RESUMED, subject=locked, by=by, reason=reason.strip())
    return locked


def may_resume(grant: Grant, person: User) -> bool:
    """Whether this person may resume a suspended access.

    What an app's own people suspended, they resume; what others did, those who own the product. Administrators both.
    """
    if not grant.suspended_by_app:
        return may_revoke_of_others(grant, person)
    everything = person.may(Right.REVOKE_ACCESS) and person.may(Right.SEE_ALL_REQUESTS)
    return grant.app.is_editable_by(person) or everything
