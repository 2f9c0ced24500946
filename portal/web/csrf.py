"""Forms from elsewhere are refused, and so is what is no form at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, request
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import UnsupportedMediaType

from portal.web import sign_in
from portal.web.stale_forms import comes_from_here, let_view_show_form, register_stale_forms

csrf = CSRFProtect()
FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data"})
FILE_FIELDS = re.compile(r"file|(answer|newer)-.*", re.DOTALL)  # of products, and of request forms
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def guard_forms(app: Flask) -> None:
    """Look at every form before its view does. What speaks another protocol is exempted with ``csrf.exempt``."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # Flask-WTF's own check comes after ours, from here
    csrf.init_app(app)
    app.before_request(_check)
    register_stale_forms(app)


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None or csrf._is_exempt():
        return None
    _refuse_unreadable(request.args)
    origin = request.headers.get("Origin")
    _refuse_broken(request.args.get("next"), request.form.get("next"), request.referrer, origin)
    if request.method not in UNSAFE:
        return None
    if request.mimetype not in FORM_TYPES:
        raise UnsupportedMediaType
    _refuse_unreadable(request.form)
    _refuse_unreadable(request.files)
    if request.blueprint != "security":  # its forms read no files at all
        _refuse_files_as_text(request.files)
    if not current_app.config["WTF_CSRF_ENABLED"]:
        return None
    try:
        csrf.protect()
        _refuse_other_pages(origin)
    except CSRFError as refusal:
        if comes_from_here() and (again := sign_in.form_again()) is not None:
            return again
        return let_view_show_form(refusal)
    return None


def _refuse_other_pages(origin: str | None) -> None:
    """Over TLS the browser has to say that a page of ours sent the form. Raises CSRFError.

    Flask-WTF asks whether that page has the host that the proxy passed on, and some proxies pass on another, or leave
    out the port: then no form at all would be taken.
    """
    settings = current_app.config["PORTICO"]
    if not (settings.is_secure and request.is_secure):
        return
    page = urlsplit(origin if origin and origin != "null" else request.referrer or "")
    if page.scheme != "https" or page.netloc not in {request.host, urlsplit(settings.base_url).netloc}:
        raise CSRFError("The form was sent by another page.")


def _refuse_unreadable(fields: Iterable[str | None]) -> None:
    """Refuse parts without a name (Flask-WTF fails on them) and NUL characters (no database can hold them)."""
    for name in fields:
        if not isinstance(name, str) or "\0" in name or _has_nul(name):
            abort(400)


def _refuse_files_as_text(names: Iterable[str]) -> None:
    """Refuse files under the names of other fields: Flask-WTF would give a form the file where it reads a text."""
    if not all(FILE_FIELDS.fullmatch(name) for name in names):
        abort(400)


def _refuse_broken(*addresses: str | None) -> None:
    """Refuse addresses that cannot be taken apart (``//[``): Flask-Security and Flask-WTF fail on them."""
    for address in addresses:
        try:
            urlsplit(address or "")
        except ValueError:
            abort(400)


def _has_nul(name: str) -> bool:
    return any("\0" in value for values in (request.args, request.form) for value in values.getlist(name))
