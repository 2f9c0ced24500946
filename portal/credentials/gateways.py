"""Gateways: programs that let calls through, and may ask of any client's token whether it is good (RFC 7662).

A gateway is no developer app: it has no plan, asks for no access, gets no tokens, and is let in by whoever runs the
portal. So it has a credential of its own kind, which proves itself at introspection and is unknown everywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts import User
from portal.blanks import is_blank
from portal.credentials.issue import Revealed
from portal.credentials.secret import (
    GATEWAY_ID_PREFIX,
    can_be_client_id,
    hash_secret,
    new_gateway_id,
    new_gateway_secret,
    secret_matches,
)
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, record
from portal.questions import Question

LONGEST_NAME = 120


class Gateway(Base):
    """A client id and the hash of its secret, with which a gateway asks about tokens."""

    __tablename__ = "gateway"

    id: Mapped[pk]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    client_id: Mapped[str] = mapped_column(String(60), unique=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    revoked_at: Mapped[datetime | None]

    @property
    def label(self) -> str:
        """Name and client id, by which records call it."""
        return f"{self.name} ({self.client_id})"


@dataclass(frozen=True, slots=True)
class KnownGateway:
    """A gateway that has proved itself."""

    client_id: str


_table = Gateway.__table__.c
_QUESTION = Question(
    select(_table.secret_hash, _table.revoked_at).where(_table.client_id == bindparam("client_id")),
)


def add_gateway(name: str, *, by: User | None) -> Revealed:
    """A new gateway's client id and secret, shown this once. Raises Invalid, or Conflict for a name in use."""
    name = name.strip()
    if is_blank(name) or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(f"A gateway needs a name of at most {LONGEST_NAME} characters.")
    if any(gateway.name == name and gateway.revoked_at is None for gateway in gateways()):
        raise Conflict(f"There is already a gateway {name}. To exchange its secret, add one under another name first.")
    revealed = Revealed(new_gateway_id(), new_gateway_secret())
    gateway = Gateway(name=name, client_id=revealed.client_id, secret_hash=hash_secret(revealed.secret))
    db.session.add(gateway)
    record(EventKind.GATEWAY_ADDED, subject=gateway, by=by)
    return revealed


def revoke_gateway(client_id: str, *, by: User | None) -> Gateway:
    """Let the gateway ask no more, from now on. Raises NotFound, or Conflict if it has ended."""
    found = db.session.scalar(select(Gateway).where(Gateway.client_id == client_id))
    locked = lock(Gateway, found.id) if found is not None else None
    if locked is None:
        raise NotFound("There is no such gateway.")
    if locked.revoked_at is not None:
        raise Conflict("This gateway was revoked before.")
    locked.revoked_at = now()
    record(EventKind.GATEWAY_REVOKED, subject=locked, by=by)
    return locked


def gateways() -> Sequence[Gateway]:
    """All gateways by name, those that were revoked included."""
    return db.session.scalars(select(Gateway).order_by(Gateway.name, Gateway.id)).all()


def is_gateway_id(client_id: str) -> bool:
    """Whether this is the client id of a gateway, if of anybody."""
    return client_id.startswith(GATEWAY_ID_PREFIX)


def gateway_for(client_id: str, secret: str) -> KnownGateway | None:
    """The gateway, for whoever knows its secret; None, in the same time, for every wrong pair."""
    known = _QUESTION.ask(client_id=client_id if can_be_client_id(client_id) else "")
    if not secret_matches(secret, known[0].secret_hash if known else None) or known[0].revoked_at is not None:
        return None
    return KnownGateway(client_id)
