"""What waits for me."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal import access, apps, events, policies, proposals
from portal.accounts import Right
from portal.web import current_person, render, requires

bp = Blueprint("dashboard", __name__)
NEXT_SHOWN = 8
ALARMS_SHOWN = 20
ORPHANS_SHOWN = 10


@bp.get("/")
@requires(Right.USE_ADMIN)
def show() -> ResponseReturnValue:
    """The requests that wait for this person (for anybody, where they decide none), oldest first, and what to mend."""
    person = current_person()
    decides = person.may(Right.DECIDE_REQUESTS)
    sees = person.may(Right.SEE_REQUESTS)
    return render(
        "admin/dashboard/show.html",
        waiting=access.queue(seen_by=person, status="pending", mine=decides, size=NEXT_SHOWN) if sees else [],
        waiting_count=access.count_waiting_for(person),
        oldest=access.oldest_waiting_for(person),
        emergencies=access.emergencies(seen_by=person) if sees else [],
        outbox=events.backlog() if person.may(Right.SEE_MESSAGES) else None,
        alarms=access.alarms(size=ALARMS_SHOWN) if person.may(Right.SEE_ALL_REQUESTS) else [],
        alarm_count=access.count_alarms() if person.may(Right.SEE_ALL_REQUESTS) else 0,
        changes=[c for c in proposals.waiting_changes(seen_by=person) if proposals.may_confirm(c, person)],
        broken=policies.broken_stages() if person.may(Right.SEE_POLICIES) else {},
        orphans=apps.apps_without_owner(size=ORPHANS_SHOWN + 1) if person.may(Right.EDIT_USERS) else [],
        orphans_shown=ORPHANS_SHOWN,
        counts=access.counts_by_status(seen_by=person) if sees else {},
    )
