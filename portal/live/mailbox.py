"""The mailbox of the demo: every mail that Portico would have sent. It exists only where no mail server is set."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response
from flask.typing import ResponseReturnValue

from portal import events
from portal.events import OutboxMessage
from portal.web import found, framed, key_in_url, page_of, page_url, public, render, searched

bp = Blueprint("mailbox", __name__)
PAGE_SIZE = 50


@bp.get("/dev/mailbox")
@public
def index() -> ResponseReturnValue:
    """The mails, the newest first, to everybody or to one address."""
    to, before = searched("to"), key_in_url("before")
    asked = events.outbox_page(channel="mail", recipient=to, before_id=before, size=PAGE_SIZE + 1)
    rows, more = page_of(asked, PAGE_SIZE)
    next_url = page_url(before=rows[-1].id) if more else None
    return render("live/mailbox/index.html", rows=rows, to=to, next_url=next_url)


@bp.get("/dev/mailbox/<key:message_id>")
@public
def show(message_id: int) -> ResponseReturnValue:
    """One mail, as a mail reader shows it."""
    sender = current_app.config["PORTICO"].mail_from
    return render("live/mailbox/show.html", message=_find(message_id), mail_from=sender)


@bp.get("/dev/mailbox/<key:message_id>/html")
@public
def html(message_id: int) -> Response:
    """The HTML part, for the frame on the mail's page; its links open in the whole window."""
    content = str(_find(message_id).payload.get("html", ""))
    content = content.replace("<head>", '<head><base target="_top">', 1)
    return framed(make_response(content), links=True)


def _find(message_id: int) -> OutboxMessage:
    message = events.find_message(message_id)
    return found(message if message is not None and message.channel == "mail" else None)
