"""My requests: everything that was asked for, in every state, with its path and history."""

from __future__ import annotations

from flask import Blueprint, Response, url_for
from flask.typing import ResponseReturnValue

from portal import access, forms
from portal.access import AccessRequest, RequestStatus
from portal.accounts import Right
from portal.db import transaction
from portal.web import chosen, current_person, done, found, kept_file, key_in_url, page_of, render, requires

bp = Blueprint("requests", __name__)
PAGE_SIZE = 25


@bp.get("/requests")
@requires(Right.REQUEST_ACCESS)
def index() -> ResponseReturnValue:
    """The person's own requests, the newest first, by status if asked."""
    person, wanted = current_person(), chosen("status", set(RequestStatus))
    asked = access.requests_of(person, status=wanted, before_id=key_in_url("before"), size=PAGE_SIZE + 1)
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "live/requests/index.html",
        rows=rows,
        more=more,
        wanted=wanted,
        waits_for=access.awaited,
        counts=access.own_counts_by_status(person),
    )


@bp.get("/requests/<number:number>")
@requires(Right.REQUEST_ACCESS)
def show(number: str) -> ResponseReturnValue:
    """One request: what was asked, on which terms, who is awaited, and what has happened."""
    return _show(_own(number))


@bp.post("/requests/<number:number>/withdraw")
@requires(Right.REQUEST_ACCESS)
def withdraw(number: str) -> ResponseReturnValue:
    """Take back one's own request while nobody has decided it; else 409 says what happened."""
    asked = _own(number)
    with transaction():
        access.withdraw(asked, by=current_person())
    return done(url_for("live.requests.show", number=number), f"Your request {number} has been withdrawn.")


@bp.get("/requests/<number:number>/files/<key:file_id>")
@requires(Right.REQUEST_ACCESS)
def file(number: str, file_id: int) -> Response:
    """A file that was handed in with one's own request, in any of its versions, to be kept."""
    attachment = found(forms.find_file(file_id, _own(number).answers))
    return kept_file(attachment.name, attachment.media_type, forms.content_of(attachment))


def _own(number: str) -> AccessRequest:
    """The person's own request; somebody else's is the same 404 as one that never was, whatever other roles say."""
    person = current_person()
    asked = found(access.find_request(number, seen_by=person))
    return found(asked if asked.requester_id == person.id else None)


def _show(asked: AccessRequest) -> ResponseReturnValue:
    return render(
        "live/requests/show.html",
        access_request=asked,
        steps=access.path_of(asked),
        history=access.history_of(asked),
        waits_for=access.awaited,
        grants=access.grants_from(asked),
        filled=forms.filled(asked.form_ids, asked.answers, environment=asked.environment),
    )
