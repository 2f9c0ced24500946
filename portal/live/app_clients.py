"""Clients that register themselves under a credential: the tokens that let them, and those that did (RFC 7591)."""

from __future__ import annotations

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, credentials
from portal.accounts import Right
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Conflict
from portal.live.mine import own_credential
from portal.web import current_person, done, found, key_of, render, requires

bp = Blueprint("app_clients", __name__)
BASE = "/apps/<key:app_id>/credentials/<key:credential_id>/clients"


@bp.get(BASE)
@requires(Right.REQUEST_ACCESS)
def index(app_id: int, credential_id: int) -> ResponseReturnValue:
    """The open tokens of a credential, and the clients that registered under it."""
    return _index(app_id, credential_id)


def _index(app_id: int, credential_id: int, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    credential = _credential(app_id, credential_id)
    tokens = credentials.initial_tokens_of(credential)
    return render(
        "live/app_clients/index.html",
        status=status,
        app=credential.app,
        credential=credential,
        problem=problem,
        seen=tokens[0].id if tokens else 0,
        tokens=[token for token in tokens if token.is_good],
        clients=credentials.registered_clients_of(credential),
        endpoint=_endpoint(),
    )


@bp.post(f"{BASE}/allow")
@requires(Right.REQUEST_ACCESS)
def allow(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Make a token and show it, this once, in this very answer: it is kept nowhere (H1)."""
    credential = _credential(app_id, credential_id)
    seen = key_of(request.form.get("seen", "")) or 0
    try:
        with transaction():
            allowed = credentials.allow_registration(credential, by=current_person(), seen=seen)
    except Conflict as refusal:
        return _index(app_id, credential_id, problem=refusal.message, status=409)
    credential = _credential(app_id, credential_id)
    answer = render(
        "live/app_clients/token.html", app=credential.app, credential=credential, allowed=allowed, endpoint=_endpoint()
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post(f"{BASE}/tokens/<key:token_id>/withdraw")
@requires(Right.REQUEST_ACCESS)
def withdraw(app_id: int, credential_id: int, token_id: int) -> ResponseReturnValue:
    """Take back a token that nobody has used."""
    credential = _credential(app_id, credential_id)
    with transaction():
        credentials.forbid_registration(credential, token_id, by=current_person())
    return _back(app_id, credential_id, "The token has been withdrawn. Nobody can register with it.")


@bp.post(f"{BASE}/<key:client_key>/revoke")
@requires(Right.REQUEST_ACCESS)
def revoke(app_id: int, credential_id: int, client_key: int) -> ResponseReturnValue:
    """End one registered client; the credential and its other clients stay as they are."""
    parent = _credential(app_id, credential_id)
    client = found(credentials.find_credential(client_key, app=parent.app))
    found(client if client.parent_id == parent.id else None)
    client_id = client.client_id
    with transaction():
        access.revoke_credential(client, by=current_person(), reason="Revoked by the app’s owner.")
    return _back(app_id, credential_id, f"The client {client_id} has been revoked.")


def _credential(app_id: int, credential_id: int) -> Credential:
    """A credential of the person's own app that was asked for, not one that a program registered with it."""
    credential = own_credential(app_id, credential_id)
    return found(credential if credential.parent_id is None else None)


def _endpoint() -> str:
    return f"{current_app.config['PORTICO'].base_url}/oauth/register"


def _back(app_id: int, credential_id: int, message: str) -> ResponseReturnValue:
    return done(url_for("live.app_clients.index", app_id=app_id, credential_id=credential_id), message)
