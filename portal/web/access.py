"""Closed by default: a view states who may open it, or nobody may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from limits import parse

from portal.accounts import Right
from portal.web.answers import is_htmx
from portal.web.limits import limits, of_account
from portal.web.person import current_person
from portal.web.refusals import GUARD, guard_of, record_refusal
from portal.web.stale_forms import show_kept
from portal.web.whereabouts import note_whereabouts

View = TypeVar("View", bound=Callable[..., Any])
DECISIONS_OF_ONE_PERSON = parse("600 per minute")  # more than people read, programs too; many at once are one form
_EVERYBODY = "everybody"
_SIGNED_IN = "signed in"

# Views of libraries, which guard themselves, and static files.
LIBRARY_ENDPOINTS = ("security.", "static", "bootstrap.static")


def public(view: View) -> View:
    """Everybody may open this view."""
    setattr(view, GUARD, _EVERYBODY)
    return view


def signed_in(view: View) -> View:
    """Whoever is signed in may open this view."""
    setattr(view, GUARD, _SIGNED_IN)
    return view


def requires(right: Right) -> Callable[[View], View]:
    """Only people with this right may open the view; others who are signed in get 403."""

    def mark(view: View) -> View:
        setattr(view, GUARD, right)
        return view

    return mark


def hold_the_door(app: Flask) -> None:
    """Ask at each request whether this person may open the view."""
    app.before_request(_check)


def _check() -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint is None or endpoint.startswith(LIBRARY_ENDPOINTS):
        return None
    guard = guard_of(current_app, endpoint)
    if guard == _EVERYBODY:
        return None
    if not current_user.is_authenticated:
        return _to_sign_in()
    if guard is Right.DECIDE_REQUESTS and request.method == "POST":
        limits().count([of_account(DECISIONS_OF_ONE_PERSON, "decide", current_user.email)])
    if guard is None or (isinstance(guard, Right) and not current_user.may(guard)):
        record_refusal()
        abort(403)
    note_whereabouts(current_person())
    return None


def _to_sign_in() -> ResponseReturnValue:
    """The sign-in page and then back here; a fragment cannot hold a sign-in page, so htmx is told to go there."""
    if request.method == "POST" and (kept := show_kept()) is not None:
        return kept
    back = request.full_path.rstrip("?") if request.method == "GET" else _page_of_form()
    if not is_htmx():
        return redirect(url_for("security.login", next=back), 303)
    answer = make_response("", 401)
    answer.headers["HX-Redirect"] = url_for("security.login", next=_page_of_form())
    return answer


def _page_of_form() -> str:
    try:
        referrer, own = urlsplit(request.referrer or ""), urlsplit(request.host_url)
    except ValueError:  # [ without ]
        return "/"
    return referrer.path if referrer.netloc == own.netloc else "/"
