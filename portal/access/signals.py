"""What a reviewer should notice about a request, and what was decided about its like: hints, never rules.

Policies decide by attributes; these are for the eyes of whoever decides. Every reading ends after a few rows, however
long the past is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, select

from portal.access.models import AccessRequest, RequestItem, RequestStatus
from portal.access.queries import requests_with_ids
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import DELICATE, ApiProduct, is_sensitive_scope
from portal.db import db, now

LOOKED_BACK = timedelta(days=90)
YOUNG_ACCOUNT = timedelta(days=7)
LOOKED_AT = 200
SHOWN = 5
NIGHT_ENDS, NIGHT_STARTS = 6, 22
_SAID_NO = (RequestStatus.REJECTED, RequestStatus.DENIED)
_ANSWERED = (RequestStatus.APPROVED, *_SAID_NO)


@dataclass(frozen=True)
class Signal:
    """One thing to notice, in a sentence; ``is_warning`` when it speaks for a closer look."""

    text: str
    is_warning: bool = True


@dataclass(frozen=True)
class Likes:
    """What was decided lately about requests for the same product on the same plan.

    ``counts`` has the outcomes, at most of the latest ``LOOKED_AT``; ``latest`` those that this person may open.
    """

    counts: dict[RequestStatus, int]
    latest: Sequence[AccessRequest]

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.counts.values())


def signals_of(request: AccessRequest) -> list[Signal]:
    """What to notice about this request, as it was when it was submitted; nothing for an ordinary one."""
    return [*_newness(request), *_account(request), *_delicacy(request), *_hour(request), *_earlier_noes(request)]


def similar_decisions(request: AccessRequest, *, seen_by: User) -> Likes:
    """What was decided in the last 90 days about the same product on the same plan, the newest first."""
    ids = {request_id for product in request.products for request_id in _latest_about(product, request)}
    query = select(AccessRequest.id, AccessRequest.status).where(
        AccessRequest.id.in_(ids),
        AccessRequest.plan_id == request.plan_id,
        AccessRequest.kind == request.kind,
        AccessRequest.status.in_(_ANSWERED),
        AccessRequest.decided_at >= now() - LOOKED_BACK,
    )
    rows = db.session.execute(query.order_by(AccessRequest.id.desc())).all()
    seen = requests_with_ids([request_id for request_id, _ in rows[: 4 * SHOWN]], seen_by=seen_by)
    return Likes(dict(Counter(status for _, status in rows)), seen[::-1][:SHOWN])


def _newness(request: AccessRequest) -> Iterator[Signal]:
    app, organisation = request.app, request.app.organisation
    for product in request.products:
        if not _asked_before(request, product, DeveloperApp.id == app.id):
            of_theirs = DeveloperApp.organisation_id == organisation.id
            if organisation.is_default or _asked_before(request, product, of_theirs):
                yield Signal(f"{app.name} has never asked for {product.name} before.", is_warning=False)
            else:
                yield Signal(f"Nobody of {organisation.name} has ever asked for {product.name} before.")


def _account(request: AccessRequest) -> Iterator[Signal]:
    age = request.submitted_at - request.requester.created_at
    if age < YOUNG_ACCOUNT:
        days = max(age.days, 0)
        told = "less than a day" if not days else "1 day" if days == 1 else f"{days} days"
        yield Signal(f"The account of {request.requester.display_name} was {told} old.")


def _delicacy(request: AccessRequest) -> Iterator[Signal]:
    for item in request.standing_items:
        if item.product.classification in DELICATE:
            yield Signal(f"{item.product.name} is {item.product.classification.value}.")
        if marked := [name for name in item.granted_scopes if is_sensitive_scope(item.product, name)]:
            yield Signal(f"Sensitive scopes of {item.product.name}: {', '.join(marked)}.")


def _hour(request: AccessRequest) -> Iterator[Signal]:
    for zone in dict.fromkeys(product.zone for product in request.products):
        local = _at(request.submitted_at, zone)
        if local is not None and not NIGHT_ENDS <= local.hour < NIGHT_STARTS:
            yield Signal(f"It was submitted at {local:%H:%M} at night ({zone}).")
            return


def _at(moment: datetime, zone: str) -> datetime | None:
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _earlier_noes(request: AccessRequest) -> Iterator[Signal]:
    query = (
        select(AccessRequest)
        .where(
            AccessRequest.requester_id == request.requester_id,
            AccessRequest.status.in_(_SAID_NO),
            AccessRequest.id < request.id,
        )
        .order_by(AccessRequest.id.desc())
    )
    noes = db.session.scalars(query.limit(10)).all()
    if noes:
        told = "once" if len(noes) == 1 else f"{len(noes)} times" if len(noes) < 10 else "10 times or more"
        name = request.requester.display_name
        yield Signal(f"{name} was refused {told} before, the last time as {noes[0].number}.")


def _asked_before(request: AccessRequest, product: ApiProduct, whose: ColumnElement[bool]) -> bool:
    query = (
        select(AccessRequest.id)
        .join(RequestItem, RequestItem.request_id == AccessRequest.id)
        .join(DeveloperApp, DeveloperApp.id == AccessRequest.app_id)
        .where(RequestItem.product_id == product.id, AccessRequest.id < request.id, whose)
    )
    return db.session.scalar(query.limit(1)) is not None


def _latest_about(product: ApiProduct, request: AccessRequest) -> Sequence[int]:
    query = select(RequestItem.request_id).where(
        RequestItem.product_id == product.id, RequestItem.request_id != request.id
    )
    return db.session.scalars(query.order_by(RequestItem.request_id.desc()).limit(LOOKED_AT)).all()
