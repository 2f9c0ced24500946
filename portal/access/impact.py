"""Whom it would touch if a product or plan ended, a person left, or an app changed hands: shown before it is done.

What was shown comes back as a mark with the decision, so that nobody decides on numbers that are no longer true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload

from portal.access.models import HELD_STATES, AccessRequest, Grant, RequestItem, RequestStatus
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, AuthMethod, Plan
from portal.credentials import Credential
from portal.db import db, now
from portal.errors import Conflict

LATELY = timedelta(days=7)
Thing = ApiProduct | Plan | User | DeveloperApp


@dataclass(frozen=True)
class Impact:
    """How many apps, organisations, accesses and pending requests there are, and how many apps were used this week.

    Of the ``with_keys`` among the apps the use is not known: API keys are sent to the API itself.
    """

    apps: int
    organisations: int
    grants: int
    used_lately: int
    with_keys: int
    pending: int
    mark: str

    @property
    def touches(self) -> bool:
        """Whether anybody would notice."""
        return bool(self.grants or self.pending)

    @property
    def in_words(self) -> str:
        """The numbers, such as "17 apps in 4 organisations, 3 used it this week."."""
        waiting = many(self.pending, "request")
        verb = "waits" if self.pending == 1 else "wait"
        return f"{self._holders()} {waiting} {verb} for a decision." if self.pending else self._holders()

    def _holders(self) -> str:
        if not self.apps:
            return "No app has access."
        apps, places = many(self.apps, "app"), many(self.organisations, "organisation")
        used = "none used it this week" if not self.used_lately else f"{self.used_lately} used it this week"
        if self.with_keys == self.apps:
            return f"{apps} in {places}, with API keys, whose use is not known here."
        keys = f" ({self.with_keys} with API keys, whose use is not known here)" if self.with_keys else ""
        return f"{apps} in {places}, {used}{keys}."


@dataclass(frozen=True)
class Touched:
    """An app that it would touch: how much access it would lose, when that was last used, and how much has API keys."""

    app: DeveloperApp
    grants: int
    last_used_at: datetime | None
    with_keys: int


def impact_of(thing: Thing) -> Impact:
    """How much hangs on this product, plan, person or app now; two queries."""
    recent = Grant.last_used_at >= now() - LATELY
    numbers = select(
        func.count(Grant.app_id.distinct()),
        func.count(DeveloperApp.organisation_id.distinct()),
        func.count(Grant.id),
        func.coalesce(func.sum(Grant.id), 0),
        func.count(Grant.app_id.distinct()).filter(recent),
        func.count(Grant.app_id.distinct()).filter(_with_key()),
    )
    held = numbers.join(DeveloperApp, DeveloperApp.id == Grant.app_id).where(*_hangs_on(thing))
    held = held.join(Credential, Credential.id == Grant.credential_id)
    apps, organisations, grants, total, used, with_keys = db.session.execute(held).one()
    pending = _pending(thing)
    return Impact(apps, organisations, grants, used, with_keys, pending, f"{apps}.{grants}.{total}.{pending}")


def touched_by(thing: Thing, *, after: tuple[str, int] | None = None, size: int = 20) -> Sequence[Touched]:
    """The apps that it would touch, by name, paged by (name, id)."""
    last = func.max(Grant.last_used_at)
    keys = func.count(Grant.id).filter(_with_key())
    some = select(Grant.app_id, func.count(Grant.id).label("grants"), last.label("last"), keys.label("with_keys"))
    some = some.join(DeveloperApp, DeveloperApp.id == Grant.app_id).where(*_hangs_on(thing)).group_by(Grant.app_id)
    held = some.join(Credential, Credential.id == Grant.credential_id).subquery()
    query = select(DeveloperApp, held.c.grants, held.c.last, held.c.with_keys).join(
        held, held.c.app_id == DeveloperApp.id
    )
    if after is not None:
        name, app_id = after
        later = and_(DeveloperApp.name == name, DeveloperApp.id > app_id)
        query = query.where(or_(DeveloperApp.name > name, later))
    query = query.options(joinedload(DeveloperApp.owner), joinedload(DeveloperApp.organisation))
    rows = db.session.execute(query.order_by(DeveloperApp.name, DeveloperApp.id).limit(size)).unique()
    return [Touched(*row) for row in rows]


def people_touched_by(thing: ApiProduct | Plan) -> dict[User, list[DeveloperApp]]:
    """The owners of the apps that have access to this product, or on this plan, with these apps by name."""
    apps = select(DeveloperApp).where(
        DeveloperApp.id.in_(
            select(Grant.app_id).join(DeveloperApp, DeveloperApp.id == Grant.app_id).where(*_hangs_on(thing))
        )
    )
    found: dict[User, list[DeveloperApp]] = {}
    for app in db.session.scalars(apps.options(joinedload(DeveloperApp.owner)).order_by(DeveloperApp.name)).unique():
        found.setdefault(app.owner, []).append(app)
    return found


def refuse_unseen(thing: Thing, seen: str) -> None:
    """Raise Conflict unless ``seen`` is the mark of what would be touched now, or nothing would be."""
    impact = impact_of(thing)
    if impact.touches and impact.mark != seen:
        raise Conflict(f"Look at what this touches before you go on: {impact.in_words}")


def _with_key() -> ColumnElement[bool]:
    return Credential.auth_method != AuthMethod.OAUTH2


def _hangs_on(thing: Thing) -> list[ColumnElement[bool]]:
    stands = [
        Grant.state.in_(HELD_STATES),
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
        DeveloperApp.deleted_at.is_(None),
    ]
    if isinstance(thing, ApiProduct):
        return [*stands, Grant.product_id == thing.id]
    if isinstance(thing, Plan):
        return [*stands, Grant.plan_id == thing.id]
    return [*stands, DeveloperApp.owner_id == thing.id if isinstance(thing, User) else DeveloperApp.id == thing.id]


def _pending(thing: Thing) -> int:
    query = select(func.count()).select_from(AccessRequest).where(AccessRequest.status == RequestStatus.PENDING)
    if isinstance(thing, ApiProduct):
        query = query.where(AccessRequest.items.any(RequestItem.product_id == thing.id))
    elif isinstance(thing, Plan):
        query = query.where(AccessRequest.plan_id == thing.id)
    elif isinstance(thing, User):
        query = query.where(AccessRequest.requester_id == thing.id)
    else:
        query = query.where(AccessRequest.app_id == thing.id)
    return db.session.scalar(query) or 0


def many(number: int, noun: str) -> str:
    """A number of things, such as "1 app" or "17 apps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
