"""Forms whose token no longer fits: the same form comes back with what was typed, and nothing is changed.

A token lives as long as its session and the secret key. When either ended while a long form was open, three things
can be the case:

* Somebody is signed in: the view runs once more in a database that takes no writing. Every form of ours looks at its
  token itself, so it refuses, says so, and is shown again with its text and a fresh token. A view that would write all
  the same, or that answers otherwise, is stopped, and what was typed is shown on a page of its own, to be sent again.
* Nobody is signed in: such a page too, which first asks to sign in (``show_kept``).
* The form was sent by htmx: the page stays as it is, with its text. It gets a fresh token and is told to try again.

None of this is for forms that another site sends: whoever is lured there must not be led to press a second button.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, flash, g, make_response, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError, generate_csrf

from portal.db import forbid_writing
from portal.web.answers import is_htmx
from portal.web.errors import error_page
from portal.web.sessions import own_session

FRESH_TOKEN = "X-CSRF-Token"
_NOT_TYPED = frozenset({"csrf_token", "seen", "forms_seen", "version", "next"})
_CHOICE = re.compile(
    r"[a-z0-9_.:-]*", re.ASCII
)  # as forms send what was ticked or chosen: keys, and words for machines
OPEN_TOO_LONG = "This form was open for too long. Please send it again; what you typed is still here."
_PRESS_AGAIN = "This page was open for too long. Please press the button again."


def register_stale_forms(app: Flask) -> None:
    """Turn what a view answered to a stale form into the form, or a refusal."""
    app.after_request(_refuse_for_good)


def let_view_show_form(refusal: CSRFError) -> Response | None:
    """After a token that does not fit: let the view show its form again. Raises the refusal for strangers."""
    if not (comes_from_here() and current_user.is_authenticated):
        raise refusal
    if is_htmx():
        answer = error_page(400, _PRESS_AGAIN)
        answer.headers[FRESH_TOKEN] = generate_csrf()
        return answer
    flash(OPEN_TOO_LONG, "warning")
    forbid_writing(refusal)
    g.portico_stale_form = True
    return None


def comes_from_here() -> bool:
    """Whether a page of this site sent the form, as far as the browser tells. All that are in use tell."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin: str | None = request.headers.get("Origin") or request.referrer
    if origin is None:
        return True
    own = {request.host, urlsplit(current_app.config["PORTICO"].base_url).netloc}
    return urlsplit(origin).netloc in own


def show_kept() -> Response | None:
    """What was typed, kept on a page with the way on; None when nothing was typed, or another site sent it."""
    typed = [(name, text) for name, text in request.form.items(multi=True) if text and not _is_secret(name)]
    if "csrf_token" not in request.form or not any(name not in _NOT_TYPED for name, _ in typed):
        return None
    if is_htmx() or not comes_from_here():
        return None
    seen = [(_called(name), text) for name, text in typed if name not in _NOT_TYPED]
    status = 400 if current_user.is_authenticated else 401
    page = render_template(
        "security/kept.html",
        typed=typed,
        words=[(name, text) for name, text in seen if not _CHOICE.fullmatch(text)],
        choices=[(name, text) for name, text in seen if _CHOICE.fullmatch(text)],
        files=list(request.files),
    )
    return make_response(page, status)


def _refuse_for_good(answer: Response) -> Response:
    if not g.pop("portico_stale_form", False):
        return answer
    if answer.status_code == 422 and "portico_is_error_page" not in g:
        answer.status_code = 400
        return answer
    own_session().revert()
    return show_kept() or error_page(
        400, "This form is no longer valid, because your session has changed since the page was opened."
    )


def _is_secret(name: str) -> bool:
    return name == "csrf_token" or "password" in name or "secret" in name


def _called(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()
