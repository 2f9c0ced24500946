"""Clients that register themselves (RFC 7591) and manage their registration (RFC 7592), each with a bearer token.

Whoever comes without a good token learns nothing: not whether a client exists, nor whether a token was ever good.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Response, json, request

from portal import access, credentials
from portal.access import Entitlement
from portal.credentials import RegisteredClient
from portal.db import transaction
from portal.errors import Conflict, NotFound
from portal.oauth import documents
from portal.oauth.client_metadata import GRANTS, SET_BY_US, InvalidMetadata, read_json, registration_in
from portal.oauth.endpoints import bp, server_in_use
from portal.oauth.failures import TryLater
from portal.oauth.server import JSON_HEADERS
from portal.web.access import public

ONE_CLIENT = f"{documents.REGISTRATION_PATH}/<client_id>"
WHO = "registration"


class WrongToken(OAuth2Error):
    """The token is no good one (RFC 6750, section 3.1); one answer whatever is wrong with it."""

    error = "invalid_token"
    description = "The token is not good here, or not any more."
    status_code = 401
    challenge = 'Bearer realm="Portico", error="invalid_token"'

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers of the answer, with how to authenticate."""
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", self.challenge)]


class NoToken(WrongToken):
    """No token was sent, so there is nothing to say of it but that one is needed (RFC 6750, section 3)."""

    description = "A bearer token is needed."
    challenge = 'Bearer realm="Portico"'


class TooManyWrongTokens(TryLater, WrongToken):
    """Too many wrong tokens from one address; a right one is still taken."""


@bp.post(documents.REGISTRATION_PATH)
@public
def register() -> Response:
    """A client under an approved credential, for who has a token of its owner (RFC 7591, section 3)."""
    text = _bearer()
    token = credentials.find_initial_token(text)
    parent = access.find_entitlement(token.credential.client_id) if token is not None else None
    if token is None or parent is None or not parent.is_live:
        raise _refused()
    asked = registration_in(read_json(request), parent.scopes)
    try:
        with transaction():
            made = credentials.register_client(token, asked)
            told = _information(made.client, parent, made.token, made.secret)
    except NotFound:
        raise _refused() from None
    except Conflict as full:
        raise InvalidMetadata(full.message) from None
    return _answer(told, 201)


@bp.get(ONE_CLIENT)
@public
def read_client(client_id: str) -> Response:
    """What is registered (RFC 7592, section 2.1). The secret was told once and cannot be told again."""
    client, entitlement, text = _client(client_id)
    return _answer(_information(client, entitlement, text, None))


@bp.put(ONE_CLIENT)
@public
def change_client(client_id: str) -> Response:
    """Register something else in place of what was (RFC 7592, section 2.2)."""
    client, entitlement, text = _client(client_id)
    given = read_json(request)
    if given.get("client_id") != client_id:
        raise InvalidMetadata("client_id must be that of this client.")
    if any(name in given for name in SET_BY_US):
        raise InvalidMetadata("Leave out what the server sets: the registration token and address, and the dates.")
    if "client_secret" in given and not _is_its_secret(client, given["client_secret"]):
        raise InvalidMetadata("client_secret is not that of this client; it cannot be chosen.")
    asked = registration_in(given, entitlement.scopes)
    try:
        with transaction():
            secret = credentials.change_client(client, asked)
            told = _information(client, entitlement, text, secret)
    except NotFound:
        raise _refused() from None
    return _answer(told)


@bp.delete(ONE_CLIENT)
@public
def end_client(client_id: str) -> Response:
    """End the client (RFC 7592, section 2.3). Its tokens end with it for who introspects."""
    client, _, _ = _client(client_id)
    try:
        with transaction():
            credentials.end_client(client, by=None, reason="The client ended its registration.")
    except (NotFound, Conflict):
        raise _refused() from None
    return Response("", 204, [("Cache-Control", "no-store"), ("Pragma", "no-cache")])


@public
def wrong_method(client_id: str = "") -> Response:
    """Refuse every other method, whoever asks."""
    allowed = "GET, HEAD, PUT, DELETE, OPTIONS" if client_id else "POST, OPTIONS"
    body = {"error": "invalid_request", "error_description": f"Use one of {allowed}."}
    return Response(json.dumps(body), 405, [*JSON_HEADERS, ("Allow", allowed)])


bp.add_url_rule(documents.REGISTRATION_PATH, "no_such_way", wrong_method, methods=["GET", "PUT", "PATCH", "DELETE"])
bp.add_url_rule(ONE_CLIENT, "no_such_way", wrong_method, methods=["POST", "PATCH"])


def _client(client_id: str) -> tuple[RegisteredClient, Entitlement, str]:
    """The client that the token manages, with what it opens now. Raises WrongToken."""
    text = _bearer()
    known = credentials.can_be_client_id(client_id)
    client = credentials.find_registered(client_id if known else "", text)
    entitlement = access.find_entitlement(client_id) if client is not None else None
    if client is None or entitlement is None or not entitlement.is_live:
        raise _refused()
    return client, entitlement, text


def _bearer() -> str:
    """The token in the header, the only place where one is looked for (RFC 6750, section 2.1)."""
    if request.query_string:
        raise InvalidMetadata("Nothing is read from the address.")
    header = request.headers.get("Authorization")
    if header is None:
        raise NoToken
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise NoToken
    return token.strip(" ")


def _refused() -> WrongToken:
    wait = server_in_use().failures.count(WHO, request.remote_addr or "")
    return TooManyWrongTokens(wait) if wait else WrongToken()


def _is_its_secret(client: RegisteredClient, given: Any) -> bool:
    return isinstance(given, str) and credentials.secret_matches(given, client.credential.secret_hash)


def _information(client: RegisteredClient, entitlement: Entitlement, token: str, secret: str | None) -> dict[str, Any]:
    """What is registered, and how to change it (RFC 7591, section 3.2.1; RFC 7592, section 3)."""
    held = client.credential
    issued = {} if secret is None else {"client_secret": secret, "client_secret_expires_at": 0}
    return {
        "client_id": held.client_id,
        **issued,
        "client_id_issued_at": int(client.registered_at.timestamp()),
        "registration_access_token": token,
        "registration_client_uri": f"{server_in_use().issuer}{documents.REGISTRATION_PATH}/{held.client_id}",
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": GRANTS,
        "response_types": [],
        "scope": " ".join(sorted(entitlement.scopes)),
        **client.details,
    }


def _answer(content: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content), status, JSON_HEADERS)
