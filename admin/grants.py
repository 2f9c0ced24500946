"""Access: everything that apps have, who gave it and on what terms; suspending, resuming and ending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Blueprint, Response, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import TextAreaField

from admin import spreadsheet
from portal import access, accounts, events, register
from portal.access import Grant
from portal.accounts import Right
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Invalid
from portal.events import EventKind
from portal.register import RegisterFilters, RegisterView
from portal.web import (
    blame,
    chosen,
    current_person,
    done,
    found,
    key_in_url,
    page_of,
    page_url,
    render,
    requires,
    searched,
)

bp = Blueprint("grants", __name__)
PAGE_SIZE = 50
SOON = {"7": "7 days", "30": "30 days", "90": "90 days"}
EXPORT_CHUNK, MOST_EXPORTED = 500, 200_000
COLUMNS = (
    *("app", "owner", "organisation", "product", "plan", "environment", "scopes", "state"),
    *("client_id", "request", "starts", "ends", "last_used", "terms_hash"),
)


class ReasonForm(FlaskForm):
    """Why somebody's access is suspended, resumed or ended; the app's people read it."""

    reason = TextAreaField("Reason")


@bp.get("/access")
@requires(Right.SEE_APPS)
def index() -> ResponseReturnValue:
    """The access that this person may see, the newest first, filtered by the URL."""
    asked = register.accesses(
        **_filters(), before_id=key_in_url("before"), size=PAGE_SIZE + 1, seen_by=current_person()
    )
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "admin/grants/index.html",
        rows=rows,
        views=RegisterView,
        environments=Environment,
        soon=SOON,
        filters=_filters(),
        next_url=page_url(before=rows[-1].id) if more else None,
    )


@bp.post("/access/export")
@requires(Right.SEE_APPS)
def export() -> ResponseReturnValue:
    """The filtered list as CSV; that it was exported is recorded."""
    filters, person = _filters(), current_person()
    with transaction():
        told = {name: str(value) for name, value in filters.items() if value}
        events.record(EventKind.EXPORTED, subject=person, by=person, after={"access": told})
    answer = Response(stream_with_context(_csv(filters, current_person().id)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="portico-access.csv"'
    return answer


@bp.get("/access/<key:grant_id>")
@requires(Right.SEE_APPS)
def show(grant_id: int) -> ResponseReturnValue:
    """One access: its terms, where it comes from, and everything that has happened to it."""
    return _show(_find(grant_id), ReasonForm(formdata=None))


@bp.post("/access/<key:grant_id>/suspend")
@requires(Right.REVOKE_ACCESS)
def suspend(grant_id: int) -> ResponseReturnValue:
    """Let the access open nothing for a time, at once."""
    undo = url_for("admin.grants.resume", grant_id=grant_id)
    return _act(grant_id, access.suspend_access, "The access is suspended. It opens nothing until it is resumed.", undo)


@bp.post("/access/<key:grant_id>/resume")
@requires(Right.REVOKE_ACCESS)
def resume(grant_id: int) -> ResponseReturnValue:
    """Let a suspended access open again what it opened."""
    return _act(grant_id, access.resume_access, "The access works again.")


@bp.post("/access/<key:grant_id>/revoke")
@requires(Right.REVOKE_ACCESS)
def revoke(grant_id: int) -> ResponseReturnValue:
    """End the access for good, at once."""
    return _act(grant_id, access.revoke_access, "The access has been revoked.")


def _act(grant_id: int, act: Callable[..., Grant], message: str, undo: str = "") -> ResponseReturnValue:
    grant, form = _find(grant_id), ReasonForm()
    try:
        with transaction():
            act(grant, by=current_person(), reason=form.reason.data or "")
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(grant_id), form, status=422)
    return done(url_for("admin.grants.show", grant_id=grant_id), message, undo=undo)


def _find(grant_id: int) -> Grant:
    return found(register.find_access(grant_id, seen_by=current_person()))


def _show(grant: Grant, form: ReasonForm, *, status: int = 200) -> ResponseReturnValue:
    person = current_person()
    may_revoke = grant.is_held and access.may_revoke(grant, person) and person.may(Right.REVOKE_ACCESS)
    change = access.plan_change_of(grant.credential) if may_revoke else None
    again = access.pending_reapproval_of(grant) if grant.is_held else None
    return render(
        "admin/grants/show.html",
        status=status,
        form=form,
        grant=grant,
        may_revoke=may_revoke,
        may_resume=may_revoke and access.may_resume(grant, person),
        may_change=change is not None and bool(change.plans) and access.may_change_plan(grant.credential, person),
        changing=change.pending if change is not None else None,
        reapproval=again,
        may_open_reapproval=again is not None and access.find_request(again.number, seen_by=person) is not None,
        ground=register.ground_of(grant),
        standings=access.standings_of(grant.request),
        seen=access.find_request(grant.request.number, seen_by=person) is not None,
        past=register.past_of(grant),
        followed_by=register.next_of(grant),
        as_approved=access.is_as_approved(grant),
        stated=access.stated_when_approved(grant),
        history=register.life_of(grant),
    )


def _filters() -> RegisterFilters:
    environment = chosen("environment", set(Environment))
    ends = chosen("ends", set(SOON))
    return {
        "view": RegisterView(chosen("show", set(RegisterView), default=RegisterView.HELD)),
        "search": searched(),
        "environment": Environment(environment) if environment else None,
        "product_id": key_in_url("product"),
        "ends_within_days": int(ends) if ends else None,
    }


def _csv(filters: RegisterFilters, person_id: int) -> Iterator[str]:
    """All rows, read while they are sent; the session of the view is over by then."""
    yield spreadsheet.line(COLUMNS)
    person = found(accounts.find_person(person_id))
    before_id, sent = None, 0
    while sent < MOST_EXPORTED:
        rows = register.accesses(**filters, before_id=before_id, size=EXPORT_CHUNK, seen_by=person)
        if not rows:
            return
        for grant in rows:
            yield spreadsheet.line(_cells(grant))
        before_id, sent = rows[-1].id, sent + len(rows)


def _cells(grant: Grant) -> list[str]:
    return [
        grant.app.name,
        grant.app.owner.email,
        grant.app.organisation.name,
        grant.product.name,
        grant.plan.display_name,
        grant.environment.value,
        " ".join(grant.scopes),
        grant.status,
        grant.credential.client_id,
        grant.request.number,
        grant.starts_at.isoformat(),
        grant.ends_at.isoformat() if grant.ends_at else "",
        grant.last_used_at.isoformat() if grant.last_used_at else "",
        grant.terms_hash,
    ]
