"""Test my credential: a token is asked for as a program does it, and what comes of it is explained in plain words.

The call takes the road of every program through the token endpoint of this very process: no network, no second set of
rules. The secret is kept, logged and shown nowhere; of the token only its claims are shown. It counts as no use.
"""

from __future__ import annotations

import base64
import contextvars
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from flask import Blueprint, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response as Answer
from wtforms import PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal import credentials, lifecycle
from portal.accounts import Right
from portal.catalog import AuthMethod
from portal.credentials import Credential
from portal.lifecycle import Door, DoorState
from portal.live.mine import own_credential
from portal.web import render, requires
from portal.web.machines import TRIAL

bp = Blueprint("credential_test", __name__)


class TryForm(FlaskForm):
    """What a program would send."""

    client_id = StringField("Client ID", [InputRequired("Enter the client id."), Length(max=200)])
    client_secret = PasswordField("Client secret", [InputRequired("Paste the secret."), Length(max=500)])
    api = SelectField("API product", choices=[], default="")
    scope = StringField("Scopes", [Length(max=2000)])


@dataclass(frozen=True)
class Result:
    """What the token endpoint answered, with what is known of why."""

    status: int
    error: str = ""
    description: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    expires_in: int = 0
    wait: int = 0
    secret_fault: str = ""
    missing_scopes: tuple[str, ...] = ()
    door: Door | None = None


@bp.get("/apps/<key:app_id>/credentials/<key:credential_id>/test")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int, credential_id: int) -> ResponseReturnValue:
    """What Portico knows of the credential, without any secret, and the form to try one."""
    credential = own_credential(app_id, credential_id)
    return _page(credential, TryForm(formdata=None, client_id=credential.client_id))


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/test")
@requires(Right.REQUEST_ACCESS)
def test(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Ask for a token with what was typed, and explain the answer."""
    credential, form = own_credential(app_id, credential_id), TryForm()
    doors = lifecycle.doors_of(credential)
    _offer(form, doors)
    if not form.validate():
        return _page(credential, form, doors, status=422)
    if (form.client_id.data or "").strip() != credential.client_id:
        form.client_id.errors = [f"That is not the client id of this credential, which is {credential.client_id}."]
        return _page(credential, form, doors, status=422)
    secret = form.client_secret.data or ""
    answer = _ask(credential.client_id, secret, (form.scope.data or "").strip(), form.api.data or "")
    return _page(credential, form, doors, result=_explained(answer, credential, secret, form, doors))


def _ask(client_id: str, secret: str, scope: str, resource: str) -> Answer:
    """What the token endpoint answers a program that sends this, from the network address of the person who asks."""
    fields = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
    pair = f"{quote_plus(client_id)}:{quote_plus(secret, errors='replace')}".encode()
    basic = base64.b64encode(pair).decode()
    headers: Any = {"Authorization": f"Basic {basic}", "X-Request-ID": g.request_id}
    own = {"REMOTE_ADDR": request.remote_addr or "", TRIAL: True}
    builder = EnvironBuilder(
        path=url_for("oauth.token"),
        base_url=current_app.config["PORTICO"].base_url,
        method="POST",
        data=urlencode({name: text for name, text in fields.items() if text}, errors="replace").encode(),
        content_type="application/x-www-form-urlencoded",
        headers=headers,
        environ_overrides=own,
    )
    try:
        call = contextvars.Context().run
        return call(Answer.from_app, current_app.wsgi_app, builder.get_environ(), buffered=True)
    finally:
        builder.close()


def _explained(answer: Answer, credential: Credential, secret: str, form: TryForm, doors: list[Door]) -> Result:
    said = _read(answer.get_data(as_text=True))
    error, api = str(said.get("error", "")), form.api.data or ""
    if answer.status_code == 200:
        claims = _claims_of(str(said.get("access_token", "")))
        return Result(200, claims=claims, expires_in=int(said.get("expires_in", 0)))
    if error == "unauthorized_client" and credential.auth_method is AuthMethod.API_KEY:
        return Result(200)  # the key was right: there is no token for it
    opened = {scope for door in doors if door.state is DoorState.OPEN for scope in door.scopes}
    return Result(
        status=answer.status_code,
        error=error,
        description=str(said.get("error_description", "")),
        wait=int(answer.headers.get("Retry-After", 0)),
        secret_fault=lifecycle.fault_of(credential, secret) if error == "invalid_client" else "",
        missing_scopes=tuple(name for name in (form.scope.data or "").split() if name not in opened),
        door=next((door for door in doors if door.product.audience == api), None),
    )


def _read(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _claims_of(token: str) -> dict[str, Any]:
    """What the token says, without its signature: nobody can use that."""
    middle = token.split(".")[1] if token.count(".") == 2 else ""
    return _read(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)).decode("utf-8", "replace"))


def _page(
    credential: Credential,
    form: TryForm,
    doors: list[Door] | None = None,
    *,
    result: Result | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    doors = lifecycle.doors_of(credential) if doors is None else doors
    _offer(form, doors)
    form.client_id.flags.required = form.client_secret.flags.required = form.api.flags.required = True
    opened = [door.product for door in doors if door.state is DoorState.OPEN]
    chosen = [product for product in opened if product.audience == form.api.data] or opened
    answer = render(
        "live/credential_test/show.html",
        status=status,
        app=credential.app,
        credential=credential,
        form=form,
        doors=doors,
        stop=lifecycle.stop_of(credential),
        result=result,
        claims=json.dumps(result.claims, indent=2, ensure_ascii=False) if result and result.claims else "",
        samples=credentials.samples_for(credential, current_app.config["PORTICO"].base_url, chosen),
        request_id=g.request_id,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _offer(form: TryForm, doors: list[Door]) -> None:
    """The APIs of this credential, and of its app's requests."""
    every = [SelectChoice("", "All that it opens")]
    form.api.choices = every + [SelectChoice(door.product.audience, door.product.name) for door in doors]
