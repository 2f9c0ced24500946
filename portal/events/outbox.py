"""The transactional outbox: messages wait in a table until a worker that holds their lease has delivered them.

A worker that dies leaves a lease behind that runs out; the next worker sends the same bytes under the same
Message-ID. Completion names the lease, so a worker that was too slow cannot overwrite what its successor did.
Delivery is at least once: who was killed between sending and completing has sent a mail that is sent again.
"""

from __future__ import annotations

import hashlib
import random
import re
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.sql.dml import Update

from portal.db import Base, UtcDateTime, db, now, on_sqlite
from portal.events.channel import Draft, Failed
from portal.events.models import AuditEvent, MessageState, OutboxMessage

LEASE = timedelta(seconds=180)
FIRST_DELAY_SECONDS = 20.0  # doubled for the first retry: a thousand that fail together come back over 40 s (C112)
LONGEST_DELAY_SECONDS = 3600.0
MOST_ATTEMPTS = 12
LONGEST_OUTAGE = timedelta(days=5)
LONGEST_DEDUP = 200
LONGEST_SUBJECT = 500
_ADD = insert(Base.metadata.tables[OutboxMessage.__tablename__])
# Written out and not bound, so that the databases know that their partial index fits.
WAITING = text("outbox_message.state IN ('ready', 'leased')")

_domain = "portico.invalid"


def name_messages_after(host: str) -> None:
    """Make this host the right side of every new Message-ID."""
    global _domain  # noqa: PLW0603  set once, when the application is put together
    _domain = host if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", host) else "portico.invalid"


def enqueue(channel: str, draft: Draft, *, event: AuditEvent | None = None, dedup: str = "") -> OutboxMessage:
    """Add one message to the outbox, in the caller's transaction. Its Message-ID never changes afterwards."""
    message = OutboxMessage(**_new(channel, draft, event, dedup))
    db.session.add(message)
    return message


def enqueue_all(drafts: Sequence[tuple[str, Draft]], *, event: AuditEvent) -> None:
    """Add all messages that follow from a stored event, each with its channel, by one statement."""
    db.session.connection().execute(_ADD, [_new(channel, draft, event) for channel, draft in drafts])


def claim(worker: str, *, channels: Sequence[str] = (), size: int = 50) -> Sequence[OutboxMessage]:
    """Lease up to ``size`` due messages of these channels (all if none is named), oldest first, to this worker.

    A lease that ran out is claimed anew. The messages are detached: reading them later asks no database.
    """
    ids = _due_ids(channels, size)
    query = select(OutboxMessage).where(OutboxMessage.id.in_(ids)).order_by(OutboxMessage.due_at, OutboxMessage.id)
    found = db.session.scalars(query.execution_options(populate_existing=True)).all() if ids else []
    if not found:
        return []
    for message in found:
        db.session.expunge(message)
    _write(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .values(
            state=MessageState.LEASED,
            leased_by=worker,
            leased_until=now() + LEASE,
            attempts=OutboxMessage.attempts + 1,
        )
    )
    return found


def complete(message_ids: Sequence[int], *, worker: str, forget: Sequence[int] = ()) -> int:
    """Mark messages delivered, if this worker still holds their lease; says how many were.

    Those in ``forget`` lose their content in the same transaction.
    """
    done = {"state": MessageState.DONE, "delivered_at": now(), "leased_by": None, "leased_until": None}
    forgotten = set(forget)
    kept = [message_id for message_id in message_ids if message_id not in forgotten]
    count = _write(_leased(worker, kept).values(**done, last_error="")) if kept else 0
    if not forgotten:
        return count
    return count + _write(_leased(worker, sorted(forgotten)).values(**done, last_error="", payload={}))


