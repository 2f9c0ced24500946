"""``private_key_jwt``: a client proves itself by signing a short statement, once, for us alone (RFC 7523)."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from portal import access, credentials
from portal.access import Entitlement
from portal.credentials import AppKey, RegisteredKey
from portal.db import now, transaction

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["ES256", "RS256"]
KINDS = frozenset({"", "jwt", "client-authentication+jwt"})
LONGEST = 8 * 1024
LONGEST_JTI = 200
SKEW_SECONDS = 60
MOST_SECONDS = 3600  # between now and the end: what some libraries send, and as long as it must be remembered


def client_named(assertion: str) -> str:
    """The client that an assertion claims to be of, unproved; empty if it cannot be read."""
    try:
        payload = assertion.split(".")[1] if len(assertion) <= LONGEST else ""
        subject = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return ""
    return subject if isinstance(subject, str) else ""


def entitlement_by(assertion: str, *, audiences: Collection[str]) -> Entitlement | None:
    """What the client opens that signed this assertion for one of these audiences; None the second time."""
    client_id = client_named(assertion)
    entitlement = access.find_entitlement(client_id) if client_id else None
    if entitlement is None or not entitlement.is_live:
        return None
    claims = _verified(assertion, _keys_of(entitlement))
    if claims is None or not _is_for_us(claims, client_id, audiences):
        return None
    ends = datetime.fromtimestamp(claims["exp"] + SKEW_SECONDS, UTC)
    with transaction():
        is_first = credentials.use_assertion(client_id, claims["jti"], expires_at=ends)
    return entitlement if is_first else None


def _keys_of(entitlement: Entitlement) -> Sequence[AppKey | RegisteredKey]:
    """The keys with which this client signs: those of its app, or its own if it registered itself."""
    if entitlement.parent_id is not None:
        return credentials.keys_of_registered(entitlement.credential_id)
    return credentials.keys_of(entitlement.app_id)


def _verified(assertion: str, keys: Sequence[AppKey | RegisteredKey]) -> dict[str, Any] | None:
    """The claims, if one of these keys signed them, by the algorithm of that key."""
    for registered in keys:
        try:
            found = jws.deserialize_compact(assertion, registered.key, algorithms=[registered.algorithm])
            headers = found.headers()
            claims = json.loads(found.payload)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            continue
        if "crit" in headers or str(headers.get("typ", "")).lower() not in KINDS or not isinstance(claims, dict):
            return None
        return claims
    return None


def _is_for_us(claims: dict[str, Any], client_id: str, audiences: Collection[str]) -> bool:
    """Whether issuer, subject, audience, time and id are as they must be."""
    audience, jti, ends = claims.get("aud"), claims.get("jti"), claims.get("exp")
    if isinstance(audience, list) and len(audience) == 1:
        (audience,) = audience
    moment = now().timestamp()
    return (
        claims.get("iss") == claims.get("sub") == client_id
        and isinstance(audience, str)  # one, so that no other server can use it here
        and audience in audiences
        and isinstance(jti, str)
        and 0 < len(jti) <= LONGEST_JTI
        and isinstance(ends, int | float)
        and not isinstance(ends, bool)
        and moment - SKEW_SECONDS < ends <= moment + MOST_SECONDS + SKEW_SECONDS
        and all(_has_begun(claims[name], moment) for name in ("iat", "nbf") if name in claims)
    )


def _has_begun(start: Any, moment: float) -> bool:
    return isinstance(start, int | float) and not isinstance(start, bool) and start <= moment + SKEW_SECONDS
