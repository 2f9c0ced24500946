"""Changes that wait for a second person, when the installation wants one (C137)."""

from __future__ import annotations

from flask import Blueprint, current_app, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from portal import proposals
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.proposals import ProposedChange
from portal.web import current_person, done, found, render, requires

bp = Blueprint("changes", __name__)
WAITS = "It waits for a second person, and those who could be that person are told by mail."


class RefusalForm(FlaskForm):
    """Why a change is refused."""

    reason = TextAreaField(
        "Reason", [DataRequired("Give a reason: the record keeps it."), Length(max=proposals.LONGEST_REASON)]
    )


def four_eyes() -> bool:
    """Whether this installation wants a second person for what opens doors."""
    return bool(current_app.config["PORTICO"].four_eyes)


@bp.get("/changes")
@requires(Right.USE_ADMIN)
def index() -> ResponseReturnValue:
    """What waits for this person, and what they have asked for."""
    return _index(RefusalForm(formdata=None))


@bp.post("/changes/<key:change_id>/confirm")
@requires(Right.USE_ADMIN)
def confirm(change_id: int) -> ResponseReturnValue:
    """Make the change, as the second person."""
    change = _find(change_id)
    with transaction():
        label = proposals.confirm(change, by=current_person()).label
    return done(url_for("admin.changes.index"), f"{label}: the change is made.")


@bp.post("/changes/<key:change_id>/refuse")
@requires(Right.USE_ADMIN)
def refuse(change_id: int) -> ResponseReturnValue:
    """Say no, as the second person."""
    change, form = _find(change_id), RefusalForm()
    if not form.validate():
        return _index(form, status=422)
    with transaction():
        label = proposals.refuse(change, by=current_person(), reason=form.reason.data or "").label
    return done(url_for("admin.changes.index"), f"{label}: the change is refused.")


@bp.post("/changes/<key:change_id>/take-back")
@requires(Right.USE_ADMIN)
def take_back(change_id: int) -> ResponseReturnValue:
    """Give up a change that one asked for."""
    change = _find(change_id)
    with transaction():
        label = proposals.take_back(change, by=current_person()).label
    return done(url_for("admin.changes.index"), f"{label}: the change is taken back.")


def _index(form: RefusalForm, *, status: int = 200) -> ResponseReturnValue:
    person = current_person()
    changes = proposals.waiting_changes(seen_by=person)
    return render(
        "admin/changes/index.html",
        status=status,
        changes=changes,
        mine={change.id for change in changes if proposals.may_confirm(change, person)},
        form=form,
        four_eyes=four_eyes(),
    )


def _find(change_id: int) -> ProposedChange:
    """The change as this person may see it, or 404. Raises Conflict when it has been answered."""
    change = found(proposals.find_change(change_id, seen_by=current_person()))
    if not change.waits:
        raise Conflict("This change has been answered meanwhile. Nothing was changed.")
    return change
