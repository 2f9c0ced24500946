"""For whom a stage waits: for those who are asked, and for whoever stands in for them and may answer there.

The same rule as in ``decide``, asked of the database: what a person finds in their work is what they can do.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased

from portal.access.models import AccessRequest
from portal.access.review import AssigneeState, Review, ReviewStage, StageAssignee
from portal.accounts import User


def waits_for(person: User, principals: Iterable[User]) -> ColumnElement[bool]:
    """The places of stages that wait for this person, or for one of those whom they stand in for."""
    others = [principal.id for principal in principals]
    if not others:
        return and_(StageAssignee.waits, StageAssignee.user_id == person.id)
    asked = StageAssignee.user_id.in_([person.id, *others])
    return and_(StageAssignee.waits, asked, or_(StageAssignee.user_id == person.id, _may_stand_in(person)))


def _may_stand_in(person: User) -> ColumnElement[bool]:
    """Where a stage allows it, for requests of others, and unless the person has answered or stepped back there."""
    allowed = ReviewStage.template["delegation_allowed"].as_boolean().is_not(False)
    there = select(ReviewStage.id).join(AccessRequest, AccessRequest.id == ReviewStage.request_id)
    there = there.where(ReviewStage.id == StageAssignee.stage_id, AccessRequest.requester_id != person.id, allowed)
    said = select(Review.id).where(
        Review.stage_id == StageAssignee.stage_id,
        Review.voided_at.is_(None),
        or_(Review.reviewer_id == person.id, Review.principal_id == person.id),
    )
    own = aliased(StageAssignee)
    left = select(own.id).where(
        own.stage_id == StageAssignee.stage_id, own.user_id == person.id, own.state == AssigneeState.RECUSED
    )
    return and_(there.exists(), ~said.exists(), ~left.exists())
