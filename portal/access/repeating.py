"""Idempotency keys: a program that got no answer asks again, and what it asked for is not done twice (C110).

The first answer is kept for a day with the key. The same key with the same content gets that answer; with other
content it is refused, since one of the two would be lost.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts import User
from portal.db import Base, db, now, pk
from portal.errors import Invalid

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 200


class RepeatableCall(Base):
    """What came of a call that a person's program gave a key."""

    __tablename__ = "repeatable_call"

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    key: Mapped[str] = mapped_column(String(LONGEST_KEY))
    content_hash: Mapped[str] = mapped_column(String(64))
    numbers: Mapped[list[str]] = mapped_column(default=list)
    expires_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("person_id", "key"),)


def made_before(key: str, content: bytes, *, by: User) -> list[str] | None:
    """The numbers of the requests that this person's call with this key made; None when there was none.

    The caller holds the person's cart, so that of two calls at once the second finds the first. Raises Invalid for a
    key that was used for something else.
    """
    if not key:
        return None
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid(f"An Idempotency-Key has at most {LONGEST_KEY} printable characters.", field="Idempotency-Key")
    db.session.execute(delete(RepeatableCall).where(RepeatableCall.expires_at <= now()))
    query = select(RepeatableCall).where(RepeatableCall.person_id == by.id, RepeatableCall.key == key)
    call = db.session.scalars(query).one_or_none()
    if call is None:
        return None
    if call.content_hash != _hash(content):
        raise Invalid("This Idempotency-Key was used for another request.", field="Idempotency-Key")
    return call.numbers


def remember(key: str, content: bytes, numbers: list[str], *, by: User) -> None:
    """Keep what came of a call, if it had a key."""
    if key:
        ends = now() + KEPT_FOR
        call = RepeatableCall(person_id=by.id, key=key, content_hash=_hash(content), numbers=numbers, expires_at=ends)
        db.session.add(call)
        db.session.flush()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
