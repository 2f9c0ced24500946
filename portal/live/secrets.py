"""Secrets of an app's credentials: revealed once when the terms of use are accepted, rotated without an outage.

A secret is shown in the very answer to the press of the button: it is kept nowhere, so it can't be shown again (H1).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from portal import access, credentials, lifecycle
from portal.accounts import Right
from portal.credentials import Credential, CredentialState, Revealed
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.live.mine import own_credential
from portal.live.product import rendered
from portal.web import blame, current_person, done, render, requires

bp = Blueprint("secrets", __name__)
PAGE = "/apps/<key:app_id>/credentials/<key:credential_id>"
USUAL_OVERLAPS = (30, 14, 7, 3, 1)


class RotateForm(FlaskForm):
    """How long the old secret stays good."""

    overlap_days = RadioField("The old secret", coerce=int)
    seen = HiddenField()


@bp.get(f"{PAGE}/terms")
@requires(Right.REQUEST_ACCESS)
def terms(app_id: int, credential_id: int) -> ResponseReturnValue:
    """The terms of use that are to be accepted: before the secret is shown, or since they were published."""
    credential = own_credential(app_id, credential_id)
    form = _form_for(credential)
    if credential.state is not CredentialState.ACTIVE or not form.terms:
        credentials.refuse_shown(credential)
    return _ask_terms(credential, form)


@bp.post(f"{PAGE}/terms/accept")
@requires(Right.REQUEST_ACCESS)
def accept(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Accept terms of use for a secret that was shown before: of a newer version, or of a product that was added."""
    told = "You have accepted the terms of use."
    return _press(app_id, credential_id, lifecycle.accept_later, ask=_ask_terms, answer=lambda _: _back(app_id, told))


