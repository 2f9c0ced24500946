"""Giving an app to a colleague, as its owner does."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal import access, accounts
from portal.accounts import Right
from portal.apps import DeveloperApp
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.live.mine import own_app
from portal.web import blame, current_person, done, render, requires

bp = Blueprint("app_transfer", __name__)


class TransferForm(FlaskForm):
    """To which colleague an app goes, and why; with the impact that was on the screen."""

    email = StringField("New owner", [InputRequired("Enter the mail address of a colleague."), Length(max=254)])
    reason = TextAreaField("Reason", [InputRequired("Give a reason: the new owner reads it."), Length(max=2000)])
    shown = HiddenField()


@bp.get("/apps/<key:app_id>/transfer")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int) -> ResponseReturnValue:
    """What goes with the app, and the form that gives it away; ``back`` hands it back to whoever had it before."""
    app, form = own_app(app_id), TransferForm(formdata=None)
    former = access.former_owner(app) if request.args.get("back") else None
    form.email.data = former.email if former is not None else ""
    return _show(app, form)


@bp.post("/apps/<key:app_id>/transfer")
@requires(Right.REQUEST_ACCESS)
def transfer(app_id: int) -> ResponseReturnValue:
    """Make a colleague the owner of the app."""
    app, form = own_app(app_id), TransferForm()
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
        return _show(own_app(app_id), form, status=422)
    except Conflict as stale:
        return _show(own_app(app_id), form, problem=stale.message, status=409)
    return done(url_for("live.apps.index"), f"{name} belongs to {owner} now, who is told by mail.")


def _show(app: DeveloperApp, form: TransferForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    impact = access.impact_of(app)
    form.shown.data = impact.mark
    form.email.flags.required = form.reason.flags.required = True
    former = access.former_owner(app)
    return render(
        "live/app_transfer/show.html",
        status=status,
        app=app,
        form=form,
        problem=problem,
        impact=impact,
        former=former,
        is_back=former is not None and form.email.data == former.email,
    )
