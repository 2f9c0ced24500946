"""Reading the audit record in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from portal.db import db
from portal.events import AuditEvent, EventKind


def events_of(subject: Any, kind: EventKind | None = None) -> Sequence[AuditEvent]:
    """What was recorded about this thing, in order; of one kind if it is named."""
    query = select(AuditEvent).where(
        AuditEvent.subject_type == subject.__tablename__, AuditEvent.subject_id == subject.id
    )
    if kind is not None:
        query = query.where(AuditEvent.kind == kind)
    return db.session.scalars(query.order_by(AuditEvent.id)).all()
