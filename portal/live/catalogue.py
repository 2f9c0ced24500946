"""The shelves: API products, searched and filtered by what stands in the URL, paged by key."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from portal import catalog
from portal.catalog import AuthMethod, Catalogue
from portal.web import found, is_htmx, key_of, page_url, public, render

bp = Blueprint("catalogue", __name__)
FILTERS = ("q", "catalogue", "category", "auth", "tag")
LONGEST = 200


@bp.get("/catalogues")
@public
def index() -> ResponseReturnValue:
    """Every API product that consumers may see."""
    slug = request.args.get("catalogue", "")
    shelf = catalog.find_catalogue_by_slug(slug) if slug else None
    return _page(shelf, nothing=bool(slug) and shelf is None)


@bp.get("/catalogues/<slug:catalogue>")
@public
def show(catalogue: str) -> ResponseReturnValue:
    """The API products of one catalogue."""
    return _page(found(catalog.find_catalogue_by_slug(catalogue)), heading=True)


def _page(shelf: Catalogue | None, *, nothing: bool = False, heading: bool = False) -> ResponseReturnValue:
    wanted = {name: request.args.get(name, "")[:LONGEST] for name in FILTERS}
    products = catalog.EMPTY_SHELF if nothing else _products(shelf, wanted)
    answer = render(
        "live/catalogue/index.html",
        fragment="live/catalogue/_shelf.html",
        shelf=products,
        catalogue=shelf,
        is_one=heading,
        wanted=wanted,
        is_narrowed=any(value for name, value in wanted.items() if not (heading and name == "catalogue")),
        is_first=not request.args.get("after"),
        view="list" if request.args.get("view") == "list" else "grid",
        catalogues=[] if is_htmx() else catalog.catalogues(),
        categories=[] if is_htmx() else catalog.categories(),
        auth_methods=list(AuthMethod),
    )
    if is_htmx():
        answer.headers["HX-Push-Url"] = page_url()  # without the fields that are empty
    return answer


def _products(shelf: Catalogue | None, wanted: dict[str, str]) -> catalog.Shelf:
    return catalog.browse(
        catalogue=shelf,
        search=wanted["q"],
        category=wanted["category"],
        auth_method=wanted["auth"],
        tag=wanted["tag"],
        after=key_of(request.args.get("after", "")),
    )
