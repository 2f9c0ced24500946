"""Developer apps as owners and administrators see them: what each may call, and ending it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from admin.access_requests import answers_of
from portal import access, apps, credentials, lifecycle, register
from portal.access import Grant
from portal.accounts import Right
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.db import transaction
from portal.web import current_person, done, found, name_and_key_in_url, page_of, page_url, render, requires, searched

bp = Blueprint("apps", __name__)
PAGE_SIZE = 50


class RevokeForm(FlaskForm):
    """Why access ends; the app's people read it."""

    reason = TextAreaField(
        "Reason", validators=[InputRequired("Give a reason: the app’s people will read it."), Length(max=2000)]
    )


@bp.get("/apps")
@requires(Right.SEE_APPS)
def index() -> ResponseReturnValue:
    """All developer apps by name."""
    rows, more = page_of(
        apps.apps_page(search=searched(), after=name_and_key_in_url("after"), size=PAGE_SIZE + 1), PAGE_SIZE
    )
    next_url = page_url(after_name=rows[-1].name, after=rows[-1].id) if more else None
    return render("admin/apps/index.html", rows=rows, next_url=next_url)


@bp.get("/apps/<key:app_id>")
@requires(Right.SEE_APPS)
def show(app_id: int) -> ResponseReturnValue:
    """An app with its requests, access and credentials."""
    return _show(_find(app_id), RevokeForm())


@bp.post("/apps/<key:app_id>/access/<key:grant_id>/revoke")
@requires(Right.REVOKE_ACCESS)
def revoke_access(app_id: int, grant_id: int) -> ResponseReturnValue:
    """End the app's access to one product, at once."""
    app = _find(app_id)
    grant = found(access.find_grant(grant_id, app=app))
    return _act(app, access.revoke_access, grant, "The access has been revoked.")


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/revoke")
@requires(Right.REVOKE_ACCESS)
def revoke_credential(app_id: int, credential_id: int) -> ResponseReturnValue:
    """End a credential and everything that it opens, at once."""
    app = _find(app_id)
    credential = found(credentials.find_credential(credential_id, app=app))
    return _act(app, access.revoke_credential, credential, "The credential has been revoked.")


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/stop-secrets")
@requires(Right.REVOKE_ACCESS)
def stop_secrets(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Stop what may have become known; the access stays, and the app's owner has to rotate."""
    app = _find(app_id)
    credential = found(credentials.find_credential(credential_id, app=app))
    return _act(app, lifecycle.stop_secrets, credential, "The secrets are stopped. The app’s owner has been told.")


def _act(app: DeveloperApp, act: Callable[..., object], thing: Grant | Credential, message: str) -> ResponseReturnValue:
    """End something of the app with the reason that was given; without one, the page once more."""
    form, back = RevokeForm(), url_for("admin.apps.show", app_id=app.id)
    if not form.validate():
        return _show(app, form, status=422)
    with transaction():
        act(thing, by=current_person(), reason=form.reason.data or "")
    return done(back, message)


def _show(app: DeveloperApp, form: RevokeForm, *, status: int = 200) -> ResponseReturnValue:
    person = current_person()
    grants = access.grants_of(app)
    held = credentials.credentials_of(app)
    pending = access.pending_requests_of(app)
    return render(
        "admin/apps/show.html",
        status=status,
        app=app,
        form=form,
        grants=grants,
        credentials=held,
        registered=credentials.registered_in(app),
        receipts=credentials.receipts_of([credential.id for credential in held]),
        pending=pending,
        **answers_of(pending, person),
        visible={g.id for g in grants if register.may_see(g, person)},
        revocable={g.id for g in grants if g.is_held and access.may_revoke(g, person)},
        revocable_credentials={c.id for c in held if c.is_live and access.may_revoke_credential(c, person)},
    )


def _find(app_id: int) -> DeveloperApp:
    return found(apps.find_app(app_id, seen_by=current_person()))
