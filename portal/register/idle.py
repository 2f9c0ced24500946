"""Access that nobody seems to need: not used for long, never used, wider than what is used, or without its owner (C78).

What is used is known from tokens that were asked for and introspected. An API key is sent to the API itself, and
no gateway need ask about it here, so nothing is said of when it was used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import joinedload

from portal.access import HELD_STATES, Grant, GrantState, may_revoke, revoke_access, said_why
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, AuthMethod
from portal.credentials import Credential
from portal.db import db, now
from portal.errors import Invalid, PortalError
from portal.events import EventKind, record
from portal.register.accesses import visible_to
from portal.register.usage import ScopeUse, use_of

MOST_PROPOSED = 100


class Idle(StrEnum):
    """Why an access is proposed to be taken back."""

    UNUSED = "unused"
    NEVER = "never"
    SCOPES = "scopes"
    LEFT = "left"

    @property
    def label(self) -> str:
        """The reason as people read it."""
        return {
            Idle.UNUSED: "Not used lately",
            Idle.NEVER: "Never used",
            Idle.SCOPES: "Scopes never used",
            Idle.LEFT: "Owner left",
        }[self]


@dataclass(frozen=True)
class Proposed:
    """What became of one proposal."""

    subject: str
    message: str
    done: bool


def idle_counts(days: int, *, seen_by: User) -> dict[Idle, int]:
    """How much access of each kind this person may see; one query."""
    counted = [_narrowed(select(Grant.id), kind, days, seen_by).subquery() for kind in Idle]
    numbers = [select(func.count()).select_from(some).scalar_subquery() for some in counted]
    return dict(zip(Idle, db.session.execute(select(*numbers)).one(), strict=True))


def idle_grants(kind: Idle, days: int, *, seen_by: User, after: int | None = None, size: int = 50) -> Sequence[Grant]:
    """Access of this kind that the person may see, the oldest first, paged by key."""
    whole = (
        joinedload(Grant.app).joinedload(DeveloperApp.owner),
        joinedload(Grant.app).joinedload(DeveloperApp.organisation),
        joinedload(Grant.product).selectinload(ApiProduct.owners),
        joinedload(Grant.plan),
        joinedload(Grant.credential),
    )
    query = _narrowed(select(Grant), kind, days, seen_by).order_by(Grant.id).limit(size)
    query = query.where(Grant.id > after) if after is not None else query
    return db.session.scalars(query.options(*whole)).unique().all()


def revoke_proposed(seen: Mapping[int, str], *, by: User, reason: str) -> list[Proposed]:
    """Take back each of these, each judged alone. ``seen`` is by key what ``mark_of_use`` said on the screen.

    What was used since then stays, and what this person may not see is passed over. Raises Invalid without a reason, or
    for more than a hundred.
    """
    said, done = said_why(reason), []
    for grant in _proposed(seen, by):
        label = grant.label
        if mark_of_use(grant) != seen[grant.id]:
            done.append(Proposed(label, "It has been used since you opened the page, so it stays.", done=False))
            continue
        try:
            with db.session.begin_nested():
                revoke_access(grant, by=by, reason=said)
            done.append(Proposed(label, "Revoked.", done=True))
        except PortalError as refusal:
            done.append(Proposed(label, refusal.message, done=False))
    return done


def ask_owners(seen: Mapping[int, str], *, by: User) -> list[Proposed]:
    """Ask the owner of each app by mail whether it still needs these; one mail for an app. Raises Invalid."""
    grants = [grant for grant in _proposed(seen, by) if may_revoke(grant, by)]
    uses, done = use_of(grants), []
    for app in {grant.app_id: grant.app for grant in grants}.values():
        if not app.owner.active:
            done.append(
                Proposed(app.name, "The account of its owner is closed: nobody would read the mail.", done=False)
            )
            continue
        mine = [grant for grant in grants if grant.app_id == app.id]
        lines = [f"{grant.product.name} ({grant.plan.display_name}): {uses[grant.id].in_words}" for grant in mine]
        record(EventKind.USE_QUESTIONED, subject=app, by=by, reason="\n".join(lines))
        done.append(Proposed(app.name, f"{app.owner.display_name} is asked by mail.", done=True))
    return done


def mark_of_use(grant: Grant) -> str:
    """What changes when the access is used."""
    return grant.last_used_at.isoformat() if grant.last_used_at is not None else ""


def _proposed(seen: Mapping[int, str], by: User) -> Sequence[Grant]:
    """Those of these that this person may see, those of one credential after each other."""
    if not seen or len(seen) > MOST_PROPOSED:
        raise Invalid("Select at least one access first." if not seen else f"Select at most {MOST_PROPOSED} at once.")
    whole = (
        joinedload(Grant.app).joinedload(DeveloperApp.owner),
        joinedload(Grant.product).selectinload(ApiProduct.owners),
        joinedload(Grant.plan),
        joinedload(Grant.credential),
    )
    query = select(Grant).where(Grant.id.in_(list(seen)), visible_to(by)).order_by(Grant.credential_id, Grant.id)
    return db.session.scalars(query.options(*whole)).unique().all()


def _narrowed(query: Select[Any], kind: Idle, days: int, person: User) -> Select[Any]:
    """Of these grants those of this kind that the person may see."""
    query = query.join(Credential, Credential.id == Grant.credential_id)
    query = query.where(or_(Grant.ends_at.is_(None), Grant.ends_at > now()), visible_to(person), *_is(kind, days))
    if kind is Idle.LEFT:
        query = query.join(DeveloperApp, DeveloperApp.id == Grant.app_id).join(User, User.id == DeveloperApp.owner_id)
        return query.where(~User.active)
    return query


def _is(kind: Idle, days: int) -> list[ColumnElement[bool]]:
    """What makes an access idle in this way; an API key's use is not known, so it is so in none."""
    if kind is Idle.LEFT:
        return [Grant.state.in_(HELD_STATES)]
    before = now() - timedelta(days=days)
    seen = [Grant.state == GrantState.ACTIVE, Credential.auth_method == AuthMethod.OAUTH2]
    if kind is Idle.UNUSED:
        return [*seen, Grant.last_used_at < before]
    if kind is Idle.NEVER:
        return [*seen, Grant.last_used_at.is_(None), Grant.starts_at < before]
    used = select(func.count()).select_from(ScopeUse).where(ScopeUse.grant_id == Grant.id).scalar_subquery()
    wide = func.json_array_length(Grant.scopes) > used
    return [*seen, Grant.last_used_at >= before, Grant.starts_at < before, wide]
