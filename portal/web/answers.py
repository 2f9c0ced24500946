"""The four endings of a view: a page or its fragment, done (303), not found (404), and what was stale (409)."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Response, abort, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from htmx_flask import Htmx

from portal.errors import PortalError

htmx = Htmx()
Thing = TypeVar("Thing")


def is_htmx() -> bool:
    """Whether htmx asks for a fragment (and not for a whole page out of its history)."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def render(page: str, *, fragment: str | None = None, status: int = 200, **context: Any) -> Response:
    """The page, or for htmx only its fragment, from one context."""
    template = fragment if fragment and is_htmx() else page
    return make_response(render_template(template, **context), status)


def found(thing: Thing | None) -> Thing:
    """The thing, or a 404 page that is the same for what never was and for what is not theirs."""
    if thing is None:
        abort(404)
    return thing


def done(url: str, message: str = "", category: str = "success", *, undo: str = "") -> ResponseReturnValue:
    """303 to where the result can be seen, with a message there. htmx follows it as a whole page.

    ``undo`` is where a POST takes it back; the message then has a button for that.
    """
    if message:
        flash({"text": message, "undo": undo} if undo else message, category)  # type: ignore[arg-type]
    if is_htmx():
        answer = make_response("", 200)
        answer.headers["HX-Redirect"] = url
        return answer
    return redirect(url, 303)


def blame(form: FlaskForm, refusal: PortalError, **called: str) -> None:
    """Show a room's refusal at the form's field, or at its top when it concerns no single one.

    ``called`` names the fields that the form calls otherwise than the room.
    """
    name = called.get(refusal.field or "", refusal.field or "")
    if name in form:
        form[name].errors = [*form[name].errors, refusal.message]
    else:
        form.form_errors.append(refusal.message)


def page_url(**changes: Any) -> str:
    """This page's URL with some of its query arguments changed; None takes one away. For filters and paging."""
    arguments = {**request.args.to_dict(), **changes}
    kept = {name: value for name, value in arguments.items() if value not in (None, "")}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def seen_as(text: str) -> str:
    """A short, stable mark of a text, for element ids."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]