def fail(message_id: int, failed: Failed, *, worker: str) -> None:
    """Put a message back for another try after a growing, jittered delay, or set it aside as dead.

    An outage is not the message's fault: see ``put_back``.
    """
    if failed.outage:
        put_back([message_id], worker=worker, reason=failed.reason)
        return
    message = db.session.get(OutboxMessage, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.leased_by != worker or message.state is not MessageState.LEASED:
        return
    message.last_error = failed.reason[:2000]
    message.leased_by = message.leased_until = None
    if failed.permanent or message.attempts >= MOST_ATTEMPTS:
        message.state = MessageState.DEAD
        return
    message.state = MessageState.READY
    message.due_at = now() + timedelta(seconds=failed.retry_after or delay_before(message.attempts))


def put_back(message_ids: Sequence[int], *, worker: str, reason: str) -> int:
    """Give up these leases because the way itself is down: the attempt is not counted, the order is kept.

    Only what could not be sent for days on end is set aside.
    """
    given_back = {"leased_by": None, "leased_until": None, "last_error": reason[:2000]}
    hopeless = OutboxMessage.created_at < now() - LONGEST_OUTAGE
    count = _write(_leased(worker, message_ids).where(hopeless).values(state=MessageState.DEAD, **given_back))
    return count + _write(
        _leased(worker, message_ids).values(state=MessageState.READY, attempts=OutboxMessage.attempts - 1, **given_back)
    )


def release(message_ids: Sequence[int], *, worker: str) -> int:
    """Give back leases of messages that this worker did not come to; says how many."""
    untried = {"leased_by": None, "leased_until": None, "attempts": OutboxMessage.attempts - 1}
    return _write(_leased(worker, message_ids).values(state=MessageState.READY, **untried))


def forget_leases(worker: str) -> None:
    """Give back what this worker holds, when it stops in good order."""
    _write(
        update(OutboxMessage)
        .where(WAITING, OutboxMessage.leased_by == worker, OutboxMessage.state == MessageState.LEASED)
        .values(state=MessageState.READY, leased_by=None, leased_until=None, attempts=OutboxMessage.attempts - 1)
    )


def delay_before(attempt: int, *, longest: float = LONGEST_DELAY_SECONDS) -> float:
    """Seconds to wait after this failed attempt: full jitter, between 0 and min(longest, 20 s * 2^attempt)."""
    ceiling = min(longest, FIRST_DELAY_SECONDS * 2.0 ** min(attempt, 20))
    return random.uniform(0, ceiling)  # noqa: S311  spreading load, not keeping a secret


def forget_content(kinds_beginning: str, *, older_than: timedelta) -> int:
    """Blank messages of these kinds that are over, and that are too old for their links to open anything."""
    return _write(
        update(OutboxMessage)
        .where(
            OutboxMessage.kind.startswith(kinds_beginning, autoescape=True),
            OutboxMessage.state == MessageState.DEAD,
            OutboxMessage.created_at < now() - older_than,
        )
        .values(payload={})
    )


def find_message(message_id: int) -> OutboxMessage | None:
    """One outbox message by its number."""
    return db.session.get(OutboxMessage, message_id)


def outbox_page(
    *, state: str = "", recipient: str = "", channel: str = "", before_id: int | None = None, size: int = 50
) -> Sequence[OutboxMessage]:
    """The newest messages first, paged by key, of one state, channel and recipient if asked."""
    query = select(OutboxMessage).order_by(OutboxMessage.id.desc()).limit(size)
    if state:
        query = query.where(OutboxMessage.state == state)
    if channel:
        query = query.where(OutboxMessage.channel == channel)
    if recipient:
        query = query.where(OutboxMessage.recipient.icontains(recipient, autoescape=True))
    if before_id is not None:
        query = query.where(OutboxMessage.id < before_id)
    return db.session.scalars(query).all()


def backlog() -> tuple[int, int, datetime | None]:
    """How many messages wait, how many are dead, and since when the oldest has waited."""
    count, oldest = db.session.execute(
        select(func.count(OutboxMessage.id), func.min(OutboxMessage.created_at)).where(WAITING)
    ).one()
    dead = db.session.scalar(select(func.count()).where(OutboxMessage.state == MessageState.DEAD))
    return count, dead or 0, oldest


def _due_ids(channels: Sequence[str], size: int) -> list[int]:
    """Messages that wait for nobody and nothing, oldest first; on PostgreSQL locked, and without those of others.

    SQLite is told its index: by itself it sorts everything that waits at each claim.
    """
    hint, lock = ("INDEXED BY ix_outbox_message_waiting", "") if on_sqlite() else ("", "FOR UPDATE SKIP LOCKED")
    only = "AND channel IN :channels" if channels else ""
    statement = text(
        f"SELECT id FROM outbox_message {hint} WHERE state IN ('ready', 'leased') AND due_at <= :now {only} "  # noqa: S608
        f"AND (leased_until IS NULL OR leased_until < :now) ORDER BY due_at, id LIMIT :size {lock}"
    ).bindparams(bindparam("now", now(), UtcDateTime), bindparam("size", size))
    if channels:
        statement = statement.bindparams(bindparam("channels", list(channels), expanding=True))
    return list(db.session.scalars(statement))


def _new(channel: str, draft: Draft, event: AuditEvent | None, dedup: str = "") -> dict[str, Any]:
    identity = uuid.uuid4().hex
    return {
        "dedup": _short(dedup or (f"event:{event.id}:{channel}:{draft.kind}:{draft.recipient}" if event else identity)),
        "channel": channel,
        "kind": draft.kind,
        "recipient": draft.recipient,
        "subject": draft.subject[:LONGEST_SUBJECT],
        "payload": draft.payload,
        "message_id": f"<{identity}@{_domain}>",
        "event_id": event.id if event else None,
        "request_id": event.request_id if event else "",
    }


def _leased(worker: str, message_ids: Sequence[int]) -> Update:
    """Only what this worker still holds: whoever lost a lease changes nothing."""
    return update(OutboxMessage).where(
        OutboxMessage.id.in_(message_ids),
        OutboxMessage.leased_by == worker,
        OutboxMessage.state == MessageState.LEASED,
    )


def _write(statement: Update) -> int:
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return result.rowcount if isinstance(result, CursorResult) else 0


def _short(text: str) -> str:
    """The text, or where it is too long its start and its hash: two long addresses may begin alike."""
    if len(text) <= LONGEST_DEDUP:
        return text
    return text[: LONGEST_DEDUP - 65] + ":" + hashlib.sha256(text.encode()).hexdigest()
