"""Who calls: client authentication by one method: a secret in the Basic header or in the body (RFC 6749, section 2.3),
an assertion that the client has signed (RFC 7523), or a certificate at the TLS connection (RFC 8705, section 2.2).

Authlib's own tries one method after the other, so that a wrong header with a right body passes; it decodes strictly
what a stranger sent, and tells an unknown client from a wrong secret (traps 1, 2, 3, 6).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError, OAuth2Error, UnauthorizedClientError

from portal import access, credentials
from portal.access import Entitlement
from portal.catalog import AuthMethod
from portal.credentials import KnownGateway
from portal.oauth.assertions import ASSERTION_TYPE, client_named, entitlement_by
from portal.oauth.failures import Failures, TryLater
from portal.oauth.forms import OAuthForm

SECRET_METHODS = ["client_secret_basic", "client_secret_post"]
AUTH_METHODS = [*SECRET_METHODS, "private_key_jwt"]
CERTIFICATE_METHOD = "self_signed_tls_client_auth"
CHALLENGE = ("WWW-Authenticate", 'Basic realm="Portico", charset="UTF-8"')


class WrongClient(InvalidClientError):
    """One answer for every client that did not prove itself: unknown, wrong secret, ended."""

    status_code = 401

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers of the answer, with how to authenticate."""
        return [*OAuth2Error.get_headers(self), CHALLENGE]


class TooManyFailures(TryLater, WrongClient):
    """Too many wrong secrets; a right one is still let in."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program that has proved itself, as Authlib's grants want to see it.

    ``certificate`` is the thumbprint of a certificate of its app that it has shown: its tokens are bound to that.
    """

    entitlement: Entitlement
    certificate: str | None = None

    def get_client_id(self) -> str:
        """Its client id."""
        return self.entitlement.client_id

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may use this grant."""
        return grant_type == "client_credentials"

    def opened_by(self, client_id: str) -> Entitlement | None:
        """What the token of this client opens, as far as the caller may know: its own, and nobody else's."""
        return self.entitlement if client_id == self.entitlement.client_id else None


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """A gateway that has proved itself. It may ask about every client's tokens and API keys, and nothing else."""

    gateway: KnownGateway

    def get_client_id(self) -> str:
        """Its client id."""
        return self.gateway.client_id

    def opened_by(self, client_id: str) -> Entitlement | None:
        """What the token of this client opens now; None when the client does not stand."""
        entitlement = access.find_entitlement(client_id)
        return entitlement if entitlement is not None and entitlement.is_live else None


def authenticate_asker(form: OAuthForm, failures: Failures, issuer: str) -> Client | GatewayClient:
    """Who asks about a token: a gateway, or a client. Raises WrongClient like ``authenticate``."""
    given = _credentials_in(form)
    if given is None or not credentials.is_gateway_id(given[0]):
        return _authenticated(given, form, failures, issuer)
    gateway = credentials.gateway_for(*given)
    if gateway is None:
        raise _refused(given[0], form, failures)
    return GatewayClient(gateway)


def authenticate(form: OAuthForm, failures: Failures, issuer: str) -> Client:
    """The client that sent this form. Raises WrongClient, always the same, for one that did not prove itself.

    Only failures are counted, so strangers cannot lock a client out: the right secret works whatever else was tried.
    """
    return _authenticated(_credentials_in(form), form, failures, issuer)


def _authenticated(given: tuple[str, str] | None, form: OAuthForm, failures: Failures, issuer: str) -> Client:
    if given is not None:
        client_id, secret = given
        entitlement = access.entitlement_for(client_id, secret)
    elif "client_assertion" in form.fields and "Authorization" not in form.headers:
        client_id, entitlement = _by_assertion(form, issuer)
    elif form.certificate is not None and "client_id" in form.fields and "Authorization" not in form.headers:
        client_id = form.fields["client_id"]
        entitlement = _by_certificate(client_id, form.certificate)
    else:
        raise WrongClient("Client authentication is needed.")
    if entitlement is None or not entitlement.is_live:
        raise _refused(client_id, form, failures)
    if entitlement.auth_method is not AuthMethod.OAUTH2:
        raise UnauthorizedClientError("This credential is an API key. It is sent to the API itself.")
    return Client(entitlement, _bound_to(form.certificate, entitlement))


def _by_certificate(client_id: str, thumbprint: str) -> Entitlement | None:
    """What this client opens, if its app has registered the certificate (RFC 8705, section 2.2)."""
    entitlement = access.find_entitlement(client_id)
    if entitlement is None or entitlement.parent_id is not None:  # who registered itself has proofs of its own
        return None
    return entitlement if credentials.proves_app(entitlement.app_id, thumbprint) else None


def _bound_to(thumbprint: str | None, entitlement: Entitlement) -> str | None:
    """The certificate that tokens are bound to: one of the app's own, however else the client has proved itself."""
    if thumbprint is None or not credentials.proves_app(entitlement.app_id, thumbprint):
        return None
    return thumbprint


def _by_assertion(form: OAuthForm, issuer: str) -> tuple[str, Entitlement | None]:
    """The client that an assertion names, and what it opens if it is proved (RFC 7521, section 4.2)."""
    assertion = form.fields["client_assertion"]
    client_id = client_named(assertion)
    if form.fields.get("client_assertion_type") != ASSERTION_TYPE:
        return client_id, None
    if form.fields.get("client_id", client_id) != client_id:
        return client_id, None
    audiences = {issuer, f"{issuer}/oauth/token", issuer + form.uri}
    return client_id, entitlement_by(assertion, audiences=audiences)


def _refused(client_id: str, form: OAuthForm, failures: Failures) -> WrongClient:
    wait = failures.count(client_id, form.address)
    return TooManyFailures(wait) if wait else WrongClient("Client authentication failed.")


def _credentials_in(form: OAuthForm) -> tuple[str, str] | None:
    header, fields = form.headers.get("Authorization"), form.fields
    if header is not None:
        if "client_secret" in fields or "client_assertion" in fields:
            raise InvalidRequestError("Use one method of client authentication, not two.")
        found = _decoded(header)
        if found is not None and fields.get("client_id", found[0]) != found[0]:
            raise InvalidRequestError("The header and the body name different clients.")
        return found
    if "client_assertion" in fields and "client_secret" in fields:
        raise InvalidRequestError("Use one method of client authentication, not two.")
    if "client_id" in fields and "client_secret" in fields:
        return fields["client_id"], fields["client_secret"]
    return None


def _decoded(header: str) -> tuple[str, str] | None:
    """Client id and secret of a Basic header, each form-encoded as RFC 6749 wants it; None for anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(" "), validate=True).decode()
        client_id, colon, secret = pair.partition(":")
        return (unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")) if colon else None
    except (binascii.Error, ValueError):
        return None
