"""Never stuck: for each open request the person who can act now and by when, or an alarm that says why nobody can.

The alarm stands with the stage, so that a dashboard finds the few among the many. Whatever changes who may answer
staffs the stages that it touches at once; what nobody noticed is found by the rounds of ``look_after``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, TextClause, and_, func, select, text
from sqlalchemy.orm import joinedload

from portal.access.models import AccessRequest, RequestStatus
from portal.access.review import ReviewStage, StageAssignee, StageState
from portal.access.staffing import able, circle_of, restaff
from portal.access.timing import expires_at
from portal.accounts import RoleName, User, people_with_role
from portal.db import db
from portal.policies import may_review

MOST_LOOKED_AFTER = 20
_ACTED_ON = (StageState.OPEN, StageState.PAUSED)


@dataclass(frozen=True)
class Turn:
    """Whose turn it is, for which stage, and by when; ``alarm`` says why nobody can act."""

    stage: ReviewStage | None
    person: User | None
    by_when: datetime | None
    alarm: str = ""


@dataclass(frozen=True)
class Alarm:
    """An open request that cannot go on by itself."""

    request: AccessRequest
    stage: ReviewStage | None
    text: str


def who_can_act(request: AccessRequest) -> Turn | None:
    """One real person who can act on an open request now, and by when; None when the request is closed.

    A stage that nobody can answer comes before all others: the request cannot end well without it.
    """
    if not request.is_pending:
        return None
    turns = [_turn(stage) for stage in request.stages if stage.state in _ACTED_ON]
    if not turns:
        return Turn(None, None, None, "No stage of this request is open.")
    stuck = [turn for turn in turns if turn.alarm]
    return (stuck or sorted(turns, key=lambda turn: (turn.by_when is None, turn.by_when)))[0]


def alarms(*, size: int = 50) -> Sequence[Alarm]:
    """The open requests that nobody can bring to an end, the oldest first."""
    whole = (joinedload(AccessRequest.requester), joinedload(AccessRequest.app))
    stages = select(ReviewStage).join(AccessRequest).where(AccessRequest.status == RequestStatus.PENDING, _alarmed())
    stages = stages.options(joinedload(ReviewStage.request).options(*whole)).order_by(ReviewStage.id).limit(size)
    found = [Alarm(stage.request, stage, stage.alarm) for stage in db.session.scalars(stages)]
    still = select(AccessRequest).where(AccessRequest.status == RequestStatus.PENDING, ~_has_open_stage())
    still = still.options(*whole).order_by(AccessRequest.id).limit(size)
    return found + [Alarm(each, None, "No stage of this request is open.") for each in db.session.scalars(still)]


def count_alarms() -> int:
    """How many open requests nobody can bring to an end."""
    pending = AccessRequest.status == RequestStatus.PENDING
    alarmed = select(func.count(AccessRequest.id.distinct())).join(ReviewStage).where(pending, _alarmed())
    still = select(func.count(AccessRequest.id)).where(pending, ~_has_open_stage())
    return (db.session.scalar(alarmed) or 0) + (db.session.scalar(still) or 0)


def unattended(*, size: int = MOST_LOOKED_AFTER) -> Sequence[AccessRequest]:
    """Open requests with a stage whose people have all gone, or that has no time yet."""
    waiting = (
        select(StageAssignee.id)
        .join(User)
        .where(StageAssignee.stage_id == ReviewStage.id, StageAssignee.waits, User.active)
    )
    lost = and_(ReviewStage.state == StageState.OPEN, ReviewStage.alarm == "", ~waiting.exists())
    timeless = and_(ReviewStage.state == StageState.OPEN, ReviewStage.due_at.is_(None))
    stages = select(ReviewStage.request_id).where(
        lost | timeless
    )  # no DISTINCT: PostgreSQL cannot compare JSON columns
    query = select(AccessRequest).where(AccessRequest.status == RequestStatus.PENDING, AccessRequest.id.in_(stages))
    return db.session.scalars(query.order_by(AccessRequest.id).limit(size)).all()


def look_after(after_id: int = 0, *, size: int = MOST_LOOKED_AFTER) -> int:
    """Staff the next open requests anew; the id to go on after, or 0 when the round is done.

    Those whose people have all gone are among them in each step. All are locked in one go, in the order in which
    everybody locks them.
    """
    query = select(AccessRequest).where(AccessRequest.status == RequestStatus.PENDING, AccessRequest.id > after_id)
    in_turn = db.session.scalars(query.order_by(AccessRequest.id).limit(size)).all()
    last = in_turn[-1].id if len(in_turn) == size else 0
    restaff(list({request.id: request for request in (*unattended(size=size), *in_turn)}.values()))
    return last


def _turn(stage: ReviewStage) -> Turn:
    by_when = expires_at(stage) if stage.state is StageState.PAUSED else stage.due_at
    if stage.alarm:
        return Turn(stage, None, by_when, stage.alarm)
    if stage.state is StageState.PAUSED:
        requester = stage.request.requester
        gone = "" if requester.active else "The requester who should answer has gone."
        return Turn(stage, requester if requester.active else None, by_when, gone)
    people = [assignee.user for assignee in able(stage)] or _administrators(stage)
    if not people:
        return Turn(stage, None, by_when, "Nobody is left who may answer.")
    claimed = [person for person in people if person.id == stage.claimed_by_id]
    return Turn(stage, (claimed or people)[0], by_when)


def _administrators(stage: ReviewStage) -> list[User]:
    answered = {review.reviewer_id for review in stage.live_reviews}
    circle = circle_of(stage)
    asked = {assignee.user_id for assignee in stage.assignees}
    everybody = people_with_role(RoleName.ADMINISTRATOR)
    return [p for p in everybody if p.id not in answered | asked and may_review(p, circle)]


def _alarmed() -> TextClause:
    """Written out and not bound, so that the databases know that the partial index fits."""
    return text("review_stage.alarm <> ''")


def _has_open_stage() -> ColumnElement[bool]:
    here = select(ReviewStage.id).where(ReviewStage.request_id == AccessRequest.id)
    return here.where(ReviewStage.state.in_(_ACTED_ON)).exists()
