"""From where people ask, told to policies where the settings say so (C128); behind proxies as those tell it."""

from __future__ import annotations

from flask import Flask, current_app, request

from portal import policies
from portal.accounts import User
from portal.config import Settings

_EXTENSION = "portico_whereabouts"


def register_whereabouts(app: Flask, settings: Settings) -> None:
    """Let policies see network addresses, and countries by the proxy's header. Off unless an operator turns it on."""
    if settings.requester_addresses:
        app.extensions[_EXTENSION] = settings.country_header
        app.teardown_request(lambda _: policies.forget_whereabouts())


def note_whereabouts(person: User) -> None:
    """Say from where this person asks in this request, if policies may know."""
    header = current_app.extensions.get(_EXTENSION)
    if header is not None:
        country = request.headers.get(header, "") if header else ""
        policies.asks_from(person, policies.Whereabouts(request.remote_addr or "", country))
