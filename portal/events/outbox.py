"""The transactional outbox: messages wait in a table until a worker that holds their lease has delivered them.

A worker that dies leaves a lease behind that runs out; the next worker sends the same bytes under the same
Message-ID. Completion names the lease, so a worker that was too slow cannot overwrite what its successor did.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update

from portal.db import db, now, on_sqlite
from portal.errors import Conflict
from portal.events.channel import Draft, Failed
from portal.events.models import AuditEvent, MessageState, OutboxMessage

LEASE = timedelta(seconds=120)
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 3600.0
MOST_ATTEMPTS = 12
LONGEST_DELAY_IN_OUTAGE_SECONDS = 120.0
LONGEST_OUTAGE = timedelta(days=5)


def enqueue(channel: str, draft: Draft, *, event: AuditEvent | None = None, dedup: str = "") -> OutboxMessage:
    """Add one message to the outbox, in the caller's transaction. Its Message-ID never changes afterwards."""
    identity = uuid.uuid4().hex
    message = OutboxMessage(
        dedup=dedup or (f"event:{event.id}:{channel}:{draft.kind}:{draft.recipient}"[:200] if event else identity),
        channel=channel,
        kind=draft.kind,
        recipient=draft.recipient,
        subject=draft.subject,
        payload=draft.payload,
        message_id=f"<{identity}@portico>",
        event_id=event.id if event else None,
        request_id=event.request_id if event else "",
    )
    db.session.add(message)
    return message


def claim(worker: str, *, size: int = 50) -> Sequence[OutboxMessage]:
    """Lease up to ``size`` due messages, oldest first, to this worker. A lease that ran out is claimed anew."""
    free = or_(
        OutboxMessage.state == MessageState.READY,
        (OutboxMessage.state == MessageState.LEASED) & (OutboxMessage.leased_until < now()),
    )
    waiting = OutboxMessage.state.in_([MessageState.READY, MessageState.LEASED])  # lets the partial index be used
    query = select(OutboxMessage.id).where(waiting, free, OutboxMessage.due_at <= now())
    query = query.order_by(OutboxMessage.due_at, OutboxMessage.id).limit(size)
    if not on_sqlite():
        query = query.with_for_update(skip_locked=True)
    ids = db.session.scalars(query).all()
    if not ids:
        return []
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(ids))
        .values(
            state=MessageState.LEASED,
            leased_by=worker,
            leased_until=now() + LEASE,
            attempts=OutboxMessage.attempts + 1,
        )
    )
    found = select(OutboxMessage).where(OutboxMessage.id.in_(ids)).order_by(OutboxMessage.due_at, OutboxMessage.id)
    return db.session.scalars(found.execution_options(populate_existing=True)).all()


def complete(message_ids: Sequence[int], *, worker: str) -> int:
    """Mark messages delivered, if this worker still holds their lease; says how many were."""
    result = db.session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.id.in_(message_ids),
            OutboxMessage.leased_by == worker,
            OutboxMessage.state == MessageState.LEASED,
        )
        .values(state=MessageState.DONE, delivered_at=now(), leased_by=None, leased_until=None, last_error="")
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def fail(message_id: int, failed: Failed, *, worker: str) -> None:
    """Put a message back for another try after a growing, jittered delay, or set it aside as dead."""
    message = db.session.get(OutboxMessage, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.leased_by != worker or message.state is not MessageState.LEASED:
        return
    message.last_error = failed.reason[:2000]
    message.leased_by = message.leased_until = None
    if _is_hopeless(message, failed):
        message.state = MessageState.DEAD
        return
    longest = LONGEST_DELAY_IN_OUTAGE_SECONDS if failed.outage else LONGEST_DELAY_SECONDS
    message.state = MessageState.READY
    message.due_at = now() + timedelta(seconds=failed.retry_after or delay_before(message.attempts, longest=longest))


def _is_hopeless(message: OutboxMessage, failed: Failed) -> bool:
    if failed.outage:
        return message.created_at < now() - LONGEST_OUTAGE
    return failed.permanent or message.attempts >= MOST_ATTEMPTS


def delay_before(attempt: int, *, longest: float = LONGEST_DELAY_SECONDS) -> float:
    """Seconds to wait after this failed attempt: full jitter, between 0 and min(longest, 5 s * 2^attempt)."""
    ceiling = min(longest, FIRST_DELAY_SECONDS * 2.0 ** min(attempt, 20))
    return random.uniform(0, ceiling)  # noqa: S311  spreading load, not keeping a secret


def forget_leases(worker: str) -> None:
    """Give back what this worker holds, when it stops in good order."""
    db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.leased_by == worker, OutboxMessage.state == MessageState.LEASED)
        .values(state=MessageState.READY, leased_by=None, leased_until=None, attempts=OutboxMessage.attempts - 1)
    )


def replay(message: OutboxMessage) -> None:
    """Try a dead message again, under the same Message-ID. Raises Conflict when it is not dead."""
    if message.state is not MessageState.DEAD:
        raise Conflict("Only a dead message can be sent again.")
    message.state = MessageState.READY
    message.attempts = 0
    message.due_at = now()


def find_message(message_id: int) -> OutboxMessage | None:
    """One outbox message by its number."""
    return db.session.get(OutboxMessage, message_id)


def outbox_page(
    *, state: str = "", recipient: str = "", before_id: int | None = None, size: int = 50
) -> Sequence[OutboxMessage]:
    """The newest messages first, paged by key, of one state and recipient if asked."""
    query = select(OutboxMessage).order_by(OutboxMessage.id.desc()).limit(size)
    if state:
        query = query.where(OutboxMessage.state == state)
    if recipient:
        query = query.where(OutboxMessage.recipient.icontains(recipient, autoescape=True))
    if before_id is not None:
        query = query.where(OutboxMessage.id < before_id)
    return db.session.scalars(query).all()


def backlog() -> tuple[int, int, datetime | None]:
    """How many messages wait, how many are dead, and since when the oldest has been due."""
    waiting = OutboxMessage.state.in_([MessageState.READY, MessageState.LEASED])
    count, oldest = db.session.execute(select(func.count(), func.min(OutboxMessage.created_at)).where(waiting)).one()
    dead = db.session.scalar(select(func.count()).where(OutboxMessage.state == MessageState.DEAD))
    return count, dead or 0, oldest
