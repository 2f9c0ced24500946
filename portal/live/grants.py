"""One access of an app as its own people see it: its terms, its history, and suspending it for a time."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, register
from portal.access import Grant
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Invalid
from portal.live.mine import own_app, visible_app
from portal.web import current_person, done, found, render, requires

bp = Blueprint("grants", __name__)


@bp.get("/apps/<key:app_id>/access/<key:grant_id>")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int, grant_id: int) -> ResponseReturnValue:
    """What was approved, on which terms, and everything that has happened to it since."""
    return _show(_seen(app_id, grant_id))


@bp.post("/apps/<key:app_id>/access/<key:grant_id>/suspend")
@requires(Right.REQUEST_ACCESS)
def suspend(app_id: int, grant_id: int) -> ResponseReturnValue:
    """Let the access open nothing for a time, at once: a key may be in wrong hands."""
    undo = url_for("live.grants.resume", app_id=app_id, grant_id=grant_id)
    return _act(app_id, grant_id, access.suspend_access, "Suspended: {product} refuses the app from now on.", undo)


@bp.post("/apps/<key:app_id>/access/<key:grant_id>/resume")
@requires(Right.REQUEST_ACCESS)
def resume(app_id: int, grant_id: int) -> ResponseReturnValue:
    """Let a suspended access open again what it opened."""
    return _act(app_id, grant_id, access.resume_access, "The access to {product} works again.")


@bp.post("/apps/<key:app_id>/access/<key:grant_id>/revoke")
@requires(Right.REQUEST_ACCESS)
def revoke(app_id: int, grant_id: int) -> ResponseReturnValue:
    """Give up the access for good, at once."""
    back = url_for("live.apps.show", app_id=app_id)
    return _act(app_id, grant_id, access.revoke_access, "The access to {product} has been revoked.", back=back)


def _act(
    app_id: int, grant_id: int, act: Callable[..., Grant], message: str, undo: str = "", back: str = ""
) -> ResponseReturnValue:
    grant = _own(app_id, grant_id)
    try:
        with transaction():
            changed = act(grant, by=current_person(), reason=request.form.get("reason", ""))
            told = message.format(product=changed.product.name)
    except Invalid as refusal:
        return _show(_own(app_id, grant_id), problem=refusal.message, status=422)
    return done(back or url_for("live.grants.show", app_id=app_id, grant_id=grant_id), told, undo=undo)


def _show(grant: Grant, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    person = current_person()
    is_mine = grant.app.is_editable_by(person)
    return render(
        "live/grants/show.html",
        status=status,
        app=grant.app,
        grant=grant,
        problem=problem,
        is_mine=is_mine,
        may_resume=is_mine and access.may_resume(grant, person),
        is_last=len(access.held_through(grant.credential)) == 1,
        mine=access.find_request(grant.request.number, seen_by=person) if is_mine else None,
        past=register.past_of(grant),
        followed_by=register.next_of(grant),
        as_approved=access.is_as_approved(grant),
        stated=access.stated_when_approved(grant),
        history=register.life_of(grant),
        reapproval=access.pending_reapproval_of(grant) if grant.is_held else None,
    )


def _seen(app_id: int, grant_id: int) -> Grant:
    return found(access.find_grant(grant_id, app=visible_app(app_id)))


def _own(app_id: int, grant_id: int) -> Grant:
    return found(access.find_grant(grant_id, app=own_app(app_id)))
