"""Passing a stage on: step back from it, give it to somebody else, take it up so that others leave it, add another."""

from __future__ import annotations

from collections.abc import Sequence

from portal.access.decide import may_answer_now, settle
from portal.access.later import refuse_early
from portal.access.locking import lock_request
from portal.access.models import AccessRequest
from portal.access.review import AssigneeState, ReviewStage, StageAssignee, StageKind, StageState
from portal.access.staffing import by_hand, circle_of, open_stage, restaff
from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.db import db, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record
from portal.policies import BASE_STAGE, BY_HAND, StageTemplate, may_review, name_of, stage_templates


def recuse(request: AccessRequest, *, by: User, stage_id: int, reason: str) -> None:
    """Step back from a stage, for good; an answer that one gave does not count any more.

    If nobody else is left the stage's fallback is asked.
    """
    locked, stage = _open_stage(request, stage_id, by)
    if is_blank(reason):
        raise Invalid("Say why you step back: the record keeps it.", field="reason")
    mine = _mine(stage, by)
    mine.state, mine.waits, mine.reason = AssigneeState.RECUSED, False, reason.strip()
    _release(stage, by)
    voided = _void_answers(stage, by)
    record(EventKind.STAGE_RECUSED, subject=stage, by=by, reason=reason.strip(), after={"voided": voided})
    restaff([locked])


def reassign(request: AccessRequest, to: User, *, by: User, stage_id: int, reason: str = "") -> None:
    """Give one's place in a stage to somebody else. An administrator may add somebody without being asked oneself.

    Nobody chooses who answers their own request, and nobody puts themselves in.
    """
    locked, stage = _open_stage(request, stage_id, by)
    if locked.requester_id == by.id:
        raise NotAllowed("Nobody chooses who answers their own request.")
    mine = next((a for a in stage.active_assignees if a.user_id == by.id), None)
    if mine is None and not by.may(Right.EDIT_USERS):
        raise NotAllowed("You are not asked here, so you cannot pass it on.")
    if mine is not None and by.id in stage.answered_by:
        raise Conflict("You have answered already, so there is nothing to pass on.")
    _refuse_taker(stage, to, by)
    place = [name_of(source) for source in stage.template.get("sources", ())]
    if mine is not None:
        place = mine.via.split("|")
        mine.state, mine.waits, mine.reason = AssigneeState.REASSIGNED, False, reason.strip()
        _release(stage, by)
    known = next((a for a in stage.assignees if a.user_id == to.id), None)
    if known is None:
        known = StageAssignee(request_id=locked.id, user=to, via=BY_HAND, state=AssigneeState.ACTIVE)
        stage.assignees.append(known)
    known.state, known.via, known.waits = AssigneeState.ACTIVE, by_hand(*place), stage.state is StageState.OPEN
    record(
        EventKind.STAGE_REASSIGNED,
        subject=stage,
        by=by,
        reason=reason.strip(),
        before={"asked": [by.email] if mine is not None else []},
        after={"asked": [to.email]},
    )
    restaff([locked])
    record(EventKind.REVIEWER_ASKED, subject=known, by=by, reason=reason.strip())


def claim(request: AccessRequest, *, by: User, stage_id: int) -> None:
    """Say that one takes care of a stage, so that others need not; they still may. Raises Conflict when one has."""
    _, stage = _open_stage(request, stage_id, by)
    if not may_answer_now(stage, by):
        raise NotAllowed("This stage does not wait for you.")
    if stage.claimed_by is not None and stage.claimed_by_id != by.id and may_answer_now(stage, stage.claimed_by):
        raise Conflict(f"{stage.claimed_by.display_name} takes care of this already.")
    if stage.claimed_by_id == by.id:
        return
    stage.claimed_by = by
    record(EventKind.STAGE_CLAIMED, subject=stage, by=by)


