"""Asking people: whom an open stage waits for, now and as groups, roles and owners change under it.

A stage is never left with nobody (domain model, stage flow 2): when its own people are gone its fallback is asked, then
the administrators, and the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.access import quorum, timing
from portal.access.locking import lock_requests
from portal.access.models import AccessRequest
from portal.access.review import UNANSWERED, AssigneeState, ReviewStage, StageAssignee, StageState
from portal.accounts import User
from portal.events import EventKind, record
from portal.policies import (
    BASE_STAGE,
    BY_HAND,
    LAST_RESORT,
    Asked,
    Circle,
    Staff,
    escalation_for,
    name_of,
    staff_for,
    still_holds,
)


def circle_of(stage: ReviewStage) -> Circle:
    """The people around a stage: the requester, and the owners of the products that it answers for."""
    request = stage.request
    products = [p for p in request.products if not stage.product_ids or p.id in stage.product_ids]
    owners = {owner.id: owner for product in products for owner in product.owners}
    recused = frozenset(a.user_id for a in stage.assignees if a.state is AssigneeState.RECUSED)
    return Circle(request.requester, tuple(owners[key] for key in sorted(owners)), recused)


def open_stage(stage: ReviewStage, *, by: User | None = None) -> None:
    """Open a stage for the people whom it names now, and tell them."""
    staff = staff_for(stage.template, circle_of(stage))
    _let_go(stage, staff)
    new = ask(stage, staff.asked)
    stage.open()
    record(
        EventKind.STAGE_OPENED, subject=stage, by=by, reason=stage.because, after={"asked": [a.user.email for a in new]}
    )
    if not staff.intended and stage.key != BASE_STAGE:
        _tell_unstaffed(stage)
    _raise_alarm(stage)


def put_back(stage: ReviewStage) -> None:
    """Let an open stage wait for its turn again: an earlier one has been opened anew. Its answers stay."""
    stage.move_to(StageState.WAITING)
    record(EventKind.STAGE_PUT_BACK, subject=stage, by=None, reason="An earlier stage has to be answered again first.")


def skip(stage: ReviewStage, because: str) -> None:
    """Leave a stage out that is not needed any more, if it has not been answered."""
    if stage.state in UNANSWERED:
        stage.move_to(StageState.SKIPPED)
        record(EventKind.STAGE_SKIPPED, subject=stage, by=None, reason=because)


def open_in_turn(stages: Sequence[ReviewStage]) -> None:
    """Open the stages whose turn it is, side by side, and let those after them wait until these are answered."""
    unanswered = [stage for stage in stages if stage.state in UNANSWERED]
    first = min((stage.position for stage in unanswered), default=0)
    for stage in unanswered:
        if stage.position == first and stage.state is StageState.WAITING:
            open_stage(stage)
        elif stage.position > first and stage.state is StageState.OPEN:
            put_back(stage)


def may_answer(stage: ReviewStage, person: User, circle: Circle | None = None) -> bool:
    """Whether this person may answer this stage now, in their own name.

    Who was asked, and still is what they were asked as; where nobody is left of those, an administrator.
    """
    circle = circle or circle_of(stage)
    if is_asked(stage, person, circle):
        return True
    return still_holds(person, LAST_RESORT, circle) and not able(stage, circle)


def is_asked(stage: ReviewStage, person: User, circle: Circle) -> bool:
    """Whether this person was asked, and still is what they were asked as."""
    return any(a.user_id == person.id and still_holds(person, a.via, circle) for a in stage.active_assignees)


def restaff(requests: Sequence[AccessRequest]) -> None:
    """Ask whoever the open stages of these requests name now, and no longer those who have gone (C34).

    People whom somebody chose by hand, or to whom a stage was escalated, stay as long as they may review.
    """
    for request in lock_requests(requests):
        for stage in request.stages:
            if request.is_pending and stage.state in {StageState.OPEN, StageState.PAUSED}:
                staff_anew(stage)


def tell_asked(assignees: Iterable[StageAssignee]) -> None:
    """Tell people who are asked now and were not when the stage opened."""
    for assignee in assignees:
        if assignee.waits:
            record(EventKind.REVIEWER_ASKED, subject=assignee, by=None, reason=assignee.stage.because)


def escalate(stage: ReviewStage) -> list[StageAssignee]:
    """Ask as well whom the stage names for when it is late; says who was not asked before.

    They stay whatever the stage is staffed with, and their yes counts for any of its groups.
    """
    sources = [name_of(source) for source in stage.template.get("sources", ())]
    asked = escalation_for(stage.template, circle_of(stage))
    return ask(stage, [Asked(each.person, by_hand(each.via, *sources)) for each in asked])


def by_hand(*via: str) -> str:
    """The place of somebody who is asked by hand, and counts for these sources as well."""
    return "|".join(dict.fromkeys([BY_HAND, *via]))


def staff_anew(stage: ReviewStage) -> None:
    """Ask whoever this stage names now, and no longer those who have gone. The request is locked."""
    staff = staff_for(stage.template, circle_of(stage))
    gone = _let_go(stage, staff)
    kept = [a for a in stage.active_assignees if a.via.startswith(BY_HAND)]
    wanted = staff.asked if staff.intended or not kept else ()
    new = ask(stage, wanted)
    if gone or new:
        record(
            EventKind.STAGE_STAFFED,
            subject=stage,
            by=None,
            before={"asked": [a.user.email for a in gone]},
            after={"asked": [a.user.email for a in new]},
        )
        tell_asked(new)
    if new and not staff.intended and stage.key != BASE_STAGE:
        _tell_unstaffed(stage)
    if stage.due_at is None and stage.state is StageState.OPEN:
        timing.start(stage, anew=True)  # it was opened before stages had times
    _raise_alarm(stage)


def _let_go(stage: ReviewStage, staff: Staff) -> list[StageAssignee]:
    """No longer ask those who have gone, nor those who only stood in while the stage's own people were missing."""
    circle, named = circle_of(stage), {each.person.id for each in staff.asked}
    gone = []
    for assignee in stage.active_assignees:
        stays = not staff.intended or assignee.user_id in named or assignee.via.startswith(BY_HAND)
        if not (stays and still_holds(assignee.user, assignee.via, circle)):
            assignee.state, assignee.waits = AssigneeState.INELIGIBLE, False
            gone.append(assignee)
    if stage.claimed_by_id in {assignee.user_id for assignee in gone}:
        stage.claimed_by = None
    return gone


