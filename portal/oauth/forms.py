"""Reading what a program sent, strictly: the body of a form and nothing else.

Authlib would read the query as well, take the first of two values, and leave the content type to chance (traps 4, 5).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from flask import Request

from portal.oauth.certificates import thumbprint_in
from portal.web.machines import TRIAL

FORM = "application/x-www-form-urlencoded"
RESOURCE = "resource"
MOST_BYTES = 2 * 1024 * 1024
MOST_FIELDS = 50


class OAuthForm(OAuth2Request):
    """A form as Authlib's grants and endpoints want to see it. Raises InvalidRequestError unless it is a clean one."""

    def __init__(self, request: Request) -> None:
        # Not super().__init__: it refuses plain http by the address that it sees, which behind a proxy is always http.
        fields, resources = read_form(request)
        self.method = request.method
        self.uri = request.path
        self.headers: Any = request.headers
        self.payload: Any = BasicOAuth2Payload(fields)
        self.fields = fields
        self.resources = resources
        self.address = request.remote_addr or ""
        self.certificate = thumbprint_in(request)
        self.is_trial = TRIAL in request.environ
        self.client: Any = None
        self.user: Any = None

    @property
    def form(self) -> dict[str, str]:
        """The fields of the body."""
        return self.fields

    @property
    def args(self) -> dict[str, str]:
        """Nothing: the query is refused."""
        return {}


def read_form(request: Request) -> tuple[dict[str, str], tuple[str, ...]]:
    """The fields of the body, and every ``resource``, the one that may be sent more than once (RFC 8707, section 2).

    Those without a value count as not sent (RFC 6749, section 3.2).

    Raises InvalidRequestError, with 415 for another content type; a body that is too large ends in 413.
    """
    if request.query_string:
        raise InvalidRequestError("Parameters belong into the body, not into the address.")
    _check_content_type(request)
    request.max_content_length = MOST_BYTES
    body = request.get_data(cache=False)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidRequestError("The body is not a form in UTF-8.") from None
    fields = dict(pairs)
    resources = tuple(value for name, value in pairs if name == RESOURCE) if RESOURCE in fields else ()
    if len(fields) - bool(resources) != len(pairs) - len(resources):
        raise InvalidRequestError("A parameter was sent more than once.")
    return {name: value for name, value in pairs if value}, tuple(filter(None, resources))


def _check_content_type(request: Request) -> None:
    given = request.headers.get("Content-Type", "")
    if given == FORM:
        return
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != FORM or charset not in {"utf-8", "utf8"}:
        raise InvalidRequestError(f"Send {FORM} in UTF-8.", status_code=415)
