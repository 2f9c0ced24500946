"""Giving an app to somebody else, as administrators do: when its owner has left, or by their wish."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal import access, accounts, apps
from portal.accounts import Right
from portal.apps import DeveloperApp
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("transfers", __name__)


class TransferForm(FlaskForm):
    """To whom an app goes, and why; with the impact that was on the screen."""

    email = StringField("New owner", [InputRequired("Enter the mail address of the new owner."), Length(max=254)])
    reason = TextAreaField("Reason", [InputRequired("Give a reason: both owners read it."), Length(max=2000)])
    shown = HiddenField()


@bp.get("/apps/<key:app_id>/transfer")
@requires(Right.EDIT_USERS)
def show(app_id: int) -> ResponseReturnValue:
    """What goes with the app, and the form that gives it away."""
    return _show(_find(app_id), TransferForm(formdata=None))


@bp.post("/apps/<key:app_id>/transfer")
@requires(Right.EDIT_USERS)
def transfer(app_id: int) -> ResponseReturnValue:
    """Make somebody else the owner of the app."""
    app, form = _find(app_id), TransferForm()
    if not form.validate():
        return _show(app, form, status=422)
    try:
        with transaction():
            to = accounts.find_person_by_email(form.email.data or "")
            said, seen = form.reason.data or "", form.shown.data or ""
            given = access.transfer_app(app, to, by=current_person(), reason=said, seen=seen)
            name, owner = given.name, given.owner.display_name
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(app_id), form, status=422)
    except Conflict as stale:
        return _show(_find(app_id), form, problem=stale.message, status=409)
    return done(url_for("admin.apps.show", app_id=app_id), f"{name} belongs to {owner} now. Both are told by mail.")


def _show(app: DeveloperApp, form: TransferForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    impact = access.impact_of(app)
    form.shown.data = impact.mark
    return render("admin/transfers/show.html", status=status, app=app, form=form, problem=problem, impact=impact)


def _find(app_id: int) -> DeveloperApp:
    return found(apps.find_app(app_id, seen_by=current_person()))
