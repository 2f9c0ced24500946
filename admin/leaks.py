"""Reports of leaked secrets: whose, where they were found, and what was done at once."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal import lifecycle
from portal.accounts import Right
from portal.web import current_person, key_in_url, page_of, page_url, render, requires

bp = Blueprint("leaks", __name__)
PAGE_SIZE = 50


@bp.get("/leaks")
@requires(Right.SEE_LEAKS)
def index() -> ResponseReturnValue:
    """The newest reports first."""
    rows, more = page_of(lifecycle.leak_reports(before_id=key_in_url("before"), size=PAGE_SIZE + 1), PAGE_SIZE)
    return render(
        "admin/leaks/index.html",
        rows=rows,
        sees_apps=current_person().may(Right.SEE_APPS),
        next_url=page_url(before=rows[-1].id) if more else None,
    )
