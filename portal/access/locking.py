"""Locking requests that are about to be decided, with all that the decision rests on as it is after the wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal.access.models import AccessRequest, RequestItem
from portal.access.review import ReviewStage, StageAssignee
from portal.catalog import ApiProduct
from portal.db import db
from portal.errors import NotFound


def lock_request(request: AccessRequest) -> AccessRequest:
    """The request as it is now, locked until the transaction ends. Raises NotFound when there is none."""
    locked = lock_requests([request])
    if not locked:
        raise NotFound("There is no such request.")
    return locked[0]


def lock_requests(requests: Sequence[AccessRequest]) -> Sequence[AccessRequest]:
    """These requests as they are now, locked in one order for everybody; a hundred take no more queries than one."""
    query = select(AccessRequest).where(AccessRequest.id.in_([request.id for request in requests]))
    query = query.order_by(AccessRequest.id).with_for_update(of=AccessRequest, key_share=True)
    return db.session.scalars(query.options(*_with_it()).execution_options(populate_existing=True)).all()


def _with_it() -> list[Any]:
    """Read by queries of their own, which begin after the wait for the lock; a join would show what was true before."""
    return [
        selectinload(AccessRequest.requester),
        selectinload(AccessRequest.app),
        selectinload(AccessRequest.plan),
        selectinload(AccessRequest.items).selectinload(RequestItem.product).selectinload(ApiProduct.owners),
        selectinload(AccessRequest.stages).selectinload(ReviewStage.assignees).selectinload(StageAssignee.user),
        selectinload(AccessRequest.stages).selectinload(ReviewStage.reviews),
    ]