@bp.post(f"{PAGE}/reveal")
@requires(Right.REQUEST_ACCESS)
def reveal(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Show the secret, this once, to whoever accepts the terms of use."""
    return _press(
        app_id,
        credential_id,
        lifecycle.claim,
        ask=_ask_terms,
        answer=lambda revealed: _shown(own_credential(app_id, credential_id), revealed),
    )


@bp.get(f"{PAGE}/without-secret")
@requires(Right.REQUEST_ACCESS)
def ask_activate(app_id: int, credential_id: int) -> ResponseReturnValue:
    """What it takes to use a credential without a secret, and the terms of use that are to be accepted."""
    credential = own_credential(app_id, credential_id)
    credentials.refuse_shown(credential)
    return _ask_activate(credential, _form_for(credential))


@bp.post(f"{PAGE}/without-secret")
@requires(Right.REQUEST_ACCESS)
def activate(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Put the credential to use without a secret: programs prove themselves by a key or certificate of the app."""
    told = "The credential is active. Programs prove themselves by key."
    return _press(app_id, credential_id, lifecycle.activate, ask=_ask_activate, answer=lambda _: _back(app_id, told))


@bp.get(f"{PAGE}/rotation")
@requires(Right.REQUEST_ACCESS)
def ask_rotate(app_id: int, credential_id: int) -> ResponseReturnValue:
    """What a rotation does, and how long the old secret is to stay good."""
    credential = own_credential(app_id, credential_id)
    credentials.refuse_to_rotate(credential)
    return _ask_rotate(credential, _form_for(credential, RotateForm))


@bp.post(f"{PAGE}/rotate")
@requires(Right.REQUEST_ACCESS)
def rotate(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Make a new secret and show it, this once; the old one stays good for the time that was chosen."""
    credential = own_credential(app_id, credential_id)
    credentials.refuse_to_rotate(credential)
    form = _form_for(credential, RotateForm, typed=True)
    seen = _moment(form.seen.data or "")
    if seen is None and credential.secret_made_at is not None:
        raise Conflict("Open the app’s page and press Rotate secret there.")
    if not form.validate():
        return _ask_rotate(credential, form, status=422)
    try:
        with transaction():
            revealed = lifecycle.rotate(
                credential,
                overlap_days=form.overlap_days.data,
                seen=seen,
                accepted=_accepted(form),
                by=current_person(),
            )
    except Invalid as refusal:
        return _ask_rotate(*_again(app_id, credential_id, refusal, RotateForm), status=422)
    return _shown(own_credential(app_id, credential_id), revealed)


@bp.post(f"{PAGE}/end-old-secret")
@requires(Right.REQUEST_ACCESS)
def end_old(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Stop the old secret before its time."""
    credential = own_credential(app_id, credential_id)
    with transaction():
        lifecycle.end_old_secret(credential, by=current_person())
    return _back(app_id, "The old secret has ended. Only the new one works now.")


def _press(
    app_id: int,
    credential_id: int,
    act: Callable[..., Any],
    *,
    ask: Callable[..., ResponseReturnValue],
    answer: Callable[[Any], ResponseReturnValue],
) -> ResponseReturnValue:
    """Act on a credential once its terms of use are accepted; until then, or if newer terms came between, ask."""
    credential = own_credential(app_id, credential_id)
    form = _form_for(credential, typed=True)
    if not form.validate():
        return ask(credential, form, status=422)
    try:
        with transaction():
            made = act(credential, accepted=_accepted(form), by=current_person())
    except Invalid as refusal:
        return ask(*_again(app_id, credential_id, refusal), status=422)
    return answer(made)


def _back(app_id: int, told: str) -> ResponseReturnValue:
    return done(url_for("live.apps.show", app_id=app_id), told)


def _form_for(credential: Credential, kind: type[FlaskForm] = FlaskForm, *, typed: bool = False) -> FlaskForm:
    """The form with a box to tick for each of the terms that are still to be accepted."""
    terms = lifecycle.terms_to_accept([credential])[credential.id]
    boxes = {
        lifecycle.field_of(one): BooleanField(
            f"I accept the terms of use of {one.label}", [InputRequired("Tick this box to accept them.")]
        )
        for one in terms
    }
    form = type("SecretForm", (kind,), boxes)() if typed else type("SecretForm", (kind,), boxes)(formdata=None)
    form.terms = {lifecycle.field_of(one): one for one in terms}
    if isinstance(form, RotateForm):
        form.overlap_days.choices = _overlaps(credential.plan.overlap_days)
        if not request.form:
            form.overlap_days.data = credential.plan.overlap_days
            form.seen.data = credential.secret_made_at.isoformat() if credential.secret_made_at else ""
    return form


def _overlaps(most: int) -> list[SelectChoice]:
    """What can be chosen: all that the plan allows, shorter times, and none."""
    days = [most, *[each for each in USUAL_OVERLAPS if each < most]] if most else []
    return [
        *[SelectChoice(each, f"stays good for {each} day{'' if each == 1 else 's'}") for each in days],
        SelectChoice(0, "stops at once"),
    ]


def _accepted(form: FlaskForm) -> set[int]:
    return {terms.id for name, terms in form.terms.items() if form[name].data}


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _ask_terms(credential: Credential, form: FlaskForm, *, status: int = 200) -> ResponseReturnValue:
    page = "live/secrets/terms.html" if credential.state is CredentialState.ACTIVE else "live/secrets/reveal.html"
    return render(page, status=status, **_frame(credential), form=form, markdown=rendered)


def _again(
    app_id: int, credential_id: int, refusal: Invalid, kind: type[FlaskForm] = FlaskForm
) -> tuple[Credential, FlaskForm]:
    """The form once more, as it is to be filled in now, with what was wrong."""
    credential = own_credential(app_id, credential_id)
    form = _form_for(credential, kind, typed=True)
    blame(form, refusal)
    return credential, form


def _ask_activate(credential: Credential, form: FlaskForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "live/secrets/activate.html",
        status=status,
        **_frame(credential),
        form=form,
        markdown=rendered,
        can_prove=lifecycle.can_prove(credential.app_id),
    )


def _ask_rotate(credential: Credential, form: FlaskForm, *, status: int = 200) -> ResponseReturnValue:
    keeps_older = credentials.keeps_older_secret(credential)
    return render(
        "live/secrets/rotate.html",
        status=status,
        **_frame(credential),
        form=form,
        markdown=rendered,
        keeps_older=keeps_older,
    )


def _shown(credential: Credential, revealed: Revealed) -> ResponseReturnValue:
    products = _frame(credential)["products"]
    samples = credentials.samples_for(credential, current_app.config["PORTICO"].base_url, products)
    answer = render(
        "live/secrets/shown.html",
        fragment="live/secrets/_shown.html",
        app=credential.app,
        credential=credential,
        revealed=revealed,
        samples=samples,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _frame(credential: Credential) -> dict[str, Any]:
    live = [grant for grant in access.grants_of(credential.app) if grant.is_live]
    products = [grant.product for grant in live if grant.credential_id == credential.id]
    return {"app": credential.app, "credential": credential, "products": products}
