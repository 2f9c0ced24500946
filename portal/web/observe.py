"""Seeing what goes on: a request id in every answer and log line, /healthz, /readyz and /metrics."""

from __future__ import annotations

import logging
import re
import sys
import uuid
from contextlib import suppress

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from portal.config import Settings
from portal.events import record_access

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
log = structlog.get_logger(__name__)


def register_observation(app: Flask) -> None:
    """Give each request an id, kept from the client when it is a valid one, and say it in the answer."""
    app.before_request(identify)
    app.after_request(say_id)
    app.after_request(note_answer)


def identify() -> None:
    """Give this request its id, and say it in the log and in all that is recorded."""
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
    clear_contextvars()
    bind_contextvars(request_id=g.request_id)
    record_access(g.request_id, request.remote_addr or "")


def say_id(answer: Response) -> Response:
    """Tell the client the id of its request."""
    answer.headers["X-Request-ID"] = g.get("request_id", "")
    return answer


def note_answer(answer: Response) -> Response:
    """Log one line for what was sent or went wrong; pages that were merely read are told at DEBUG.

    The view's name and never the path, which in links of mails holds what opens an account.
    """
    endpoint = request.endpoint or "none"
    tell = log.info if request.method not in READING or answer.status_code >= 400 else log.debug
    tell("request", method=request.method, endpoint=endpoint, status=answer.status_code)
    return answer


def configure_logging(settings: Settings) -> None:
    """Send log lines to standard error, as JSON or for people, each with its request id."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _renderer(settings),
        ],
        logger_factory=_Log,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        cache_logger_on_first_use=False,
    )


class _Log:
    """Writes lines to standard error. One that takes no more (a full disk, a closed pipe) stops nothing (X11)."""

    def __init__(self, *_names: object) -> None:
        """Takes and ignores the names of loggers."""

    def msg(self, line: str) -> None:
        """Write one line, or lose it."""
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    log = debug = info = warning = warn = error = critical = exception = fatal = failure = err = msg


def _renderer(settings: Settings) -> structlog.types.Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())  # no colour codes in a file
