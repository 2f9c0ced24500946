"""The worker's chores wipe links that open accounts and were never delivered (H2)."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from portal import events
from portal.db import db, now, transaction
from portal.events import Draft, MessageState, OutboxMessage
from portal.worker import tidy_up


def test_H2_the_workers_chores_wipe_old_links(app: Flask) -> None:
    kept = {"text": "SESAME", "html": ""}
    with transaction():
        made = [events.enqueue("mail", Draft("a@x.example", kind, kind, kept)) for kind in ("account.reset", "approve")]
        for message in made:
            message.created_at, message.state = now() - timedelta(days=3), MessageState.DEAD
    db.session.rollback()

    tidy_up(app.config["PORTICO"])

    db.session.rollback()
    found = {message.kind: message.payload for message in db.session.query(OutboxMessage).populate_existing()}
    assert found == {"account.reset": {}, "approve": kept}
