"""My work: each stage that waits for a person, their groups, or for whom they stand in; what is late comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import contains_eager, joinedload

from portal.access.clarification import Clarification, QuestionState
from portal.access.delegations import stands_in_for
from portal.access.models import AccessRequest, RequestItem, RequestStatus
from portal.access.review import ReviewStage, StageAssignee, StageState
from portal.access.standing_in import waits_for
from portal.accounts import User
from portal.db import db, now

MOST_SHOWN = 100


class Whose(StrEnum):
    """For whom a piece of work is."""

    MINE = "for you"
    GROUP = "for your group"
    INSTEAD = "for whom you stand in"


@dataclass(frozen=True)
class Work:
    """One stage that waits, and why it waits for this person."""

    stage: ReviewStage
    whose: Whose
    principal: User
    group: str = ""

    @property
    def request(self) -> AccessRequest:
        """What was asked for."""
        return self.stage.request

    @property
    def is_overdue(self) -> bool:
        """Whether the answer is later than it should be."""
        return self.stage.due_at is not None and self.stage.due_at < now()


def work_of(person: User, *, size: int = MOST_SHOWN) -> list[Work]:
    """What waits for this person, the earliest due first; a stage that waits for two ways of theirs stands once."""
    standing = stands_in_for(person)
    principals = {each.id: each for each in (person, *standing)}
    waiting = _waiting(person, standing).limit(size * len(principals))
    found: dict[int, Work] = {}
    for assignee in db.session.scalars(waiting).unique():
        each = _work(assignee, person, principals[assignee.user_id])
        if each.stage.id not in found or each.whose is not Whose.INSTEAD:
            found[each.stage.id] = each
    return list(found.values())[:size]


def next_for(person: User, *, but: AccessRequest | None = None) -> AccessRequest | None:
    """The request that this person should look at next: the one that is due first."""
    query = _waiting(person, stands_in_for(person))
    if but is not None:
        query = query.where(StageAssignee.request_id != but.id)
    assignee = db.session.scalars(query.limit(1)).unique().first()
    return assignee.stage.request if assignee is not None else None


def questions_by(person: User, *, size: int = MOST_SHOWN) -> Sequence[Clarification]:
    """The questions of this person that requesters have not answered yet, the oldest first."""
    query = (
        select(Clarification)
        .join(AccessRequest)
        .where(
            Clarification.asked_by_id == person.id,
            Clarification.state == QuestionState.OPEN,
            AccessRequest.status == RequestStatus.PENDING,
        )
        .options(contains_eager(Clarification.request).joinedload(AccessRequest.requester))
        .options(joinedload(Clarification.stage))
    )
    return db.session.scalars(query.order_by(Clarification.id).limit(size)).unique().all()


def _waiting(person: User, principals: Iterable[User]) -> Select[StageAssignee]:
    asked = contains_eager(StageAssignee.stage).contains_eager(ReviewStage.request)
    return (
        select(StageAssignee)
        .join(ReviewStage, StageAssignee.stage_id == ReviewStage.id)
        .join(AccessRequest, ReviewStage.request_id == AccessRequest.id)
        .where(
            waits_for(person, principals),
            ReviewStage.state == StageState.OPEN,
            AccessRequest.status == RequestStatus.PENDING,
        )
        .options(
            asked.joinedload(AccessRequest.requester),
            asked.joinedload(AccessRequest.app),
            asked.joinedload(AccessRequest.plan),
            asked.selectinload(AccessRequest.items).joinedload(RequestItem.product),
            contains_eager(StageAssignee.stage).joinedload(ReviewStage.claimed_by),
            contains_eager(StageAssignee.stage).contains_eager(ReviewStage.request).selectinload(AccessRequest.stages),
        )
        .order_by(ReviewStage.due_at.is_(None), ReviewStage.due_at, ReviewStage.id, StageAssignee.id)
    )


def _work(assignee: StageAssignee, person: User, principal: User) -> Work:
    if principal.id != person.id:
        return Work(assignee.stage, Whose.INSTEAD, principal)
    groups = [via.partition(":")[2] for via in assignee.via.split("|") if via.startswith("group:")]
    return Work(assignee.stage, Whose.GROUP if groups else Whose.MINE, person, groups[0] if groups else "")
