"""What hardly ever changes while a process runs: metadata (RFC 8414) and public keys, made once, with an ETag."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from flask import Response, request

from portal.credentials import SigningKeys
from portal.oauth.assertions import ALGORITHMS
from portal.oauth.clients import AUTH_METHODS, CERTIFICATE_METHOD

METADATA_PATH = "/.well-known/oauth-authorization-server"
TOKEN_PATH, INTROSPECTION_PATH = "/oauth/token", "/oauth/introspect"
REVOCATION_PATH, KEYS_PATH = "/oauth/revoke", "/oauth/jwks.json"
REGISTRATION_PATH, LEAKS_PATH = "/oauth/register", "/oauth/leaked-secrets"
FRESH_SECONDS = 900


@dataclass(frozen=True)
class Document:
    """A JSON document in its final bytes."""

    body: bytes
    etag: str

    def answer(self) -> Response:
        """The document, or 304 for a client that has it."""
        unchanged = self.etag in request.if_none_match
        answer = Response(b"" if unchanged else self.body, 304 if unchanged else 200, mimetype="application/json")
        answer.headers["ETag"] = f'"{self.etag}"'
        answer.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
        return answer


def document(content: dict[str, Any]) -> Document:
    """This content as a document."""
    body = json.dumps(content).encode()
    return Document(body, hashlib.sha256(body).hexdigest()[:32])


class KeySet:
    """The document of the public keys, made anew when they have changed."""

    def __init__(self) -> None:
        self._made: tuple[dict[str, Any], Document] | None = None

    def of(self, keys: SigningKeys) -> Document:
        """The document of these keys as they are now."""
        public, made = keys.public(), self._made
        if made is None or made[0] is not public:
            made = self._made = (public, document(public))
        return made[1]


def metadata(issuer: str, *, certificates: bool = False) -> dict[str, Any]:
    """What a client needs to know, with every address built from the configured one (E4).

    ``certificates`` says whether a proxy passes on those of clients: else there is no way to show one.
    """
    methods = [*AUTH_METHODS, CERTIFICATE_METHOD] if certificates else AUTH_METHODS
    return AuthorizationServerMetadata(
        issuer=issuer,
        token_endpoint=issuer + TOKEN_PATH,
        jwks_uri=issuer + KEYS_PATH,
        introspection_endpoint=issuer + INTROSPECTION_PATH,
        revocation_endpoint=issuer + REVOCATION_PATH,
        registration_endpoint=issuer + REGISTRATION_PATH,
        grant_types_supported=["client_credentials"],
        response_types_supported=["none"],  # required, and Authlib takes an empty list for a missing one
        **({"tls_client_certificate_bound_access_tokens": True} if certificates else {}),
        **{
            f"{endpoint}_endpoint_{name}_supported": values
            for endpoint in ("token", "introspection", "revocation")
            for name, values in (("auth_methods", methods), ("auth_signing_alg_values", ALGORITHMS))
        },
    )
