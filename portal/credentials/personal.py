"""Tokens of people: what a program shows that acts for a person, with no more rights than that person has.

A token is made and revoked by its person, shown once, kept as a hash, and ends by itself within a year. It opens the
API of Portico, never an API product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.accounts import User
from portal.blanks import is_blank
from portal.credentials.issue import USE_NOTED_EVERY
from portal.credentials.secret import hash_secret, new_personal_token, well_formed
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, record

LONGEST_TOKEN_NAME = 120
MOST_TOKEN_DAYS = 366
MOST_TOKENS = 20
MADE_MEANWHILE = "A token was made since this page was opened, perhaps by pressing twice."
HINT_LENGTH = 8


class PersonalToken(Base):
    """The hash of a token with which programs act for a person, until it ends or is revoked."""

    __tablename__ = "personal_token"

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"), index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_TOKEN_NAME))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token_hint: Mapped[str] = mapped_column(String(12), default="")
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    person: Mapped[User] = relationship()

    @property
    def label(self) -> str:
        """The name by which records call this token."""
        return self.name

    @property
    def is_good(self) -> bool:
        """Whether it opens something now, as far as it goes by itself."""
        return self.revoked_at is None and now() < self.expires_at


@dataclass(frozen=True)
class MadeToken:
    """A token on its one way to its person. It is not stored and not printed."""

    name: str
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"MadeToken(name={self.name!r}, token=…)"


def make_personal_token(name: str, *, days: int, by: User, seen: int | None = None) -> MadeToken:
    """A new token of this person, shown this once. Raises Invalid, or Conflict when there are too many.

    ``seen`` is the newest token that the form knew of, 0 for none: of two presses of one form the second makes none.
    """
    name = name.strip()
    if is_blank(name) or len(name) > LONGEST_TOKEN_NAME or not name.isprintable():
        raise Invalid(f"Give the token a name of at most {LONGEST_TOKEN_NAME} characters.", field="name")
    if not 1 <= days <= MOST_TOKEN_DAYS:
        raise Invalid(f"Let the token end after 1 to {MOST_TOKEN_DAYS} days.", field="days")
    lock(User, by.id)  # of two at once, the second counts the first
    known = personal_tokens_of(by)
    if seen is not None and seen != (known[0].id if known else 0):
        raise Conflict(f"{MADE_MEANWHILE} If you have not seen it, revoke it and make another.")
    if len([token for token in known if token.is_good]) >= MOST_TOKENS:
        raise Conflict(f"You have {MOST_TOKENS} tokens, which is the most. Revoke one first.")
    text, ends = new_personal_token(), now() + timedelta(days=days)
    token = PersonalToken(
        person_id=by.id, name=name, token_hash=hash_secret(text), token_hint=text[:HINT_LENGTH], expires_at=ends
    )
    db.session.add(token)
    db.session.flush()
    record(EventKind.PERSONAL_TOKEN_MADE, subject=token, by=by, after={"expires_at": ends})
    return MadeToken(name, text, ends)


def revoke_personal_token(token_id: int, *, by: User) -> PersonalToken:
    """End one's own token, from this moment on. Raises NotFound for any other, Conflict when it has ended."""
    token = db.session.get(PersonalToken, token_id)
    if token is None or token.person_id != by.id:
        raise NotFound("There is no such token.")
    return end_personal_token(token, by=by)


def end_personal_token(token: PersonalToken, *, by: User | None, reason: str = "") -> PersonalToken:
    """End a token at once, for whoever has found that it must; raises Conflict when it has ended."""
    locked = lock(PersonalToken, token.id)
    if locked is None or not locked.is_good:
        raise Conflict("This token has ended already.")
    locked.revoked_at = now()
    record(EventKind.PERSONAL_TOKEN_REVOKED, subject=locked, by=by, reason=reason)
    return locked


def personal_tokens_of(person: User) -> Sequence[PersonalToken]:
    """The person's tokens, those that ended included, the newest first."""
    query = select(PersonalToken).where(PersonalToken.person_id == person.id).order_by(PersonalToken.id.desc())
    return db.session.scalars(query).all()


def find_personal_token(text: str) -> PersonalToken | None:
    """The token with this text, if it is good now and its person's account is open; None for every other text."""
    if not well_formed(text):
        return None
    query = select(PersonalToken).where(PersonalToken.token_hash == hash_secret(text))
    token = db.session.scalars(query.options(joinedload(PersonalToken.person))).one_or_none()
    return token if token is not None and token.is_good and token.person.active else None


def is_use_to_note(token: PersonalToken) -> bool:
    """Whether no use of this token was noted within the last minute."""
    return token.last_used_at is None or now() - token.last_used_at >= USE_NOTED_EVERY


def note_personal_use(token: PersonalToken) -> None:
    """Remember that the token was used."""
    db.session.execute(
        update(PersonalToken)
        .where(PersonalToken.id == token.id)
        .values(last_used_at=now())
        .execution_options(synchronize_session=False)
    )
