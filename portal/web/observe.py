"""Seeing what goes on: a request id in every answer and log line, /healthz, /readyz and /metrics."""

from __future__ import annotations

import re
import uuid

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from portal.events import record_access

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)


def register_observation(app: Flask) -> None:
    """Give each request an id, kept from the client when it is a valid one, and say it in the answer."""

    @app.before_request
    def identify() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
        clear_contextvars()
        bind_contextvars(request_id=g.request_id)
        record_access(g.request_id, request.remote_addr or "")

    @app.after_request
    def say(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.get("request_id", "")
        return answer
