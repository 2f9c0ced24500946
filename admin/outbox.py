"""The outbox: what waits, what went, what was set aside, and sending that again (C113)."""

from __future__ import annotations

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue

from portal import events
from portal.accounts import ACCOUNT_MAIL, Right
from portal.db import transaction
from portal.errors import Conflict
from portal.events import MessageState
from portal.web import chosen, current_person, done, found, key_in_url, page_of, page_url, render, requires, searched

bp = Blueprint("outbox", __name__)
PAGE_SIZE = 50
ALL = "all"


@bp.get("/outbox")
@requires(Right.SEE_MESSAGES)
def index() -> ResponseReturnValue:
    """The newest messages, filtered by the URL."""
    wanted = chosen("state", set(MessageState), default=ALL)
    rows, more = page_of(
        events.outbox_page(
            state="" if wanted == ALL else wanted,
            recipient=searched(),
            before_id=key_in_url("before"),
            size=PAGE_SIZE + 1,
        ),
        PAGE_SIZE,
    )
    waiting, dead, oldest = events.backlog()
    return render(
        "admin/outbox/index.html",
        rows=rows,
        wanted=wanted,
        states=list(MessageState),
        waiting=waiting,
        dead=dead,
        oldest=oldest,
        next_url=page_url(before=rows[-1].id) if more else None,
    )


@bp.get("/outbox/<key:message_id>")
@requires(Right.SEE_MESSAGES)
def show(message_id: int) -> ResponseReturnValue:
    """One message: where it stands, why, and its text as sent."""
    return _show(message_id)


@bp.post("/outbox/<key:message_id>/send-again")
@requires(Right.EDIT_MESSAGES)
def send_again(message_id: int) -> ResponseReturnValue:
    """Try a dead message again, under the same Message-ID."""
    message = found(events.find_message(message_id))
    try:
        with transaction():
            events.replay(message, by=current_person())
    except Conflict as stale:
        flash(stale.message, "warning")
        return _show(message_id, status=409)
    return done(url_for("admin.outbox.show", message_id=message_id), "The message waits to be sent again.")


@bp.post("/outbox/send-all-again")
@requires(Right.EDIT_MESSAGES)
def send_all_again() -> ResponseReturnValue:
    """Try every dead message again, for when what was wrong is mended."""
    with transaction():
        count = events.replay_all(by=current_person())
    words = "One message waits" if count == 1 else f"{count} messages wait"
    return done(url_for("admin.outbox.index"), f"{words} to be sent again.")


def _show(message_id: int, status: int = 200) -> ResponseReturnValue:
    message = found(events.find_message(message_id))
    is_secret = message.kind.startswith(ACCOUNT_MAIL)
    text = "" if is_secret else str(message.payload.get("text", ""))
    return render("admin/outbox/show.html", status=status, message=message, is_secret=is_secret, text=text)
