"""Authlib's authorization server with our own clients, scopes, tokens, introspection and revocation at its seams."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientCredentialsGrant, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Response

from portal import access, credentials
from portal.access import Entitlement
from portal.credentials import SigningKeys
from portal.db import transaction
from portal.events import EventKind, record
from portal.oauth import tokens
from portal.oauth.clients import Client, GatewayClient, authenticate, authenticate_asker
from portal.oauth.failures import Failures
from portal.oauth.forms import OAuthForm
from portal.oauth.tokens import AccessToken
from portal.oauth.uses import Uses

CLIENT_CREDENTIALS = "client_credentials"


class UnsupportedGrantType(OAuth2Error):
    """Another grant was asked for. Authlib's own error repeats what was sent, in characters that RFC 6749 forbids."""

    error = "unsupported_grant_type"
    description = "The only grant type is client_credentials."


class Grant(ClientCredentialsGrant):
    """The client credentials grant: APIs and scopes are those that are open, or a part that was asked for."""

    def validate_requested_scope(self) -> None:
        """Find the APIs and scopes of the token. Raises InvalidTarget, InvalidScopeError or UnauthorizedClientError."""
        self.target = tokens.narrowed_to(self.request.resources, self.client.entitlement)
        self.request.scopes = tokens.scopes_asked(self.request.payload.scope, self.target)

    def generate_token(self, **_: Any) -> dict[str, Any]:
        """The token and what is said with it."""
        return self.server.sign(self.target, self.request.scopes, self.client.certificate)

    def save_token(self, token: dict[str, Any]) -> None:
        """Keep nothing of the token; note which access and scopes it opens, unless somebody only tries."""
        if self.request.is_trial:
            return
        super().save_token(token)
        self.server.uses.note_access(self.target.openings, self.request.scopes)


class Introspection(IntrospectionEndpoint):
    """RFC 7662. A client sees its own tokens, a gateway everybody's, and API keys; everything else is inactive."""

    def check_params(self, request: OAuthForm, _client: Client | GatewayClient) -> None:
        """Refuse a call without a token. A hint is only a hint (J6)."""
        _need_token(request)

    def query_token(self, token_string: str, _hint: str | None) -> AccessToken | None:
        """The token, if we signed it."""
        return self.server.read(token_string)

    def check_permission(self, _token: AccessToken, _client: Client | GatewayClient, _request: OAuthForm) -> bool:
        """Whether to go on; what the caller may know of the token is asked below."""
        return True

    def create_endpoint_response(self, request: OAuthForm) -> tuple[int, dict[str, Any], Any]:
        """Whether the token is good now, and for what."""
        client = self.authenticate_endpoint_client(request)
        token = self.authenticate_token(request, client)
        if token is None and isinstance(client, GatewayClient):
            return 200, self._of_key(request.form["token"]), JSON_HEADERS
        opened = client.opened_by(token.client_id) if token is not None else None
        if token is None or opened is None or token.is_expired() or token.is_revoked():
            return 200, {"active": False}, JSON_HEADERS
        if isinstance(client, GatewayClient):  # which asks because the token was sent to an API
            part = [opening for opening in opened.openings if opening.audience in token.audiences]
            self.server.uses.note_access(part, frozenset(token.scopes))
        return 200, tokens.described(token, opened, issuer=self.server.issuer), JSON_HEADERS

    def _of_key(self, text: str) -> dict[str, Any]:
        """What an API key opens now: gateways alone are sent such keys, and have nobody else to ask."""
        opened = access.entitlement_of_key(text)
        if opened is None or not opened.is_live or not opened.openings:
            return {"active": False}
        self.server.uses.note(opened)
        self.server.uses.note_access(opened.openings, opened.scopes)
        return tokens.described_key(opened, issuer=self.server.issuer)


class Revocation(RevocationEndpoint):
    """RFC 7009. A client ends its own tokens; what is no token of ours is as good as ended."""

    def check_params(self, request: OAuthForm, _client: Client) -> None:
        """Refuse a call without a token."""
        _need_token(request)

    def query_token(self, token_string: str, _hint: str | None) -> AccessToken | None:
        """The token, if we signed it."""
        return self.server.read(token_string)

    def revoke_token(self, token: AccessToken, _request: OAuthForm) -> None:
        """End it now."""
        self.server.end_token(token)


class Server(AuthorizationServer):
    """Portico as authorization server."""

    def __init__(self, *, issuer: str, keys: SigningKeys, failures: Failures, uses: Uses) -> None:
        super().__init__()
        self.issuer = issuer
        self.keys = keys
        self.failures = failures
        self.uses = uses
        self.register_endpoint(Introspection)
        self.register_endpoint(Revocation)

    def create_oauth2_request(self, request: OAuthForm) -> OAuthForm:
        """The form itself: it has been read already, and strictly."""
        return request

    def get_token_grant(self, request: OAuthForm) -> Grant:
        """The grant that was asked for. Raises UnsupportedGrantType."""
        asked = request.payload.grant_type
        if asked is None:
            raise InvalidRequestError("The parameter grant_type is missing.")
        if asked != CLIENT_CREDENTIALS:
            raise UnsupportedGrantType
        return Grant(request, self)

    def create_token_response(self, request: OAuthForm) -> Response:
        """The answer to a request for a token."""
        try:
            grant = self.get_token_grant(request)
            grant.validate_token_request()
            return self.handle_response(*grant.create_token_response())
        except OAuth2Error as error:
            return self.handle_error_response(request, error)

    def authenticate_client(self, request: OAuthForm, _methods: Any, endpoint: str = "token") -> Client | GatewayClient:
        """The client that calls, or the gateway that asks. Raises WrongClient, always the same."""
        if endpoint == Introspection.ENDPOINT_NAME:
            return authenticate_asker(request, self.failures, self.issuer)
        return authenticate(request, self.failures, self.issuer)

    def sign(self, entitlement: Entitlement, scopes: frozenset[str], certificate: str | None = None) -> dict[str, Any]:
        """A token for these scopes, bound to the certificate if there is one."""
        return tokens.issue(entitlement, scopes, issuer=self.issuer, keys=self.keys, certificate=certificate)

    def end_token(self, token: AccessToken, reason: str = "") -> None:
        """End a token now, and record that; one that has ended already needs neither."""
        if token.is_expired() or token.is_revoked():
            return
        ends = datetime.fromtimestamp(token.expires_at, UTC)
        after = {"jti": token.jti, "expires_at": ends}
        with transaction():
            credentials.revoke_token(token.jti, client_id=token.client_id, expires_at=ends)
            credential = credentials.find_credential_by_client_id(token.client_id)
            record(EventKind.TOKEN_REVOKED, subject=credential, by=None, reason=reason, after=after)

    def read(self, text: str) -> AccessToken | None:
        """The token in a text, if it is one of ours."""
        return tokens.read(text, issuer=self.issuer, keys=self.keys)

    def save_token(self, _token: dict[str, Any], request: OAuthForm) -> None:
        """Keep nothing of the token; note once a minute that the credential is in use."""
        self.uses.note(request.client.entitlement)

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """An answer as Flask gives it."""
        return Response(json.dumps(body), status, headers)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens: what happens is recorded where it happens."""


def _need_token(request: OAuthForm) -> None:
    if "token" not in request.form:
        raise InvalidRequestError("The parameter token is missing.")


JSON_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Pragma", "no-cache")]
