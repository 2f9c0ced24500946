"""Rotating a secret, and looking at what works, what is stored and what was recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event

from portal import lifecycle, schedule
from portal.credentials import Credential
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from portal.timekeeper import TIMERS_ARE_KEPT, Timekeeper

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


def rotate(program, **kwargs) -> str:
    with transaction():
        kwargs = {"overlap_days": 7, "by": program.request.requester, **kwargs}
        return lifecycle.rotate(program.request.credential, **kwargs).secret


def stored(program) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, program.request.credential_id)


def opens(program, secret: str) -> bool:
    program.secret, kept = secret, program.secret
    status = program.token().status_code
    program.secret = kept
    return status == 200


def events(kind: EventKind) -> list[AuditEvent]:
    return db.session.query(AuditEvent).filter_by(kind=kind).order_by(AuditEvent.id).all()


def tick(app) -> None:
    keeper = Timekeeper(app, Event())
    keeper._set_notices()
    keeper.fire(lifecycle.SUBJECT, lifecycle.credentials_due, lifecycle.keep_time)


def forget(app) -> None:
    with transaction():
        schedule.forget_finished(older_than=TIMERS_ARE_KEPT)
