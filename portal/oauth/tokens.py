"""Access tokens: JWTs by RFC 9068, made of what a credential opens now and of nothing that the request says (T11)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, OAuth2Error, UnauthorizedClientError

from portal import credentials
from portal.access import Entitlement
from portal.credentials import SigningKeys
from portal.db import now

CLOCK_SKEW_SECONDS = 60
CERTIFICATE_MEMBER = "x5t#S256"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token that we signed, with what it says."""

    jti: str
    client_id: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    issued_at: int
    expires_at: int
    certificate: str | None = None

    def check_client(self, client: Any) -> bool:
        """Whether it was issued to this client."""
        return bool(self.client_id == client.get_client_id())

    def is_expired(self) -> bool:
        """Whether its time is over, to the second, or has not begun, but for a minute between two machines' clocks."""
        moment = now().timestamp()
        return moment >= self.expires_at or self.issued_at > moment + CLOCK_SKEW_SECONDS

    def is_revoked(self) -> bool:
        """Whether it was revoked before its time."""
        return credentials.is_token_revoked(self.jti)


class InvalidTarget(OAuth2Error):
    """A resource was named that this client has no access to, whether there is such an API or not."""

    error = "invalid_target"
    description = "A resource was asked for that this client does not have."


def narrowed_to(resources: Collection[str], entitlement: Entitlement) -> Entitlement:
    """What the client opens of these APIs, or everything when none is named (RFC 8707).

    Raises InvalidTarget when one of them is not open: a token for less than what was asked for would be no help.
    """
    if not resources or not entitlement.openings:
        return entitlement
    if not set(resources) <= set(entitlement.audiences):
        raise InvalidTarget
    return replace(entitlement, openings=tuple(o for o in entitlement.openings if o.audience in resources))


def scopes_asked(scope: str | None, entitlement: Entitlement) -> frozenset[str]:
    """The scopes that the token gets: those that were asked for, or all that are open.

    Raises InvalidScopeError when one of them is not open (trap 7), UnauthorizedClientError when nothing is.
    """
    if not entitlement.openings:
        raise UnauthorizedClientError("This client has access to no API at present.")
    if scope is None:
        return entitlement.scopes
    asked = frozenset(scope.split(" "))
    if not asked <= entitlement.scopes:
        raise InvalidScopeError("A scope was asked for that this client does not have.")
    return asked


def issue(
    entitlement: Entitlement,
    scopes: frozenset[str],
    *,
    issuer: str,
    keys: SigningKeys,
    certificate: str | None = None,
) -> dict[str, Any]:
    """A signed token for these scopes, as the token endpoint answers it (RFC 6749, section 5.1).

    It is for the APIs whose scopes it holds, and ends no later than anything that it opens. One that is bound to a
    certificate is good only for who shows that certificate at the API (RFC 8705, section 3).
    """
    moment = now()
    issued_at, seconds = int(moment.timestamp()), entitlement.token_lifetime_seconds
    if entitlement.ends_at is not None:
        seconds = max(1, min(seconds, int(entitlement.ends_at.timestamp()) - issued_at))
    scope = " ".join(sorted(scopes))
    claims = {
        "iss": issuer,
        "sub": entitlement.client_id,
        "aud": audiences_for(entitlement, scopes),
        "client_id": entitlement.client_id,
        "iat": issued_at,
        "exp": issued_at + seconds,
        "jti": secrets.token_urlsafe(16),
    }
    if scope:
        claims["scope"] = scope
    if certificate is not None:
        claims["cnf"] = {CERTIFICATE_MEMBER: certificate}
    answer = {"access_token": keys.sign(claims), "token_type": "Bearer", "expires_in": seconds}
    return {**answer, "scope": scope} if scope else answer


def audiences_for(entitlement: Entitlement, scopes: Iterable[str]) -> list[str]:
    """The APIs of which a token with these scopes opens something; every one that is open, for all scopes."""
    if entitlement.scopes == scopes:
        return list(entitlement.audiences)
    return [opening.audience for opening in entitlement.openings if not opening.scopes.isdisjoint(scopes)]


def read(text: str, *, issuer: str, keys: SigningKeys) -> AccessToken | None:
    """The token in this text; None unless we signed it, as an access token, for this issuer."""
    claims = keys.verify(text)
    if claims is None or claims.get("iss") != issuer:
        return None
    try:
        return AccessToken(
            jti=str(claims["jti"]),
            client_id=str(claims["client_id"]),
            audiences=tuple(claims["aud"]),
            scopes=tuple(str(claims.get("scope", "")).split()),
            issued_at=int(claims["iat"]),
            expires_at=int(claims["exp"]),
            certificate=claims["cnf"][CERTIFICATE_MEMBER] if "cnf" in claims else None,
        )
    except (KeyError, TypeError, ValueError):
        return None


def described(token: AccessToken, entitlement: Entitlement, *, issuer: str) -> dict[str, Any]:
    """What introspection says of a token: of its scopes and APIs, those that are open still; inactive if none is."""
    audiences = [audience for audience in token.audiences if audience in entitlement.audiences]
    if not audiences:
        return {"active": False}
    open_scopes = entitlement.scopes
    bound = {} if token.certificate is None else {"cnf": {CERTIFICATE_MEMBER: token.certificate}}
    return {
        "active": True,
        "scope": " ".join(scope for scope in token.scopes if scope in open_scopes),
        "client_id": token.client_id,
        "token_type": "Bearer",
        "exp": token.expires_at,
        "iat": token.issued_at,
        "sub": token.client_id,
        "aud": audiences,
        "iss": issuer,
        "jti": token.jti,
        **bound,
    }


def described_key(entitlement: Entitlement, *, issuer: str) -> dict[str, Any]:
    """What introspection says of an API key that is good now; ``exp`` is there if what it opens ends by itself.

    The type is that of what is no access token (RFC 8693, section 2.2.1): it is not to be sent as one.
    """
    ends = {} if entitlement.ends_at is None else {"exp": int(entitlement.ends_at.timestamp())}
    return {
        "active": True,
        "scope": " ".join(sorted(entitlement.scopes)),
        "client_id": entitlement.client_id,
        "token_type": "N_A",
        "sub": entitlement.client_id,
        "aud": list(entitlement.audiences),
        "iss": issuer,
        **ends,
    }
