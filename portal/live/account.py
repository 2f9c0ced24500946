"""A person's own account: name, roles, password, and where they are signed in."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from portal import accounts
from portal.accounts import WebSession
from portal.db import transaction
from portal.errors import Invalid
from portal.web import current_person, done, found, render, signed_in
from portal.web.sessions import own_session, session_lifetime

bp = Blueprint("account", __name__)
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class NameForm(FlaskForm):
    """The name that others see."""

    name = StringField("Name", [DataRequired("Enter your name."), Length(max=120)], render_kw={"autocomplete": "name"})


class Place(NamedTuple):
    """One of the person's sessions, as a row of the page."""

    session: WebSession
    device: str
    is_this: bool


@bp.get("/account")
@signed_in
def show(form: NameForm | None = None, status: int = 200) -> ResponseReturnValue:
    """Who I am here, and where I am signed in."""
    person = current_person()
    here = own_session().id_hash
    sessions = accounts.sessions_of(person, idle=session_lifetime())
    places = [Place(s, device_of(s.user_agent), s.id_hash == here) for s in sessions]
    form = form or NameForm(formdata=None, name=person.name)
    return render("live/account/show.html", status=status, person=person, form=form, places=places)


@bp.post("/account/name")
@signed_in
def change_name() -> ResponseReturnValue:
    """Change the name that others see."""
    form = NameForm()
    if not form.validate():
        return show(form, 422)
    try:
        with transaction():
            accounts.change_person(current_person(), {"name": form.name.data}, by=current_person())
    except Invalid as error:
        form.name.errors = [error.message]
        return show(form, 422)
    return done(url_for("live.account.show"), "Your name is saved.")


@bp.post("/account/sessions/<slug:id_hash>/end")
@signed_in
def end_session(id_hash: str) -> ResponseReturnValue:
    """Sign out in one other place."""
    with transaction():
        ended = accounts.end_session(current_person(), id_hash)
    found(ended or None)
    return done(url_for("live.account.show"), "That session has ended.")


@bp.post("/account/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    with transaction():
        ended = accounts.sign_out_everywhere(current_person(), by=current_person(), but=own_session().id_hash)
    return done(url_for("live.account.show"), f"{ended} other session{'' if ended == 1 else 's'} ended.")


def device_of(user_agent: str) -> str:
    """A browser and system as people call them, from what the browser said of itself."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[/ ].*", "", user_agent) or "Unknown browser"
