"""What a client says of itself when it registers (RFC 7591, section 2), read strictly; nothing is fetched.

Only what this server can honour is registered. What it does not know it leaves out, as section 2 wants, and the answer
shows what is left.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Request

from portal import credentials
from portal.credentials import Registration
from portal.errors import Invalid

MOST_BYTES = 64 * 1024
LONGEST_NAME = 120
MOST_REDIRECTS = 10
SECRET_METHODS = frozenset({"client_secret_basic", "client_secret_post"})
BY_KEY = "private_key_jwt"
GRANTS = ["client_credentials"]
KEPT_NAMES = ("client_name", "software_id", "software_version")
SET_BY_US = (
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
)


class InvalidMetadata(OAuth2Error):
    """A field has a value with which this client cannot be registered."""

    error = "invalid_client_metadata"


class InvalidRedirect(OAuth2Error):
    """A redirect address is none. They are not used here, but a client that sends a wrong one is told."""

    error = "invalid_redirect_uri"


class UnapprovedStatement(OAuth2Error):
    """Somebody else vouches for the client; nobody's word is taken here but that of the app's owner."""

    error = "unapproved_software_statement"
    description = "Software statements are not taken here."


def read_json(request: Request) -> dict[str, Any]:
    """The JSON object in the body, each member once. Raises InvalidMetadata; a body that is too large ends in 413."""
    if request.mimetype != "application/json":
        raise InvalidMetadata("Send application/json.", status_code=415)
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    try:
        given = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidMetadata("The body is not a JSON object in UTF-8 with each member once.") from None
    if not isinstance(given, dict):
        raise InvalidMetadata("The body is not a JSON object.")
    return given


def registration_in(given: dict[str, Any], scopes: Collection[str]) -> Registration:
    """What to register, of a client that may have these scopes. Raises one of the errors of section 3.2.2."""
    if given.get("software_statement") is not None:
        raise UnapprovedStatement
    _check_grants(given)
    _check_redirects(given.get("redirect_uris"))
    _check_scope(given.get("scope"), scopes)
    method = given.get("token_endpoint_auth_method", "client_secret_basic")
    details: dict[str, Any] = {
        name: _name(given[name], name) for name in KEPT_NAMES if given.get(name) not in (None, "")
    }
    if given.get("jwks_uri") is not None:
        raise InvalidMetadata("jwks_uri is not taken: nothing is fetched. Send the keys as jwks.")
    if method == BY_KEY:
        details["jwks"] = {"keys": _keys(given.get("jwks"))}
    elif not isinstance(method, str) or method not in SECRET_METHODS:
        raise InvalidMetadata(
            "token_endpoint_auth_method is client_secret_basic, client_secret_post or private_key_jwt."
        )
    elif given.get("jwks") is not None:
        raise InvalidMetadata("jwks goes with private_key_jwt.")
    return Registration(method, details)


def _check_grants(given: dict[str, Any]) -> None:
    if given.get("grant_types") not in (None, GRANTS):
        raise InvalidMetadata("The only grant type is client_credentials.")
    if given.get("response_types") not in (None, [], ["none"]):
        raise InvalidMetadata("There are no response types: this server has no authorization endpoint.")


def _check_redirects(given: Any) -> None:
    if given is None:
        return
    if not isinstance(given, list) or len(given) > MOST_REDIRECTS or not all(_is_redirect(each) for each in given):
        raise InvalidRedirect("A redirect URI is an absolute https address without fragment. None is needed here.")


def _is_redirect(text: Any) -> bool:
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or len(text) > 2000:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "#" not in text and " " not in text


def _check_scope(given: Any, scopes: Collection[str]) -> None:
    if given in (None, ""):
        return
    if not isinstance(given, str) or not set(given.split(" ")) <= set(scopes):
        raise InvalidMetadata("A scope was asked for that was not approved for this app.")


def _name(given: Any, field: str) -> str:
    if not isinstance(given, str) or not given.isprintable() or len(given) > LONGEST_NAME or not given.strip():
        raise InvalidMetadata(f"{field} is a text of at most {LONGEST_NAME} printable characters.")
    return given.strip()


def _keys(given: Any) -> list[dict[str, Any]]:
    try:
        return [dict(key.as_dict(private=False)) for key in credentials.keys_in(given)]
    except Invalid as refusal:
        raise InvalidMetadata(f"jwks: {refusal.message}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("A member stands twice.")
    return made


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")
