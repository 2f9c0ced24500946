"""Where those who scan public places tell of secrets they found, in the manner of GitHub's secret scanning partners.

A report is a JSON list of ``{"token", "type", "url", "source"}``, and is signed: ECDSA on P-256 with SHA-256 over the
body, by a key that the settings name. Nothing is fetched. The answer says of each text whether it is one of ours, with
its hash and never itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Response, current_app, json, request

from portal import credentials, lifecycle
from portal.config import BadSettings
from portal.db import transaction
from portal.lifecycle import Find
from portal.oauth import documents
from portal.oauth.endpoints import EXTENSION, bp, server_in_use
from portal.oauth.failures import TryLater
from portal.oauth.server import JSON_HEADERS, Server
from portal.web.access import public

KEY_ID_HEADER = "Github-Public-Key-Identifier"
SIGNATURE_HEADER = "Github-Public-Key-Signature"
MOST_BYTES = 1024 * 1024
MOST_FINDS = 1000
LONGEST_TOKEN = 64 * 1024
LONGEST_NAME = 120
WHO = "leak reports"


@dataclass(frozen=True)
class Reporter:
    """Somebody whose reports are believed, with the key that signs them."""

    name: str
    key: EllipticCurvePublicKey


class Unsigned(OAuth2Error):
    """The report is not signed by anybody who is known here; one answer whatever is wrong with it."""

    error = "invalid_signature"
    description = "The report is not signed by a key that is known here."
    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers of the answer, with what is wanted."""
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", 'Signature realm="Portico"')]


class TooManyUnsigned(TryLater, Unsigned):
    """Too many of them from one address; a signed one is still taken."""


@bp.post(documents.LEAKS_PATH)
@public
def leaked_secrets() -> Response:
    """Stop the secrets in a signed report, and say which were real."""
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    reporter = _reporter_of(body)
    finds, kinds = _finds_in(body)
    server = server_in_use()
    with transaction():
        real = lifecycle.take_reports(finds, reporter=reporter.name)
    real = [known or _ended(find.token, server) for find, known in zip(finds, real, strict=True)]
    answer = [
        {
            "token_hash": hashlib.sha256(find.token.encode("utf-8", "surrogatepass")).hexdigest(),
            "token_type": kind,
            "label": "true_positive" if known else "false_positive",
        }
        for find, kind, known in zip(finds, kinds, real, strict=True)
    ]
    return Response(json.dumps(answer), 200, JSON_HEADERS)


@public
def only_post() -> Response:
    """Refuse what is not a POST."""
    body = {"error": "invalid_request", "error_description": "Use POST."}
    return Response(json.dumps(body), 405, [*JSON_HEADERS, ("Allow", "POST, OPTIONS")])


bp.add_url_rule(documents.LEAKS_PATH, "only_post", only_post, methods=["GET", "PUT", "PATCH", "DELETE"])


def reporters_in(file: Path | None) -> dict[str, Reporter]:
    """Those whose reports are believed, by the id of their key. Raises BadSettings with one sentence.

    The file has the form in which GitHub publishes its keys, so that a copy of that is enough; ``name`` may be added.
    """
    if file is None:
        return {}
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
        return {str(each["key_identifier"]): _reporter(each) for each in given["public_keys"]}
    except (OSError, ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        raise BadSettings(
            f"PORTICO_LEAK_REPORTERS_FILE is not usable: {file} must hold public keys on the curve P-256 as "
            f'{{"public_keys": [{{"key_identifier": "…", "key": "-----BEGIN PUBLIC KEY-----…"}}]}} '
            f"({type(error).__name__})."
        ) from None


def _reporter(given: Any) -> Reporter:
    key = load_pem_public_key(str(given["key"]).encode())
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("Another kind of key.")
    name = str(given.get("name") or f"Key {str(given['key_identifier'])[:12]}")
    return Reporter(name[:LONGEST_NAME], key)


def _reporter_of(body: bytes) -> Reporter:
    """Who signed this body. Raises Unsigned."""
    known = cast(dict[str, Reporter], current_app.extensions[EXTENSION]["reporters"])
    reporter = known.get(request.headers.get(KEY_ID_HEADER, ""))
    if reporter is not None and _is_signed(body, request.headers.get(SIGNATURE_HEADER, ""), reporter.key):
        return reporter
    wait = server_in_use().failures.count(WHO, request.remote_addr or "")
    raise TooManyUnsigned(wait) if wait else Unsigned()


def _is_signed(body: bytes, signature: str, key: EllipticCurvePublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), body, ECDSA(SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _finds_in(body: bytes) -> tuple[list[Find], list[str]]:
    """What was found, and the type that the reporter gives each. Raises InvalidRequestError."""
    try:
        given = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, list) or not all(_is_find(each) for each in given):
        raise InvalidRequestError("Send a JSON list of objects with token, type, url and source.")
    if len(given) > MOST_FINDS:
        raise InvalidRequestError(f"Send at most {MOST_FINDS} at once.", status_code=413)
    finds = [Find(each["token"], each.get("url") or "", each.get("source") or "") for each in given]
    return finds, [each.get("type") or "" for each in given]


def _is_find(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and isinstance(given.get("token"), str)
        and len(given["token"]) <= LONGEST_TOKEN
        and all(isinstance(given.get(name) or "", str) for name in ("type", "url", "source"))
    )


def _ended(text: str, server: Server) -> bool:
    """Whether this is an access token of ours; one that was good is revoked."""
    token = server.read(text)
    if token is None or credentials.find_credential_by_client_id(token.client_id) is None:
        return False
    server.end_token(token, reason=f"{lifecycle.FOUND_IN_PUBLIC}.")
    return True
