"""What time does to a request: it reminds, asks more people, and in the end lets it expire. It never approves (I10).

Each step locks the request first and looks at it anew, so nobody is reminded of what has just been decided. A step and
the firing of its timers are one transaction: whoever is killed in between has done nothing. After an outage only the
latest of the reminders that were missed goes out, and none to a request whose time is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from portal import schedule
from portal.access import quorum
from portal.access.break_glass import bar_after
from portal.access.ending import close_refused
from portal.access.locking import lock_request
from portal.access.models import RequestStatus
from portal.access.review import ReviewStage, StageState
from portal.access.staffing import escalate, staff_anew
from portal.access.timing import SUBJECT, StageTimer
from portal.db import db, now
from portal.events import EventKind, record
from portal.policies import OnTimeout


def stages_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The stages for which a timer has come, the latest first."""
    return schedule.due_subjects(SUBJECT, size=size, without=without)


def keep_time(stage_id: int) -> bool:
    """Do what is due for this stage; False when another was quicker or there is nothing to do any more."""
    stage = db.session.get(ReviewStage, stage_id)
    if stage is None:
        return bool(schedule.claim_due(SUBJECT, stage_id))
    request = lock_request(stage.request)
    fired = {planned.kind for planned in schedule.claim_due(SUBJECT, stage_id)}
    if not (fired and request.is_pending):
        return False
    if stage.state is StageState.OPEN:
        _reviewers_are_late(stage, fired)
    elif stage.state is StageState.PAUSED:
        _answer_is_late(stage, fired)
    else:
        return False
    return True


def _reviewers_are_late(stage: ReviewStage, fired: set[str]) -> None:
    if StageTimer.EXPIRE in fired:
        _run_out(stage, f"Nobody gave the {stage.what_it_gives} in time.")
        return
    staff_anew(stage)
    if StageTimer.ESCALATE in fired:
        _escalate(stage)
    elif StageTimer.REMIND in fired:
        _remind(stage)


def _answer_is_late(stage: ReviewStage, fired: set[str]) -> None:
    if StageTimer.ANSWER_EXPIRE in fired:
        _run_out(stage, "A reviewer’s question was not answered in time.")
    elif StageTimer.ANSWER_REMIND in fired:
        told = {"reminded": [stage.request.requester.email]}
        record(EventKind.ANSWER_REMINDED, subject=stage, by=None, after=told)
    elif StageTimer.RESTAFF in fired:
        staff_anew(stage)


def _remind(stage: ReviewStage) -> None:
    waiting = [a.user.email for a in stage.assignees if a.waits and a.user.active]
    if waiting:
        record(EventKind.STAGE_REMINDED, subject=stage, by=None, after={"reminded": waiting, "due": stage.due_at})


def _escalate(stage: ReviewStage) -> None:
    """Ask more people, and tell everybody who has not answered: an escalation is a reminder as well.

    Where all who are asked must agree, one more would be one more to wait for: there they are only told.
    """
    waiting = [a.user.email for a in stage.assignees if a.waits and a.user.active]
    new = [] if quorum.needs_everybody(stage) else escalate(stage)
    stage.escalated_at = now()
    asked = [assignee.user.email for assignee in new]
    record(
        EventKind.STAGE_ESCALATED, subject=stage, by=None, reason=_late(stage), after={"asked": asked, "late": waiting}
    )


def _late(stage: ReviewStage) -> str:
    since = f"since {_day(stage.opened_at)}" if stage.opened_at else "for days"
    return f"The {stage.what_it_gives} has been awaited {since}."


def _run_out(stage: ReviewStage, because: str) -> None:
    """Close the request: expired, or rejected where the stage says so."""
    request, rejects = stage.request, stage.template.get("on_timeout") == OnTimeout.REJECT
    if rejects and stage.state is StageState.OPEN:
        stage.close(StageState.REJECTED, by=None, comment=because)
        record(EventKind.STAGE_REJECTED, subject=stage, by=None, reason=because)
    else:
        stage.move_to(StageState.EXPIRED)
        stage.comment, stage.decided_at = because, now()
        record(EventKind.STAGE_EXPIRED, subject=stage, by=None, reason=because)
    close_refused(request, RequestStatus.REJECTED if rejects else RequestStatus.EXPIRED, by=None, reason=because)
    kind = EventKind.REQUEST_REJECTED if rejects else EventKind.REQUEST_EXPIRED
    record(kind, subject=request, by=None, reason=because)
    bar_after(request, because)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
