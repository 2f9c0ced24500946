"""Which granted scopes are used, and when they last were (C78, C144)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ForeignKey, String, UniqueConstraint, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from portal.access import Grant
from portal.catalog import AuthMethod
from portal.db import Base, db, now, on_sqlite, pk

USE_NOTED_EVERY = timedelta(minutes=1)
MOST_AT_ONCE = 500
LONGEST_SCOPE = 200
T = TypeVar("T")


class ScopeUse(Base):
    """That a scope of a grant was in a token that was asked for, or introspected: first and last."""

    __tablename__ = "scope_use"

    id: Mapped[pk]
    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id"))
    scope: Mapped[str] = mapped_column(String(LONGEST_SCOPE))
    first_used_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("grant_id", "scope"),)


@dataclass(frozen=True)
class GrantUse:
    """How an access is used: since when not at all, and which of its scopes never were in a token.

    ``is_seen`` is False for API keys, which are sent to the API itself: no gateway need ask about them here.
    """

    is_seen: bool
    last_used_at: datetime | None
    idle_days: int
    unused_scopes: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """How the access is used, for reading."""
        days = f"{self.idle_days} day{'' if self.idle_days == 1 else 's'}"
        if not self.is_seen:
            return "its use is not known here"
        return f"not used for {days}" if self.last_used_at is not None else f"never used, granted {days} ago"


def note_uses(used: Iterable[tuple[int, frozenset[str]]], *, at: datetime) -> None:
    """Remember that these grants were used, each with these scopes: a write a minute for each at most."""
    pairs = set(used)
    before = at - USE_NOTED_EVERY
    for some in _batches(sorted({grant_id for grant_id, _ in pairs})):
        known = update(Grant).where(Grant.id.in_(some), or_(Grant.last_used_at.is_(None), Grant.last_used_at < before))
        db.session.execute(known.values(last_used_at=at).execution_options(synchronize_session=False))
    named = sorted({(grant_id, name) for grant_id, scopes in pairs for name in scopes if len(name) <= LONGEST_SCOPE})
    for rows in _batches(named):
        _note_scopes(rows, at=at, before=before)


def use_of(grants: Sequence[Grant]) -> Mapping[int, GrantUse]:
    """How each of these grants is used, by its key; one query for any number of them."""
    seen: dict[int, set[str]] = {}
    query = select(ScopeUse.grant_id, ScopeUse.scope).where(ScopeUse.grant_id.in_([grant.id for grant in grants]))
    for grant_id, scope in db.session.execute(query):
        seen.setdefault(grant_id, set()).add(scope)
    return {grant.id: _use_of(grant, seen.get(grant.id, set())) for grant in grants}


def _use_of(grant: Grant, used: set[str]) -> GrantUse:
    since = grant.last_used_at or grant.starts_at
    return GrantUse(
        is_seen=grant.credential.auth_method is AuthMethod.OAUTH2,
        last_used_at=grant.last_used_at,
        idle_days=max(0, (now() - since).days),
        unused_scopes=tuple(name for name in grant.scopes if name not in used),
    )


def _note_scopes(rows: Iterable[tuple[int, str]], *, at: datetime, before: datetime) -> None:
    dialect = sqlite if on_sqlite() else postgresql
    values = [
        {"grant_id": grant_id, "scope": scope, "first_used_at": at, "last_used_at": at} for grant_id, scope in rows
    ]
    new = dialect.insert(ScopeUse).values(values)
    again = new.on_conflict_do_update(
        index_elements=["grant_id", "scope"],
        set_={"last_used_at": new.excluded.last_used_at},
        where=ScopeUse.last_used_at < before,
    )
    db.session.execute(again)


def _batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """In their order, so that two processes that write at once wait for each other and never in a circle."""
    return (things[start : start + MOST_AT_ONCE] for start in range(0, len(things), MOST_AT_ONCE))
