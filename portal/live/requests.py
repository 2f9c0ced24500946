"""My requests: everything that was asked for, in every state, with its path and history."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, forms
from portal.access import AccessRequest, RequestStatus
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.forms import Weighed
from portal.live import asking
from portal.live.asking import Given
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


@bp.get("/requests/<number:number>/edit")
@requires(Right.REQUEST_ACCESS)
def edit(number: str) -> ResponseReturnValue:
    """Reason and answers of one's own request while it is reviewed, to change."""
    asked = _own(number)
    if not asked.is_pending:
        raise Conflict(f"{number} has already been {asked.status}, so it can no longer be changed.")
    return _edit(asked, Given(dict(asked.answers)), asked.reason)


@bp.post("/requests/<number:number>/edit")
@requires(Right.REQUEST_ACCESS)
def save(number: str) -> ResponseReturnValue:
    """Put the change in force. Reviewers whose answer it touches are asked again."""
    asked, reason = _own(number), request.form.get("reason", "")
    form = access.form_again(asked)
    given = asking.given_again(request, form, asked.answers)
    found = asking.looks_complete(form, given)
    if len(reason) > access.LONGEST_REASON:
        given.refused["reason"] = f"The reason is longer than {access.LONGEST_REASON} characters."
    if given.refused or found.errors:
        return _edit(asked, given, reason, found, status=422)
    with transaction():
        person = current_person()
        asking.put_files(given, by=person)
        access.edit(_own(number), by=person, reason=reason, answers=given.raw)
    return done(url_for("live.requests.show", number=number), "Your request is changed. Its history says what follows.")


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


def _edit(
    asked: AccessRequest, given: Given, reason: str, found: Weighed | None = None, *, status: int = 200
) -> ResponseReturnValue:
    form = access.form_again(asked)
    return render(
        "live/requests/edit.html",
        status=status,
        access_request=asked,
        reason=reason,
        **asking.page_context(form, given, found, by=current_person()),
    )


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
