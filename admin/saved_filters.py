"""Views of the queue that a person keeps under a name."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from admin.access_requests import SAVED
from portal import access
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import current_person, done, found, requires

bp = Blueprint("saved_filters", __name__)


@bp.post("/saved-filters")
@requires(Right.SEE_REQUESTS)
def save() -> ResponseReturnValue:
    """Keep the view of the queue that is on the screen."""
    query = _only_known(request.form.get("query", ""))
    try:
        with transaction():
            name = access.save_filter(request.form.get("name", ""), query, by=current_person()).name
    except (Invalid, Conflict) as refusal:
        return done(_queue(query), f"Not saved. {refusal.message}", "error")
    return done(_queue(query), f"Saved as {name}. You find it above the queue and in My work.")


@bp.post("/saved-filters/<key:filter_id>/delete")
@requires(Right.SEE_REQUESTS)
def delete(filter_id: int) -> ResponseReturnValue:
    """Throw a filter away."""
    kept = found(access.find_filter(filter_id, seen_by=current_person()))
    name = kept.name
    with transaction():
        access.forget_filter(kept)
    return done(_queue(""), f"The filter {name} is deleted.")


def _only_known(query: str) -> str:
    """What of a query string is a filter of the queue."""
    return urlencode([(name, text[:200]) for name, text in parse_qsl(query[:2000]) if name in SAVED])


def _queue(query: str) -> str:
    path = url_for("admin.access_requests.index")
    return f"{path}?{query}" if query else path
