"""Asking people: whom an open stage waits for, now and as groups, roles and owners change under it.

A stage is never left with nobody (domain model, stage flow 2): when its own people are gone its fallback is asked, then
the administrators, and the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from portal.access.locking import lock_requests
from portal.access.models import AccessRequest, RequestStatus
from portal.access.review import AssigneeState, ReviewStage, StageAssignee, StageState
from portal.accounts import User
from portal.catalog import ApiProduct
from portal.db import db
from portal.events import EventKind, record
from portal.policies import BY_HAND, Asked, Circle, staff_for, still_holds


def circle_of(stage: ReviewStage) -> Circle:
    """The people around a stage: the requester, and the owners of the products that it answers for."""
    request = stage.request
    products = [p for p in request.products if not stage.product_ids or p.id in stage.product_ids]
    owners = {owner.id: owner for product in products for owner in product.owners}
    return Circle(request.requester, tuple(owners[key] for key in sorted(owners)))


def open_stage(stage: ReviewStage, *, by: User | None = None) -> None:
    """Open a stage for the people whom it names now, and tell them."""
    staff = staff_for(stage.template, circle_of(stage))
    new = _ask(stage, staff.asked)
    stage.open()
    record(
        EventKind.STAGE_OPENED, subject=stage, by=by, reason=stage.because, after={"asked": [a.user.email for a in new]}
    )
    if not staff.intended and stage.key != "owner":
        _tell_unstaffed(stage)


def may_answer(stage: ReviewStage, person: User, circle: Circle | None = None) -> bool:
    """Whether this person may answer this stage now, in their own name.

    Who was asked, and still is what they were asked as; where nobody is left of those, an administrator.
    """
    circle = circle or circle_of(stage)
    mine = [a for a in stage.active_assignees if a.user_id == person.id]
    if any(still_holds(person, a.via, circle) for a in mine):
        return True
    if stepped_back(stage, person) or not still_holds(person, "role:administrator", circle):
        return False
    return not any(still_holds(a.user, a.via, circle) for a in stage.active_assignees)


def stepped_back(stage: ReviewStage, person: User) -> bool:
    """Whether this person has recused themselves from this stage."""
    return any(a.user_id == person.id and a.state is AssigneeState.RECUSED for a in stage.assignees)


def restaff(requests: Sequence[AccessRequest]) -> None:
    """Ask whoever the open stages of these requests name now, and no longer those who have gone (C34).

    People whom somebody chose by hand, or to whom a stage was escalated, stay as long as they may review.
    """
    for request in lock_requests(requests):
        for stage in request.stages:
            if request.is_pending and stage.state in {StageState.OPEN, StageState.PAUSED}:
                _staff_anew(stage)


def restaff_for(
    *, person: User | None = None, group: str = "", role: str = "", product: ApiProduct | None = None
) -> None:
    """Staff the open stages anew that a change of this person, group, role or product's owners can touch."""
    query = (
        select(AccessRequest)
        .join(ReviewStage)
        .where(
            AccessRequest.status == RequestStatus.PENDING, ReviewStage.state.in_([StageState.OPEN, StageState.PAUSED])
        )
    )
    found = db.session.scalars(query.distinct()).all()
    touched = [r for r in found if any(_touches(stage, person, group, role, product) for stage in r.stages)]
    restaff(touched)


def _touches(stage: ReviewStage, person: User | None, group: str, role: str, product: ApiProduct | None) -> bool:
    sources = [*stage.template.get("sources", ()), *stage.template.get("fallback", ())]
    return bool(
        (person is not None and any(a.user_id == person.id for a in stage.assignees))
        or (group and any(source.get("key") == group for source in sources))
        or (role and any(source.get("role") == role for source in sources))
        or (product is not None and any(p.id == product.id for p in stage.request.products))
    )


def _staff_anew(stage: ReviewStage) -> None:
    circle = circle_of(stage)
    gone = [a for a in stage.active_assignees if not still_holds(a.user, a.via, circle)]
    for assignee in gone:
        assignee.state, assignee.waits = AssigneeState.INELIGIBLE, False
    staff = staff_for(stage.template, circle)
    kept = [a for a in stage.active_assignees if a.via.startswith(BY_HAND)]
    wanted = staff.asked if staff.intended or not kept else ()
    new = _ask(stage, wanted)
    if gone or new:
        record(
            EventKind.STAGE_STAFFED,
            subject=stage,
            by=None,
            before={"asked": [a.user.email for a in gone]},
            after={"asked": [a.user.email for a in new]},
        )
    if new and not staff.intended and stage.key != "owner":
        _tell_unstaffed(stage)


def _ask(stage: ReviewStage, asked: Iterable[Asked]) -> list[StageAssignee]:
    """Put these people on the stage who are not on it; says who is new. Who stepped back is not asked again."""
    known = {assignee.user_id: assignee for assignee in stage.assignees}
    new = []
    for each in asked:
        assignee = known.get(each.person.id)
        if assignee is None:
            assignee = StageAssignee(
                request_id=stage.request_id, user=each.person, via=each.via, state=AssigneeState.ACTIVE
            )
            stage.assignees.append(assignee)
        elif assignee.state is AssigneeState.INELIGIBLE:
            assignee.state, assignee.via = AssigneeState.ACTIVE, each.via
        else:
            continue
        assignee.waits = stage.state is StageState.OPEN
        new.append(assignee)
    return new


def _tell_unstaffed(stage: ReviewStage) -> None:
    """Nobody of the stage's own people can answer: say so where an auditor and the dashboard find it."""
    asked = [assignee.user.email for assignee in stage.active_assignees]
    record(EventKind.STAGE_UNSTAFFED, subject=stage, by=None, after={"asked": asked})
