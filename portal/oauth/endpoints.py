"""The endpoints. Each errs in the words of RFC 6749, section 5.2, whatever happens."""

from __future__ import annotations

from typing import cast

import structlog
from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Blueprint, Response, current_app, json, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from portal.oauth import documents
from portal.oauth.documents import Document, KeySet
from portal.oauth.forms import OAuthForm
from portal.oauth.server import JSON_HEADERS, Server
from portal.web.access import public

EXTENSION = "portico.oauth"
bp = Blueprint("oauth", __name__)
log = structlog.get_logger(__name__)


@bp.post(documents.TOKEN_PATH)
@public
def token() -> Response:
    """A token for a client that proves itself (RFC 6749, section 4.4)."""
    return server_in_use().create_token_response(OAuthForm(request))


@bp.post(documents.INTROSPECTION_PATH)
@public
def introspect() -> Response:
    """Whether a token of the caller's is good now (RFC 7662)."""
    return cast(Response, server_in_use().create_endpoint_response("introspection", OAuthForm(request)))


@bp.post(documents.REVOCATION_PATH)
@public
def revoke() -> Response:
    """End a token of the caller's (RFC 7009)."""
    return cast(Response, server_in_use().create_endpoint_response("revocation", OAuthForm(request)))


@bp.get(documents.KEYS_PATH)
@public
def keys() -> Response:
    """The public keys that verify our tokens (RFC 7517)."""
    return cast(KeySet, current_app.extensions[EXTENSION]["keys"]).of(server_in_use().keys).answer()


@bp.get(documents.METADATA_PATH)
@public
def metadata() -> Response:
    """Where everything is (RFC 8414)."""
    return cast(Document, current_app.extensions[EXTENSION]["metadata"]).answer()


@public
def wrong_method() -> Response:
    """Refuse what is not a POST (T6)."""
    answer = _error(405, "invalid_request", "Use POST.")
    answer.headers["Allow"] = "POST, OPTIONS"
    return answer


for _path in (documents.TOKEN_PATH, documents.INTROSPECTION_PATH, documents.REVOCATION_PATH):
    bp.add_url_rule(_path, "wrong_method", wrong_method, methods=["GET", "PUT", "PATCH", "DELETE"])


@bp.errorhandler(OAuth2Error)
def _refused(error: OAuth2Error) -> Response:
    return server_in_use().handle_error_response(None, error)


@bp.errorhandler(HTTPException)
def _http_error(error: HTTPException) -> Response:
    return _error(error.code or 500, "invalid_request", error.name)


@bp.errorhandler(OperationalError)
def _database_away(error: OperationalError) -> Response:
    log.error("database_unavailable", error=str(error.orig)[:300])
    answer = _error(503, "temporarily_unavailable", "The database cannot be reached.")
    answer.headers["Retry-After"] = "5"
    return answer


@bp.errorhandler(Exception)
def _broken(error: Exception) -> Response:
    log.error("unhandled_error", error_type=type(error).__name__, exc_info=error)
    return _error(500, "server_error", "Something went wrong here.")


def _error(status: int, error: str, description: str) -> Response:
    return Response(json.dumps({"error": error, "error_description": description}), status, JSON_HEADERS)


def server_in_use() -> Server:
    """The authorization server of the application in use."""
    return cast(Server, current_app.extensions[EXTENSION]["server"])
