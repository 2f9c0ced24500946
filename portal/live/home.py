"""The shop window: what this is, what is on offer, and the way in."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal import catalog
from portal.web import public, render

bp = Blueprint("home", __name__)


@bp.get("/")
@public
def show() -> ResponseReturnValue:
    """The home page, for strangers and for those who are signed in."""
    return render(
        "live/home/show.html",
        featured=catalog.featured(6),
        categories=catalog.categories(),
        catalogues=catalog.catalogues()[:6],
    )
