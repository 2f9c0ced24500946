"""A product's pages: what it is and on which plans it can be had, its documentation, and the full reference.

A large description is never read whole for a page: the documentation shows a group of operations at a time, and the
viewer of the reference fetches the document by itself.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, make_response, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from portal import catalog, policies
from portal.catalog import ApiDescription, ApiProduct, Catalogue, Offer
from portal.web import found, key_of, public, render

bp = Blueprint("product", __name__)
AT_ONCE = 25  # operations on a page; a description with no more shows their details at once
ROOT = "/catalogues/<slug:catalogue>/<slug:product>"


@dataclass(frozen=True)
class OfferedPlan:
    """A plan on this product's page: in which catalogue it is asked for, and what asking involves."""

    offer: Offer
    involves: str
    elsewhere: bool


@bp.get(ROOT)
@public
def show(catalogue: str, product: str) -> ResponseReturnValue:
    """What the product is, and its plans side by side."""
    it, shelf = _visible(catalogue, product)
    return render(
        "live/product/show.html",
        **_frame(it, shelf, "overview"),
        overview=rendered(_without_title(it)),
        offered=_offered(it, shelf),
        terms_of_use=catalog.newest_terms(it),
        others=[other for other in catalog.catalogues_of(it) if other.id != shelf.id],
    )


@bp.get(f"{ROOT}/documentation")
@public
def documentation(catalogue: str, product: str) -> ResponseReturnValue:
    """A group of operations, or for htmx only the list of them."""
    it, shelf = _visible(catalogue, product)
    frame = _frame(it, shelf, "documentation")
    chosen = _chosen(frame["descriptions"])
    if chosen is None:
        return render("live/product/documentation.html", **frame, chosen=None)
    return render(
        "live/product/documentation.html",
        fragment="live/product/_operations.html",
        **frame,
        chosen=chosen,
        **_listed(chosen),
    )


@bp.get(f"{ROOT}/documentation/<key:number>")
@public
def operation(catalogue: str, product: str, number: int) -> ResponseReturnValue:
    """One operation, or for htmx only its details."""
    it, shelf = _visible(catalogue, product)
    chosen = found(_chosen(catalog.descriptions_of(it)))
    return render(
        "live/product/operation.html",
        fragment="live/product/_detail.html",
        **_frame(it, shelf, "documentation"),
        chosen=chosen,
        operation=found(catalog.find_operation(chosen, number - 1)),
    )


@bp.get(f"{ROOT}/reference")
@public
def reference(catalogue: str, product: str) -> ResponseReturnValue:
    """The full reference; the browser's viewer fetches the document after the page."""
    it, shelf = _visible(catalogue, product)
    frame = _frame(it, shelf, "reference")
    return render("live/product/reference.html", **frame, chosen=_chosen(frame["descriptions"]))


@bp.get(f"{ROOT}/reference/openapi.json")
@public
def document(catalogue: str, product: str) -> ResponseReturnValue:
    """The document for the viewer. It is kept compressed, and sent so to whoever takes it."""
    it, _ = _visible(catalogue, product)
    chosen = found(_chosen(catalog.descriptions_of(it)))
    answer = _answer(f"viewer-{chosen.sha256}")
    if answer.status_code == 304:
        return answer
    compressed = catalog.viewer_json_of(chosen)
    if request.accept_encodings.quality("gzip") > 0:
        answer.headers["Content-Encoding"] = "gzip"
        answer.set_data(compressed)
    else:
        answer.set_data(gzip.decompress(compressed))
    answer.content_type = "application/json"
    return answer


@bp.get(f"{ROOT}/description")
@public
def download(catalogue: str, product: str) -> ResponseReturnValue:
    """The API description as its owner gave it, to be kept and never shown by the browser."""
    it, _ = _visible(catalogue, product)
    chosen = found(_chosen(catalog.descriptions_of(it)))
    answer = _answer(chosen.sha256)
    if answer.status_code == 304:
        return answer
    answer.set_data(catalog.original_of(chosen))
    answer.content_type = chosen.media_type
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in chosen.file_name)
    answer.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(chosen.file_name, safe='')}"
    )
    return answer


def rendered(text: str) -> Markup:
    """Markdown as safe HTML, in which code that scrolls sideways can be reached by keyboard."""
    return Markup(catalog.render(text).replace("<pre>", '<pre tabindex="0">'))  # noqa: S704 - cleaned, and our own attribute


def _visible(catalogue: str, product: str) -> tuple[ApiProduct, Catalogue]:
    """The product as this catalogue shows it; else 404, for drafts and what is retired too (B13, B14)."""
    return found(catalog.find_visible_product(product, catalogue_slug=catalogue))


def _frame(product: ApiProduct, shelf: Catalogue, part: str) -> dict[str, Any]:
    """What every page of the product shows."""
    return {
        "product": product,
        "catalogue": shelf,
        "descriptions": catalog.descriptions_of(product),
        "part": part,
        "address": {"catalogue": shelf.slug, "product": product.slug},
        "sign_in": url_for("security.login", next=request.full_path.rstrip("?")),
        "markdown": rendered,
    }


def _without_title(product: ApiProduct) -> str:
    """The overview without a heading that says the product's name again."""
    first, _, rest = product.description.lstrip().partition("\n")
    return rest if first.strip("# \r").casefold() == product.name.casefold() else product.description


def _offered(product: ApiProduct, shelf: Catalogue) -> list[OfferedPlan]:
    """Each plan once (T6): as this catalogue offers it, else as another does that the person may see (T7)."""
    by_plan: dict[int, Offer] = {}
    for offer in catalog.offers_of(product):
        if offer.plan.id not in by_plan or offer.catalogue.id == shelf.id:
            by_plan[offer.plan.id] = offer
    return [
        OfferedPlan(offer, policies.explain(offer.plan), offer.catalogue.id != shelf.id) for offer in by_plan.values()
    ]


def _chosen(descriptions: Sequence[ApiDescription]) -> ApiDescription | None:
    """The description that the URL names, else the first; None when there is none. A wrong one is 404."""
    named = request.args.get("description")
    if named is None:
        return descriptions[0] if descriptions else None
    return found(next((d for d in descriptions if d.id == key_of(named)), None))


def _listed(chosen: ApiDescription) -> dict[str, Any]:
    """The operations that the URL asks for: all of a small description, a part of a group of a large one."""
    if chosen.operation_count <= AT_ONCE:
        everything = catalog.operations_in(chosen, count=AT_ONCE, with_detail=True)
        return {"operations": everything, "is_whole": True, "group": None, "next_first": None, "first": 0}
    index = (key_of(request.args.get("group", "")) or 1) - 1
    group = found(chosen.groups[index] if index < len(chosen.groups) else None)
    end = group["first"] + group["count"]
    first = max(key_of(request.args.get("from", "")) or 0, group["first"])
    shown = catalog.operations_in(chosen, first=first, count=max(min(AT_ONCE, end - first), 0))
    following = first + AT_ONCE if first + AT_ONCE < end else None
    return {
        "operations": shown,
        "is_whole": False,
        "group": group,
        "group_number": index + 1,
        "next_first": following,
        "first": first,
    }


def _answer(mark: str) -> Response:
    """An empty answer with a mark by which the browser can ask again cheaply: 304 when it has this already."""
    answer = make_response("")
    answer.set_etag(mark)
    answer.headers["Cache-Control"] = "private, no-cache"  # asked each time, so that what is hidden is gone (B14)
    answer.vary.add("Accept-Encoding")
    answer.make_conditional(request)
    return answer