def able(stage: ReviewStage, circle: Circle | None = None) -> list[StageAssignee]:
    """Those who are asked, have not answered yet and may."""
    circle, answered = circle or circle_of(stage), stage.answered_by
    waiting = [a for a in stage.active_assignees if a.user_id not in answered]
    return [a for a in waiting if still_holds(a.user, a.via, circle)]


def ask(stage: ReviewStage, asked: Iterable[Asked]) -> list[StageAssignee]:
    """Put these people on the stage who are not on it; says who is new. Who stepped back is not asked again."""
    known, answered = {assignee.user_id: assignee for assignee in stage.assignees}, stage.answered_by
    new = []
    for each in asked:
        assignee = known.get(each.person.id)
        if assignee is None:
            assignee = StageAssignee(
                request_id=stage.request_id,
                user=each.person,
                user_id=each.person.id,  # asked for before the database gives it
                via=each.via,
                state=AssigneeState.ACTIVE,
            )
            stage.assignees.append(assignee)
        elif assignee.state is AssigneeState.INELIGIBLE:
            assignee.state, assignee.via = AssigneeState.ACTIVE, each.via
        else:
            if assignee.state is AssigneeState.ACTIVE and not assignee.via.startswith(BY_HAND):
                assignee.via = each.via  # of one group yesterday, and of two today
            continue
        assignee.waits = stage.state is StageState.OPEN and each.person.id not in answered
        new.append(assignee)
    return new


def _tell_unstaffed(stage: ReviewStage) -> None:
    """Nobody of the stage's own people can answer: say so where an auditor and the dashboard find it."""
    asked = [assignee.user.email for assignee in stage.active_assignees]
    record(EventKind.STAGE_UNSTAFFED, subject=stage, by=None, after={"asked": asked})


def _raise_alarm(stage: ReviewStage) -> None:
    """Keep with the stage whether the people who are asked can still finish it; more are asked before that is said."""
    before, trouble = stage.alarm, _trouble(stage)
    if trouble and (new := escalate(stage)):
        asked = [assignee.user.email for assignee in new]
        record(EventKind.STAGE_STAFFED, subject=stage, by=None, reason=trouble, after={"asked": asked})
        tell_asked(new)
        trouble = _trouble(stage)
    if trouble != before:  # a stage that is as it was is not written again
        stage.alarm = trouble
    if trouble and not before:
        record(EventKind.STAGE_UNSTAFFED, subject=stage, by=None, reason=trouble, after={"asked": []})


def _trouble(stage: ReviewStage) -> str:
    """Why this stage cannot come to its end with the people who are asked; empty when it can."""
    if stage.state is StageState.PAUSED:
        return "" if stage.request.requester.active else "The requester who should answer has gone."
    can = able(stage)
    if not can:
        return "Nobody is left who may answer."
    return quorum.shortage(stage, {assignee.user_id for assignee in can})