def release(request: AccessRequest, *, by: User, stage_id: int) -> None:
    """Leave a claimed stage to the others again. An administrator may for somebody who is away."""
    _, stage = _open_stage(request, stage_id, by)
    if stage.claimed_by_id is None:
        raise Conflict("Nobody has taken this up.")
    if stage.claimed_by_id != by.id and not by.may(Right.EDIT_USERS):
        raise NotAllowed("Somebody else has taken this up.")
    stage.claimed_by = None
    record(EventKind.STAGE_RELEASED, subject=stage, by=by)


def addable_stages(request: AccessRequest) -> list[StageTemplate]:
    """The stages that a reviewer may add to this request: allowed to be added, and not in it yet (C59)."""
    there = {stage.key for stage in request.stages if stage.state is not StageState.SKIPPED}
    return [t for key, t in stage_templates().items() if t.may_be_added and key not in {*there, BASE_STAGE}]


def add_stage(request: AccessRequest, key: str, *, by: User, because: str) -> ReviewStage:
    """Ask for one more stage, which opens beside those that are open now. Nobody can take a required stage away."""
    locked = lock_request(request)
    mine = [stage for stage in locked.open_stages if may_answer_now(stage, by)]
    if not mine:
        refuse_early(locked, by)
        raise NotAllowed(f"{locked.number} does not wait for your answer.")
    template = next((t for t in addable_stages(locked) if t.key == key), None)
    if template is None:
        raise Invalid("Choose one of the stages that can be added.", field="stage")
    if is_blank(because):
        raise Invalid("Say why this stage is needed.", field="because")
    added = ReviewStage(
        key=template.key,
        name=template.name,
        because=because.strip(),
        kind=StageKind(template.kind.value),
        template=template.as_json(),
        position=mine[0].position,
        added_by=by,
        assignees=[],
        reviews=[],
        questions=[],
    )
    locked.stages.append(added)
    db.session.flush()
    record(EventKind.STAGE_ADDED, subject=added, by=by, reason=because.strip())
    open_stage(added, by=by)
    settle(locked, by=by)
    return added


def _open_stage(request: AccessRequest, stage_id: int, by: User) -> tuple[AccessRequest, ReviewStage]:
    locked = lock_request(request)
    stage = next((s for s in locked.stages if s.id == stage_id), None)
    if stage is None or stage.state is not StageState.OPEN:
        refuse_early(locked, by, stage_id=stage_id)
        raise Conflict("This stage is not open any more. Nothing was changed.")
    return locked, stage


def _mine(stage: ReviewStage, by: User) -> StageAssignee:
    for assignee in stage.active_assignees:
        if assignee.user_id == by.id:
            return assignee
    raise NotAllowed("This stage does not wait for you.")


def _refuse_taker(stage: ReviewStage, to: User, by: User) -> None:
    """Say why somebody cannot be given a place in this stage."""
    if to.id == by.id:
        raise Invalid("Choose somebody else than yourself.", field="to")
    if not may_review(to, circle_of(stage)):
        raise Invalid(f"{to.display_name} cannot answer for this request.", field="to")
    if any(a.user_id == to.id and a.state is AssigneeState.RECUSED for a in stage.assignees):
        raise Invalid(f"{to.display_name} has stepped back from this stage.", field="to")
    if any(a.user_id == to.id for a in stage.active_assignees):
        raise Conflict(f"{to.display_name} is asked already.")
    if to.id in stage.answered_by:
        raise Conflict(f"{to.display_name} has answered already.")


def _void_answers(stage: ReviewStage, by: User) -> list[str]:
    """Take back the answers that this person gave here, or that were given for them; says who had given them."""
    voided = [review for review in stage.live_reviews if by.id in {review.reviewer_id, review.principal_id}]
    for review in voided:
        review.voided_at = now()
    stage.ask_again()
    return [review.reviewer.email for review in voided]


def people_for(stage: ReviewStage, people: Sequence[User]) -> list[User]:
    """Those of these people to whom the stage could be given."""
    circle, asked = circle_of(stage), {a.user_id for a in stage.active_assignees}
    return [person for person in people if person.id not in asked and may_review(person, circle)]


def _release(stage: ReviewStage, by: User) -> None:
    if stage.claimed_by_id == by.id:
        stage.claimed_by = None
