"""What apps hold: their access, in numbers and one by one, as their own people see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from portal.access.models import (
    HELD_STATES,
    AccessRequest,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
    RequestStatus,
)
from portal.access.review import ReviewStage, StageAssignee
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct
from portal.credentials import Credential
from portal.db import db, now

_HELD = select(Grant).where(Grant.state.in_(HELD_STATES), Grant.app_id == bindparam("app"))
_STANDING_FIRST = case((Grant.state == GrantState.ACTIVE, 0), (Grant.state == GrantState.SUSPENDED, 1), else_=2)


@dataclass(frozen=True)
class Tally:
    """What an app has, in numbers."""

    access: int
    pending: int


def grants_of(app: DeveloperApp) -> Sequence[Grant]:
    """Every access the app has or had, those that stand first, the newest first."""
    query = select(Grant).where(Grant.app_id == app.id).order_by(_STANDING_FIRST, Grant.id.desc())
    query = query.options(joinedload(Grant.product), joinedload(Grant.plan), joinedload(Grant.credential))
    return db.session.scalars(query).all()


def grants_from(request: AccessRequest) -> Sequence[Grant]:
    """The access that came of this request, whatever became of it since."""
    query = select(Grant).where(Grant.request_id == request.id).order_by(Grant.id)
    return db.session.scalars(query.options(joinedload(Grant.product), joinedload(Grant.credential))).all()


def tallies(app_ids: Sequence[int]) -> dict[int, Tally]:
    """For each of these apps, how much access stands and how many requests wait; two queries for any number of apps."""
    standing = select(Grant.app_id, func.count()).where(
        Grant.app_id.in_(app_ids),
        Grant.state == GrantState.ACTIVE,
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
    )
    waiting = select(AccessRequest.app_id, func.count()).where(
        AccessRequest.app_id.in_(app_ids), AccessRequest.status == RequestStatus.PENDING
    )
    access = {row[0]: row[1] for row in db.session.execute(standing.group_by(Grant.app_id))}
    pending = {row[0]: row[1] for row in db.session.execute(waiting.group_by(AccessRequest.app_id))}
    return {app_id: Tally(access.get(app_id, 0), pending.get(app_id, 0)) for app_id in app_ids}


def held_by(app: DeveloperApp) -> Sequence[Grant]:
    """The access that the app has now, suspended or not."""
    return db.session.scalars(_HELD, {"app": app.id}).all()


def find_grant(grant_id: int, *, app: DeveloperApp) -> Grant | None:
    """This access of this app; None when the app has no such one."""
    grant = db.session.get(Grant, grant_id)
    return grant if grant is not None and grant.app_id == app.id else None


def pending_requests_of(app: DeveloperApp) -> Sequence[AccessRequest]:
    """The app's requests that nobody has decided, the newest first."""
    query = (
        select(AccessRequest)
        .where(AccessRequest.app_id == app.id, AccessRequest.status == RequestStatus.PENDING)
        .options(
            joinedload(AccessRequest.plan),
            selectinload(AccessRequest.items).joinedload(RequestItem.product).selectinload(ApiProduct.owners),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.assignees).joinedload(StageAssignee.user),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.reviews),
            selectinload(AccessRequest.stages).joinedload(ReviewStage.reviewer),
        )
    )
    return db.session.scalars(query.order_by(AccessRequest.id.desc())).all()


def changing(credential: Credential) -> AccessRequest | None:
    """The change of plan that waits for an answer about this credential."""
    query = select(AccessRequest).where(
        AccessRequest.credential_id == credential.id,
        AccessRequest.kind == RequestKind.PLAN_CHANGE,
        AccessRequest.status == RequestStatus.PENDING,
    )
    return db.session.scalars(query.limit(1)).first()
