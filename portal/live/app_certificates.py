"""An app's client certificates: programs that show one at the TLS connection send no secret (RFC 8705)."""

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

bp = Blueprint("app_certificates", __name__)


class CertificateForm(FlaskForm):
    """A certificate, as its owner pastes it."""

    name = StringField("Name", [Length(max=120)], description="Where its key is, so that you know it again.")
    certificate = TextAreaField("Certificate", [InputRequired("Paste the certificate.")])


@bp.get("/apps/<key:app_id>/certificates")
@requires(Right.REQUEST_ACCESS)
def index(app_id: int) -> ResponseReturnValue:
    """The app's certificates, and a form for one more."""
    return _page(own_app(app_id), CertificateForm(formdata=None))


@bp.post("/apps/<key:app_id>/certificates")
@requires(Right.REQUEST_ACCESS)
def add(app_id: int) -> ResponseReturnValue:
    """Register a certificate."""
    app, form = own_app(app_id), CertificateForm()
    if not form.validate():
        return _page(app, form, status=422)
    text, name = form.certificate.data or "", form.name.data or ""
    try:
        with transaction():
            credentials.add_app_certificate(app, text, name=name, by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal, text="certificate")
        return _page(own_app(app_id), form, status=422)
    return done(url_for("live.app_certificates.index", app_id=app_id), "The certificate is registered.")


@bp.post("/apps/<key:app_id>/certificates/<key:certificate_id>/remove")
@requires(Right.REQUEST_ACCESS)
def remove(app_id: int, certificate_id: int) -> ResponseReturnValue:
    """Take a certificate away, at once."""
    app = own_app(app_id)
    with transaction():
        name = credentials.remove_app_certificate(app, certificate_id, by=current_person()).name
    return done(
        url_for("live.app_certificates.index", app_id=app_id), f"The certificate {name} proves nothing any more."
    )


def _page(app: DeveloperApp, form: CertificateForm, *, status: int = 200) -> ResponseReturnValue:
    form.certificate.flags.required = True
    settings = current_app.config["PORTICO"]
    return render(
        "live/app_certificates/index.html",
        status=status,
        app=app,
        form=form,
        certificates=credentials.certificates_of(app.id),
        token_url=f"{settings.base_url}/oauth/token",
        is_heard=bool(settings.client_certificate_header),
    )
