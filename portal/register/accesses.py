"""The register of access: everything that stands, who has it and since when, and the whole story of each (C73, C79).

Owners see the access to their products, administrators and auditors all of it. Nothing is ever deleted here: an access
stays in the register when its app, its plan or its people have gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import joinedload, lazyload

from portal import events
from portal.access import HELD_STATES, AccessRequest, Entry, Grant, GrantState, PolicyDecision, last_decision
from portal.accounts import Organisation, Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, product_owner
from portal.credentials import Credential
from portal.db import db, now
from portal.events import AuditEvent, EventKind
from portal.policies import PolicyVersion, find_version

_TITLES = {
    EventKind.ACCESS_GRANTED: ("Access given", "good"),
    EventKind.ACCESS_SUSPENDED: ("Suspended", "pending"),
    EventKind.ACCESS_RESUMED: ("Resumed", "good"),
    EventKind.ACCESS_REVOKED: ("Revoked", "bad"),
    EventKind.ACCESS_EXPIRED: ("Expired", "bad"),
    EventKind.ACCESS_SUPERSEDED: ("Replaced by newly approved terms", "info"),
    EventKind.REAPPROVAL_ASKED: ("Has to be approved again", "pending"),
    EventKind.CREDENTIAL_ISSUED: ("Credential issued", ""),
    EventKind.CREDENTIAL_REVEALED: ("Secret shown", ""),
    EventKind.CREDENTIAL_ROTATED: ("Secret rotated", ""),
    EventKind.CREDENTIAL_CHANGED: ("Credential put on newly approved terms", ""),
    EventKind.CREDENTIAL_REVOKED: ("Credential revoked", "bad"),
    EventKind.CREDENTIAL_EXPIRED: ("Credential expired", "bad"),
}


class RegisterView(StrEnum):
    """Which access a list shows."""

    HELD = "held"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"
    ALL = "all"


class RegisterFilters(TypedDict, total=False):
    """What the register is narrowed to; ``view`` is what is held unless it says otherwise.

    ``search`` matches app, owner, organisation, product and client id.
    """

    view: RegisterView
    search: str
    environment: Environment | None
    product_id: int | None
    ends_within_days: int | None


def accesses(
    *, seen_by: User, before_id: int | None = None, size: int = 50, **filters: Unpack[RegisterFilters]
) -> Sequence[Grant]:
    """The access that this person may see, the newest first, paged by key. One query, whatever is asked for."""
    query = select(Grant).where(visible_to(seen_by), *_in_view(filters.get("view", RegisterView.HELD)))
    if search := filters.get("search", "").strip():
        query = query.where(_matches(search))
    if (environment := filters.get("environment")) is not None:
        query = query.where(Grant.environment == environment)
    if (product_id := filters.get("product_id")) is not None:
        query = query.where(Grant.product_id == product_id)
    if (days := filters.get("ends_within_days")) is not None:
        query = query.where(Grant.ends_at <= now() + timedelta(days=days))
    if before_id is not None:
        query = query.where(Grant.id < before_id)
    query = query.options(*_listed()).order_by(Grant.id.desc()).limit(size)
    return db.session.scalars(query).unique().all()


def find_access(grant_id: int, *, seen_by: User) -> Grant | None:
    """This access as this person may see it; None when it is not theirs to see."""
    query = select(Grant).where(Grant.id == grant_id, visible_to(seen_by)).options(*_listed())
    return db.session.scalars(query).unique().one_or_none()


def may_see(grant: Grant, person: User) -> bool:
    """Whether the register shows this access to this person."""
    owners = {owner.id for owner in grant.product.owners}
    mine = person.may(Right.SEE_APPS) and (not owners or person.id in owners)
    return person.may(Right.SEE_ALL_REQUESTS) or mine


def past_of(grant: Grant) -> Sequence[Grant]:
    """The same access before: on the same credential to the same product, the newest first."""
    query = select(Grant).where(
        Grant.credential_id == grant.credential_id, Grant.product_id == grant.product_id, Grant.id < grant.id
    )
    return db.session.scalars(query.options(joinedload(Grant.request)).order_by(Grant.id.desc())).all()


def next_of(grant: Grant) -> Grant | None:
    """The access that has taken the place of this one."""
    return db.session.scalars(select(Grant).where(Grant.renews_id == grant.id).limit(1)).one_or_none()


def life_of(grant: Grant) -> list[Entry]:
    """Everything that has happened to an access, to what it renews, and to its credential; the latest first (C79)."""
    known = [grant, *past_of(grant)]
    about = events.subject_history(*known, grant.credential)
    actors = {event.actor for event in about}
    names = {person.email: person.display_name for person in db.session.scalars(_named(actors))}
    return [_entry(event, names) for event in about][::-1]


def _named(emails: Iterable[str]) -> Select[Any]:
    return select(User).where(User.email.in_(emails)).options(lazyload(User.roles), lazyload(User.organisation))


def _entry(event: AuditEvent, names: dict[str, str]) -> Entry:
    plain = event.kind.split(".")[-1].replace("_", " ").capitalize()
    kind = EventKind(event.kind) if event.kind in set(EventKind) else None
    title, tone = _TITLES.get(kind, (plain, "")) if kind is not None else (plain, "")
    told = event.reason or _in_words(event)
    return Entry(title, names.get(event.actor, event.actor), event.occurred_at, told, tone)


def _in_words(event: AuditEvent) -> str:
    """What changed, where the record says it and no reason does."""
    if event.kind == EventKind.CREDENTIAL_CHANGED:
        before, after = event.before.get("plan"), event.after.get("plan")
        return f"Plan {after} instead of {before}" if before != after else ""
    if event.kind == EventKind.ACCESS_SUPERSEDED:
        return str(event.after.get("request", ""))
    return ""


def visible_to(person: User) -> ColumnElement[bool]:
    """All access for those who see every request; for owners what is to their products, and to those of nobody."""
    if person.may(Right.SEE_ALL_REQUESTS):
        return Grant.id.is_not(None)
    if not person.may(Right.SEE_APPS):
        return Grant.id.is_(None)
    mine = select(product_owner.c.product_id).where(product_owner.c.user_id == person.id)
    owned = select(product_owner.c.product_id)
    return or_(Grant.product_id.in_(mine), Grant.product_id.not_in(owned))


def _in_view(view: RegisterView) -> list[ColumnElement[bool]]:
    is_over = Grant.ends_at <= now()
    lasts = or_(Grant.ends_at.is_(None), ~is_over)
    return {
        RegisterView.HELD: [Grant.state.in_(HELD_STATES), lasts],
        RegisterView.ACTIVE: [Grant.state == GrantState.ACTIVE, lasts],
        RegisterView.SUSPENDED: [Grant.state == GrantState.SUSPENDED, lasts],
        RegisterView.ENDED: [or_(Grant.state.not_in(HELD_STATES), is_over)],
        RegisterView.ALL: [],
    }[view]


def _matches(search: str) -> ColumnElement[bool]:
    def has(column: Any) -> ColumnElement[bool]:
        return column.icontains(search, autoescape=True)  # type: ignore[no-any-return]

    people = select(User.id).where(or_(has(User.email), has(User.name)))
    houses = select(Organisation.id).where(has(Organisation.name))
    named = has(DeveloperApp.name), DeveloperApp.owner_id.in_(people), DeveloperApp.organisation_id.in_(houses)
    apps = select(DeveloperApp.id).where(or_(*named))
    products = select(ApiProduct.id).where(has(ApiProduct.name))
    clients = select(Credential.id).where(Credential.client_id == search)
    return or_(Grant.app_id.in_(apps), Grant.product_id.in_(products), Grant.credential_id.in_(clients))


def _listed() -> list[Any]:
    """What a row shows, in the same query."""
    return [
        joinedload(Grant.app).joinedload(DeveloperApp.owner),
        joinedload(Grant.app).joinedload(DeveloperApp.organisation),
        joinedload(Grant.product),
        joinedload(Grant.plan),
        joinedload(Grant.credential),
        joinedload(Grant.request).joinedload(AccessRequest.requester),
    ]


@dataclass(frozen=True)
class Ground:
    """On what an access rests: the policies that judged the request, with what they said, and in whose words (C145)."""

    decision: PolicyDecision | None
    policies: tuple[PolicyVersion, ...]
    becauses: tuple[str, ...]


def ground_of(grant: Grant) -> Ground:
    """What the policy said last of the request from which this access came, as far as it is about this product."""
    decision = last_decision(grant.request)
    mine = [each for each in decision.matched if each.get("product") == str(grant.product_id)] if decision else []
    keys = [key for each in mine for key in (each.get("policy"), each.get("team")) if key is not None]
    versions = [version for key in dict.fromkeys(keys) if (version := find_version(key)) is not None]
    becauses = [because for each in mine for because in each.get("becauses", ())]
    return Ground(decision, tuple(versions), tuple(dict.fromkeys(becauses)))
