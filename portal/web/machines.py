"""The short road: endpoints for programs, which have no session, no sign-in, no forms and no pages.

Everything that Portico does around a page (session, Flask-Login, Flask-Principal, CSRF, the guard) costs twice as much
as a whole token call, and a cookie must change nothing for a program (C8). So the paths of the machine surfaces pass
these by: no cookie is read, none is set. What is kept is the request id, the metrics and the security headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from flask.ctx import RequestContext
from flask.sessions import SecureCookieSession
from flask.typing import ResponseReturnValue

from portal.web.headers import TRANSPORT_SECURITY
from portal.web.observe import identify, note_answer
from portal.web.operations import count_answer, start_clock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


TRIAL = "portico.trial"  # in the environment of a call that a page makes for a person: it is no use of what it opens
HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Portico(Flask):
    """The application, with a short road for the paths in ``machine_paths``."""

    machine_paths: frozenset[str] = frozenset()
    machine_folders: tuple[str, ...] = ()
    machine_headers: tuple[tuple[str, str], ...] = HEADERS

    def open_to_machines(self, *paths: str) -> None:
        """Let requests to exactly these paths take the short road, and to all below one that ends in a slash."""
        folders = tuple(path for path in paths if path.endswith("/"))
        self.machine_paths = self.machine_paths | frozenset(paths) - frozenset(folders)
        self.machine_folders = (*self.machine_folders, *folders)
        if self.config["PORTICO"].is_secure:
            self.machine_headers = (*HEADERS, ("Strict-Transport-Security", TRANSPORT_SECURITY))

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """A request's context; for a machine with an empty session, so that none is looked for."""
        if self.is_for_machines(environ.get("PATH_INFO", "")):
            return RequestContext(self, environ, session=SecureCookieSession())
        return super().request_context(environ)

    def is_for_machines(self, path: str) -> bool:
        """Whether a request to this path takes the short road."""
        return path in self.machine_paths or path.startswith(self.machine_folders)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """What comes before a view; for a machine the request id and the clock."""
        if not self.is_for_machines(request.path):
            return super().preprocess_request()
        identify()
        start_clock()
        return None

    def process_response(self, response: Response) -> Response:
        """What comes after a view; for a machine the headers and the metrics, and no cookie."""
        if not self.is_for_machines(request.path):
            return super().process_response(response)
        headers = response.headers
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        headers.extend((*self.machine_headers, ("X-Request-ID", g.request_id)))
        if response.status_code >= 400:  # tokens are fetched all day; what is refused is looked for
            note_answer(response)
        return count_answer(response)
