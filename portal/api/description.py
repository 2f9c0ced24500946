"""What this API is, by OpenAPI: open to everybody, and kept for a while by whoever asks."""

from __future__ import annotations

from flask import Response, request

from portal.api.requests import bp
from portal.web import public
from portal.web.own_api import own_api

FRESH_SECONDS = 900


@bp.get("/openapi.json")
@public
def openapi() -> Response:
    """The description, or 304 for who has it."""
    own = own_api()
    answer = Response(own.body, mimetype="application/json")
    answer.set_etag(own.etag)
    answer.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    answer.make_conditional(request)
    return answer
