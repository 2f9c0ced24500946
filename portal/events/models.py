"""Audit events, which are only ever added, and the outbox messages that follow from them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, key, now, pk, words
from portal.events.kinds import EventKind


class AuditEvent(Base):
    """Who did what to what, when and why. Database triggers refuse to change or delete a row."""

    __tablename__ = "audit_event"

    id: Mapped[pk]
    occurred_at: Mapped[datetime] = mapped_column(default=now)
    kind: Mapped[EventKind] = mapped_column(words(EventKind))
    actor_id: Mapped[int | None] = mapped_column(key)
    actor: Mapped[str] = mapped_column(String(320))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int | None] = mapped_column(key)
    subject: Mapped[str] = mapped_column(String(300))
    reason: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
    request_id: Mapped[str] = mapped_column(String(64), default="")
    remote_address: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (
        Index("ix_audit_event_subject", "subject_type", "subject_id", "id"),
        Index("ix_audit_event_kind_id", "kind", "id"),
        Index("ix_audit_event_actor_id_id", "actor_id", "id"),
        {"sqlite_autoincrement": True},
    )


class MessageState(StrEnum):
    """Where an outbox message stands."""

    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"

    @property
    def label(self) -> str:
        """The state as people read it."""
        return {"ready": "Waiting", "leased": "Sending", "done": "Delivered", "dead": "Dead"}[self.value]


class OutboxMessage(Base):
    """One message to one recipient, rendered and final: a retry sends the same bytes under the same Message-ID."""

    __tablename__ = "outbox_message"

    id: Mapped[pk]
    dedup: Mapped[str] = mapped_column(String(200), unique=True)
    channel: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(60))
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(500))
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    message_id: Mapped[str] = mapped_column(String(255))
    event_id: Mapped[int | None] = mapped_column(key)
    request_id: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[MessageState] = mapped_column(words(MessageState), default=MessageState.READY)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime] = mapped_column(default=now)
    leased_by: Mapped[str | None] = mapped_column(String(80))
    leased_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        Index(
            "ix_outbox_message_waiting",
            "due_at",
            "id",
            sqlite_where=text("state in ('ready', 'leased')"),
            postgresql_where=text("state in ('ready', 'leased')"),
        ),
        Index("ix_outbox_message_state_id", "state", "id"),
        {"sqlite_autoincrement": True},
    )

    @property
    def label(self) -> str:
        """The kind of message and its recipient, by which records call it."""
        return f"{self.kind} to {self.recipient}"
