"""The sessions in which people are signed in: seeing them, ending them, forgetting old ones."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from portal.accounts.models import User, WebSession
from portal.db import db, now
from portal.events import EventKind, record

MOST_SHOWN = 50


@dataclass(frozen=True)
class _Installation:
    """Stands in the record for what concerns everybody."""

    id: int | None = None
    label: str = "this installation"
    __tablename__ = "portico"


def sessions_of(person: User, *, idle: timedelta | None = None) -> Sequence[WebSession]:
    """Where the person is signed in, the latest first; with ``idle``, without those that have run out."""
    query = select(WebSession).where(WebSession.user_id == person.id)
    if idle is not None:
        query = query.where(WebSession.seen_at > now() - idle)
    return db.session.scalars(query.order_by(WebSession.seen_at.desc()).limit(MOST_SHOWN)).all()


def end_sessions(person: User, *, but: str = "", new_mark: bool = True) -> int:
    """Sign the person out everywhere, but for the session with this id hash; says how many sessions ended.

    Without ``but`` the account's mark changes too, so that a sign-in which is under way at this moment is void.
    """
    if new_mark and not but:
        person.fs_uniquifier = secrets.token_hex(32)
    result = db.session.execute(delete(WebSession).where(WebSession.user_id == person.id, WebSession.id_hash != but))
    return int(result.rowcount)  # type: ignore[attr-defined]


def sign_out_everywhere(person: User, *, by: User, but: str = "") -> int:
    """End a person's sessions at somebody's wish, and record it; says how many ended."""
    ended = end_sessions(person, but=but)
    record(EventKind.SESSIONS_ENDED, subject=person, by=by, after={"sessions": ended})
    return ended


def end_session(person: User, id_hash: str) -> bool:
    """End one of this person's own sessions; says whether there was such a one."""
    own = delete(WebSession).where(WebSession.user_id == person.id, WebSession.id_hash == id_hash)
    ended = bool(db.session.execute(own).rowcount)  # type: ignore[attr-defined]
    if ended:
        record(EventKind.SESSIONS_ENDED, subject=person, by=person, after={"sessions": 1})
    return ended


def forget_what_came_back() -> int:
    """After a restored backup: end every session and open link, which may have ended since; says how many sessions.

    Without this a cookie or link that was used up after the backup would open its account once more.
    """
    open_links = ("reset_token_hash", "reset_asked_at", "new_email", "new_email_token_hash", "new_email_asked_at")
    db.session.execute(update(User).values(dict.fromkeys(open_links)))
    ended = int(db.session.execute(delete(WebSession)).rowcount)  # type: ignore[attr-defined]
    record(EventKind.RESTORED, subject=_Installation(), by=None, after={"sessions": ended})
    return ended


def forget_old_sessions(*, idle: timedelta, absolute: timedelta) -> int:
    """Delete the rows of sessions that are over anyway; says how many. For the worker: nothing depends on it."""
    over = or_(WebSession.seen_at < now() - idle, WebSession.created_at < now() - absolute)
    return int(db.session.execute(delete(WebSession).where(over)).rowcount)  # type: ignore[attr-defined]
