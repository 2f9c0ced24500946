"""An app's public keys: with one, its programs sign for themselves and send no secret (RFC 7523)."""

from __future__ import annotations

from flask import Blueprint, current_app, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal import credentials
from portal.accounts import Right
from portal.apps import DeveloperApp
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.live.mine import own_app
from portal.web import blame, current_person, done, render, requires

bp = Blueprint("app_keys", __name__)


class KeyForm(FlaskForm):
    """A public key, as its owner pastes it."""

    name = StringField("Name", [Length(max=120)], description="Where its private half is, so that you know it again.")
    key = TextAreaField("Public key", [InputRequired("Paste the public key.")])


@bp.get("/apps/<key:app_id>/keys")
@requires(Right.REQUEST_ACCESS)
def index(app_id: int) -> ResponseReturnValue:
    """The app's public keys, and a form for one more."""
    return _page(own_app(app_id), KeyForm(formdata=None))


@bp.post("/apps/<key:app_id>/keys")
@requires(Right.REQUEST_ACCESS)
def add(app_id: int) -> ResponseReturnValue:
    """Register a public key."""
    app, form = own_app(app_id), KeyForm()
    if not form.validate():
        return _page(app, form, status=422)
    try:
        with transaction():
            credentials.add_app_key(app, form.key.data or "", name=form.name.data or "", by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal, text="key")
        return _page(own_app(app_id), form, status=422)
    return done(url_for("live.app_keys.index", app_id=app_id), "The key is registered. Programs can sign with it now.")


@bp.post("/apps/<key:app_id>/keys/<key:key_id>/remove")
@requires(Right.REQUEST_ACCESS)
def remove(app_id: int, key_id: int) -> ResponseReturnValue:
    """Take a key away, at once."""
    app = own_app(app_id)
    with transaction():
        name = credentials.remove_app_key(app, key_id, by=current_person()).name
    return done(url_for("live.app_keys.index", app_id=app_id), f"The key {name} has been removed.")


def _page(app: DeveloperApp, form: KeyForm, *, status: int = 200) -> ResponseReturnValue:
    form.key.flags.required = True
    return render(
        "live/app_keys/index.html",
        status=status,
        app=app,
        form=form,
        keys=credentials.keys_of(app.id),
        issuer=current_app.config["PORTICO"].base_url,
    )
