"""Access that ends: held by an app until a day, and the clock of the timekeeper."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event
from typing import Any

from flask import Flask, current_app

from portal import credentials
from portal.access import AccessRequest
from portal.accounts import User
from portal.app import register_channels
from portal.catalog import ApiProduct, Plan
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.timekeeper import Timekeeper
from portal.worker import tidy_up
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


def hold(
    days: int | None = 60, *products: ApiProduct, owner: User | None = None, plan: Plan | None = None, **kwargs: Any
) -> AccessRequest:
    """The approved request of an app that holds access for so many days from now on."""
    plan = plan or make_plan(auto_approve=True, credential_lifetime_days=days)
    owner = owner or make_user()
    chosen = products or (make_product(plans=[plan]),)
    asked = make_request(owner, *chosen, plan=plan, app=kwargs.pop("app", None) or make_app(owner), **kwargs)
    if asked.credential is not None:
        with transaction():
            credentials.reveal(asked.credential, by=owner)  # what nobody claims is taken back
    return asked


def keep_time(app: Flask | None = None) -> None:
    """Let the worker do whatever is due at this moment, as one that has just been started does."""
    app = app or current_app._get_current_object()  # type: ignore[attr-defined]
    register_channels(app.config["PORTICO"])
    keeper = Timekeeper(app, Event())
    while keeper.round():
        pass
    db.session.rollback()
    tidy_up(app.config["PORTICO"])
    db.session.rollback()


def mails(kind: str) -> list[OutboxMessage]:
    """The mails of this kind, the oldest first."""
    db.session.rollback()
    return db.session.query(OutboxMessage).filter_by(kind=kind).order_by(OutboxMessage.id).all()


def recorded(kind: EventKind) -> list[AuditEvent]:
    """What was recorded of this kind, the oldest first."""
    db.session.rollback()
    return db.session.query(AuditEvent).filter_by(kind=kind).order_by(AuditEvent.id).all()
