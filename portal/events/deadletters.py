"""Dead letters: messages that were set aside, and sending them again (C113)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from portal.db import db, lock, now
from portal.errors import Conflict, NotFound
from portal.events.audit import Actor, record
from portal.events.kinds import EventKind
from portal.events.models import MessageState, OutboxMessage

MOST_AT_ONCE = 500


def replay(message: OutboxMessage, *, by: Actor) -> OutboxMessage:
    """Try a dead message again, under the same Message-ID. Raises Conflict when it is not dead."""
    locked = lock(OutboxMessage, message.id)
    if locked is None:
        raise NotFound("There is no such message.")
    if locked.state is not MessageState.DEAD:
        raise Conflict(f"Only a dead message can be sent again; this one is {locked.state.label.lower()}.")
    if not locked.payload:
        raise Conflict("Its link is no longer valid, so its text was deleted. The person can ask for a new one.")
    before = {"state": locked.state, "attempts": locked.attempts, "last_error": locked.last_error}
    locked.state, locked.attempts, locked.due_at = MessageState.READY, 0, now()
    record(EventKind.MESSAGE_REPLAYED, subject=locked, by=by, before=before, after={"state": locked.state})
    return locked


def set_aside_waiting(*, reason: str) -> int:
    """Send nothing of what waits until somebody decides so, message by message or for all; says how many."""
    waiting = OutboxMessage.state.in_((MessageState.READY, MessageState.LEASED))
    aside = {"state": MessageState.DEAD, "leased_by": None, "leased_until": None, "last_error": reason}
    return int(db.session.execute(update(OutboxMessage).where(waiting).values(aside)).rowcount)  # type: ignore[attr-defined]


def replay_all(*, by: Actor) -> int:
    """Try the oldest dead messages again, a few hundred at most; says how many."""
    dead = select(OutboxMessage).where(OutboxMessage.state == MessageState.DEAD).order_by(OutboxMessage.id)
    found: Sequence[OutboxMessage] = db.session.scalars(dead.limit(MOST_AT_ONCE)).all()
    sendable = [message for message in found if message.payload]
    for message in sendable:
        replay(message, by=by)
    return len(sendable)
