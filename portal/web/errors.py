"""Error pages: what happened, what was kept, what to do. A refusal of a room becomes its status code here."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from jinja2 import Template
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from portal.errors import Conflict, Invalid, NotAllowed, NotFound, PortalError
from portal.web.refusals import record_refusal

STATUS: dict[type[PortalError], int] = {Invalid: 422, NotAllowed: 403, Conflict: 409, NotFound: 404}
log = structlog.get_logger(__name__)


def register_error_pages(app: Flask) -> None:
    """Answer every error with a page (or problem+json for machines), never with a traceback."""
    app.register_error_handler(PortalError, _refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(NoConnectionFree, _database_away)
    app.register_error_handler(Exception, _broken)


def status_of(error: PortalError) -> int:
    """The HTTP status that this refusal means."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)


def error_page(status: int, message: str = "", *, wait: Any = None) -> Response:
    """The page for this status with what happened in one sentence; ``wait`` says how many seconds to wait, if known."""
    g.portico_is_error_page = True
    if _wants_json():
        return problem(status, message)
    if status >= 500:  # whatever broke must not be asked again for the page: no context processors, no database
        page = current_app.jinja_env.get_or_select_template([f"errors/{status}.html", "errors/error.html"])
        return make_response(page.render(status=status, message=message, request_id=g.get("request_id", "")), status)
    template: list[str | Template] = [f"errors/{status}.html", "errors/error.html"]
    above = _page_above() if status == 405 else None
    words = {"status": status, "message": message, "title": _phrase(status), "above": above, "wait": wait}
    return make_response(render_template(template, **words), status)


def problem(status: int, message: str = "") -> Response:
    """The same for machines: application/problem+json (RFC 9457)."""
    answer = jsonify(
        type="about:blank", status=status, title=message or _phrase(status), request_id=g.get("request_id")
    )
    answer.content_type = "application/problem+json"
    answer.status_code = status
    return answer


def _refused(error: PortalError) -> Response:
    if isinstance(error, NotAllowed):
        record_refusal()
    return error_page(status_of(error), error.message)


def _stale_form(_error: CSRFError) -> Response:
    return error_page(400, "This form is no longer valid, because your session has changed since the page was opened.")


def _stale(_error: StaleDataError) -> Response:
    return error_page(409, "Somebody else changed this at the same moment. Look at it again before you go on.")


def _http_error(error: HTTPException) -> Any:
    if error.response is not None:
        return error
    answer = error_page(error.code or 500, wait=getattr(error, "retry_after", None))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            answer.headers[name] = value
    return answer


def _page_above() -> str | None:
    """The page of a form whose own address was loaded, as by Enter in the address bar after a refusal."""
    routes, path = current_app.create_url_adapter(request), request.path
    while routes is not None and path.count("/") > 1 and not path.startswith("//"):
        path = path.rpartition("/")[0]
        with suppress(HTTPException):
            routes.match(path, method="GET")
            return path
    return None


def _database_away(error: OperationalError | NoConnectionFree) -> Response:
    log.error("database_unavailable", error=str(getattr(error, "orig", error))[:300])
    answer = error_page(503)
    answer.headers["Retry-After"] = "5"
    return answer


def _broken(error: Exception) -> Response:
    log.error("unhandled_error", error_type=type(error).__name__, exc_info=error)
    return error_page(500)


def _wants_json() -> bool:
    if request.path.startswith("/api/"):
        return True
    accepts = request.accept_mimetypes
    return accepts.best_match(["text/html", "application/json"], default="text/html") == "application/json"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
