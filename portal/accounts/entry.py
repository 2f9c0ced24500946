"""What happens to an account at the door: signing in, confirming, choosing a new password. Each is recorded.

A password reset is one random text in a mail; only its hash is stored. A newer one takes its place; using it,
signing in or a changed password ends it.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from portal.accounts.models import User
from portal.accounts.sessions import end_sessions
from portal.db import db, lock, now
from portal.errors import NotAllowed
from portal.events import Draft, EventKind, enqueue, latest_events, record

ACCOUNT_MAIL = "account."  # how the kinds of these mails begin; who finds one must not read the link in it
SAME_REFUSAL, MOST_REFUSALS = timedelta(hours=1), 30


@dataclass(frozen=True)
class _Somebody:
    """Stands in the record for an address that has no account: what was typed there may be a password."""

    id: int | None = None
    label: str = "an address without an account"
    __tablename__ = User.__tablename__


def sign_in(person: User, *, seen_as: str, password_hash: str | None) -> User:
    """Record that this person has just proved who they are, if the account is still as it was when they did.

    ``seen_as`` is the account's mark at that moment: it changes with the password, on closing and on a change of
    roles. ``password_hash`` may be the same password hashed anew with today's parameters.
    """
    current = lock(User, person.id)
    if current is None or not current.active or current.fs_uniquifier != seen_as:
        raise NotAllowed("Your account has changed in this moment. Please sign in again.")
    current.password = password_hash
    current.last_sign_in_at = now()
    _end_reset(current)
    record(EventKind.SIGNED_IN, subject=current, by=current)
    return current


def refuse_sign_in(person: User | None, *, reason: str = "") -> None:
    """Record a sign-in that failed, with a known address or another."""
    record(EventKind.SIGN_IN_FAILED, subject=person or _Somebody(), by=None, reason=reason)


def refuse_decision(person: User, *, address: str) -> bool:
    """Record that this person tried to decide what is not theirs to decide (C27); says whether it was.

    Once an hour for an address, and at most ``MOST_REFUSALS`` times for a person: whoever tries again and again must
    not fill a record that nobody can empty.
    """
    lock(User, person.id)  # of two tries at once, the second finds the first
    since = now() - SAME_REFUSAL
    lately = latest_events(EventKind.DECISION_REFUSED, person, since=since, size=MOST_REFUSALS)
    if len(lately) == MOST_REFUSALS or address in {event.after.get("address") for event in lately}:
        return False
    record(EventKind.DECISION_REFUSED, subject=person, by=person, after={"address": address})
    return True


def sign_out(person: User) -> None:
    """Record that this person left."""
    record(EventKind.SIGNED_OUT, subject=person, by=person)


def confirm(person: User) -> None:
    """Record that this person's address is theirs."""
    record(EventKind.EMAIL_CONFIRMED, subject=person, by=person)


def ask_reset(person: User | None) -> None:
    """Record that a new password was asked for, for a known address or another."""
    record(EventKind.PASSWORD_RESET_ASKED, subject=person or _Somebody(), by=None)


def open_reset(person: User) -> str:
    """A new reset text for this person's mail; whatever was sent before is void."""
    token = secrets.token_urlsafe(32)
    person.reset_token_hash = _hash(token)
    person.reset_asked_at = now()
    return token


def find_by_reset(token: str) -> User | None:
    """The person whose open reset this is, however old it may be."""
    return db.session.scalar(select(User).where(User.reset_token_hash == _hash(token)))


def reset_is_open(person: User, token: str) -> bool:
    """Whether this is still the person's open reset."""
    return person.reset_token_hash is not None and secrets.compare_digest(person.reset_token_hash, _hash(token))


def password_changed(person: User, *, reason: str = "") -> None:
    """End every session and open reset of a person whose password (and mark) has just changed, and record it."""
    _end_reset(person)
    person.forget_new_address()
    end_sessions(person, new_mark=False)
    record(EventKind.PASSWORD_CHANGED, subject=person, by=person, reason=reason)


def queue_mail(person: User, *, name: str, subject: str, text: str, html: str, to: str = "") -> None:
    """Put a mail about this person's own account in the outbox; its kind is ``account.<name>``.

    It goes to the person's address, or ``to`` another that is theirs, was theirs, or is about to be.
    """
    kind = ACCOUNT_MAIL + name
    event = record(EventKind.SECURITY_MAIL_QUEUED, subject=person, by=None, after={"mail": kind})
    db.session.flush()
    draft = Draft(recipient=to or person.email, kind=kind, subject=subject, payload={"text": text, "html": html})
    enqueue("mail", draft, event=event)


def _end_reset(person: User) -> None:
    person.reset_token_hash = person.reset_asked_at = None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
