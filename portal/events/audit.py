"""Writing and reading the audit record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import insert, or_, select

from portal.db import Base, db, now
from portal.events.channel import registered
from portal.events.following import followers_of
from portal.events.kinds import EventKind
from portal.events.models import AuditEvent
from portal.events.outbox import enqueue_all

SYSTEM = "Portico"
_WRITE = insert(Base.metadata.tables[AuditEvent.__tablename__]).returning(AuditEvent.id)


class Actor(Protocol):
    """Whoever acts: anything with an id and a mail address (a User)."""

    @property
    def id(self) -> int:
        """The actor's key."""

    @property
    def email(self) -> str:
        """The address by which the record names the actor."""


@dataclass(frozen=True)
class Origin:
    """Where an action came from: the request id that also stands in the log, and the network address."""

    request_id: str = ""
    remote_address: str = ""


origin: ContextVar[Origin] = ContextVar("portico_origin", default=Origin())


def record_access(request_id: str, remote_address: str) -> None:
    """Say once, at the start of a request or job, where all that is recorded from now on comes from."""
    origin.set(Origin(request_id[:64], remote_address[:64]))


def record(
    kind: EventKind,
    *,
    subject: Any,
    by: Actor | None,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Write what happened, and one outbox message for each target of each channel, in the caller's transaction.

    ``subject`` is a stored object; its ``__tablename__``, ``id`` and ``label`` name it in the record. ``by`` is None
    when Portico itself acted (a plan that approves by itself, a clock). What follows in rooms above (``follow``) comes
    last, so the change itself has to be made before it is recorded.
    """
    if subject.id is None:
        db.session.flush()
    event = _written(
        occurred_at=now(),
        kind=kind,
        actor_id=by.id if by is not None else None,
        actor=by.email if by is not None else SYSTEM,
        subject_type=subject.__tablename__,
        subject_id=subject.id,
        subject=str(getattr(subject, "label", subject.id))[:300],
        reason=reason,
        before=_plain(before),
        after=_plain(after),
        request_id=origin.get().request_id,
        remote_address=origin.get().remote_address,
    )
    drafts = [
        (channel.name, draft) for channel in registered() for draft in channel.drafts(kind, subject, reason, by=by)
    ]
    if drafts:
        db.session.flush()
        enqueue_all(drafts, event=event)
    for follower in followers_of(kind):
        follower(subject, event)
    return event


def changed_fields(thing: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What would change if ``values`` were set: the fields before and after, without those that stay the same."""
    before = {name: getattr(thing, name) for name in values if getattr(thing, name) != values[name]}
    return before, {name: values[name] for name in before}


def audit_page(
    *,
    before_id: int | None = None,
    size: int = 50,
    kind: str = "",
    actor: str = "",
    subject: str = "",
    since: date | None = None,
    until: date | None = None,
) -> Sequence[AuditEvent]:
    """The newest events first, paged by key: at most ``size`` of those older than ``before_id``.

    ``kind`` may be a whole kind or its first word ("request"); ``actor`` and ``subject`` match from the start.
    """
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(size)
    if before_id is not None:
        query = query.where(AuditEvent.id < before_id)
    if kind:
        query = query.where(or_(AuditEvent.kind == kind, *[AuditEvent.kind == k for k in _kinds_of(kind)]))
    if actor:
        query = query.where(AuditEvent.actor.istartswith(actor, autoescape=True))
    if subject:
        query = query.where(AuditEvent.subject.icontains(subject, autoescape=True))
    if since:
        query = query.where(AuditEvent.occurred_at >= _start_of(since))
    if until and until < date.max:  # the calendar has no day after its last one
        query = query.where(AuditEvent.occurred_at < _start_of(until) + timedelta(days=1))
    return db.session.scalars(query).all()


def find_event(event_id: int) -> AuditEvent | None:
    """One event by its number."""
    return db.session.get(AuditEvent, event_id)


def subject_history(*subjects: Any) -> Sequence[AuditEvent]:
    """Everything recorded about these stored objects, oldest first."""
    mine = [(AuditEvent.subject_type == s.__tablename__) & (AuditEvent.subject_id == s.id) for s in subjects]
    return db.session.scalars(select(AuditEvent).where(or_(*mine)).order_by(AuditEvent.id)).all()


def last_event(kind: EventKind, subject: Any) -> AuditEvent | None:
    """The last event of this kind about this stored object."""
    mine = select(AuditEvent).where(
        AuditEvent.subject_type == subject.__tablename__, AuditEvent.subject_id == subject.id, AuditEvent.kind == kind
    )
    return db.session.scalars(mine.order_by(AuditEvent.id.desc()).limit(1)).one_or_none()


def latest_events(kind: EventKind, subject: Any, *, since: datetime, size: int) -> Sequence[AuditEvent]:
    """The newest events of this kind about this stored object, at most ``size``, none older than ``since``."""
    mine = select(AuditEvent).where(
        AuditEvent.subject_type == subject.__tablename__, AuditEvent.subject_id == subject.id, AuditEvent.kind == kind
    )
    newest = mine.where(AuditEvent.occurred_at > since).order_by(AuditEvent.id.desc()).limit(size)
    return db.session.scalars(newest).all()


def _written(**values: Any) -> AuditEvent:
    """A new event, stored by one statement: nothing changes or refers to it later that a session had to follow."""
    id = db.session.connection().execute(_WRITE, values).scalar_one()
    return AuditEvent(id=id, **values)


def _kinds_of(word: str) -> list[EventKind]:
    return [k for k in EventKind if k.value.split(".")[0] == word]


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values as JSON holds them: dates as ISO 8601, statuses by their word, sets in order."""
    return {name: _plain_value(value) for name, value in (values or {}).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(_plain_value(v) for v in value)
    if isinstance(value, list | tuple):
        return [_plain_value(v) for v in value]
    if isinstance(value, dict):
        return _plain(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(getattr(value, "label", value))
