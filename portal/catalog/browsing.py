"""What consumers see on the shelves: visible products, searched, filtered, and paged by key.

The cost of a page must not grow with the catalogue. Without a narrow filter the products come straight out of an index
in the order of their names. A search, catalogue or category that leaves few products is taken first, and those few are
sorted.
A search that matches very many products shows the newest first, as the index gives them: sorting them all by how well
they match would cost more than it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, TextClause, and_, exists, select, text, tuple_

from portal.catalog.fields import UNWANTED
from portal.catalog.models import OPEN, ApiProduct, AuthMethod, Catalogue, ProductState, catalogue_product
from portal.catalog.search import INDEX, NOTHING, best_first, index_id, matches, matching, search_expression
from portal.db import db

FEW = 300
MOST_CATEGORIES = 60
PAGE = 24


@dataclass(frozen=True)
class Tile:
    """What a list shows of a product."""

    id: int
    slug: str
    name: str
    summary: str
    category: str
    tags: list[str]
    auth_method: AuthMethod
    state: ProductState
    catalogue_slug: str


@dataclass(frozen=True)
class Shelf:
    """A page of products. ``next_after`` is where the next page begins; ``count`` is known when there are few."""

    tiles: Sequence[Tile]
    next_after: int | None = None
    count: int | None = None


@dataclass(frozen=True)
class Matches:
    """What a search finds. ``few`` are the ids of all that match, or None when there are more than ``FEW``."""

    expression: str
    few: Sequence[int] | None


EMPTY_SHELF = Shelf((), None, 0)
NO_MATCHES = Matches(NOTHING, ())


def browse(
    *,
    catalogue: Catalogue | None = None,
    search: str = "",
    category: str = "",
    auth_method: AuthMethod | str = "",
    tag: str = "",
    after: int | None = None,
    size: int = PAGE,
) -> Shelf:
    """Visible products that fit, at most ``size`` of those after the product with the id ``after``."""
    found = find_matches(search, tag)
    if found == NO_MATCHES or UNWANTED.search(category) or (auth_method and auth_method not in set(AuthMethod)):
        return EMPTY_SHELF
    size = min(max(size, 1), 100)
    conditions: list[ColumnElement[bool]] = [is_on_a_shelf(catalogue)]
    if category:
        conditions.append(ApiProduct.category == category)
    if auth_method:
        conditions.append(ApiProduct.auth_method == AuthMethod(auth_method))
    few = found.few if found is not None else None
    if few is None:
        few = _few(catalogue, category)
    if few is not None:
        return _page_of_few(few, conditions, found, bool(search.strip()), after, size, catalogue)
    if found is not None:
        return _page(_newest_matches(found.expression, conditions, after), size, catalogue)
    return _page(_by_name(conditions, after), size, catalogue)


def featured(most: int = 6) -> Sequence[Tile]:
    """The products that are shown on the home page."""
    # Said twice, since SQLite wants the partial index's own words and a value for its first column.
    query = select(ApiProduct.id).where(text("featured and featured = true"), is_on_a_shelf(None))
    return _tiles(db.session.scalars(query.order_by(ApiProduct.sort_name, ApiProduct.id).limit(most)).all(), None)


def categories() -> Sequence[str]:
    """The categories of visible products, found by leaping through an index, however many products there are."""
    return db.session.scalars(_CATEGORIES).all()


def find_matches(search: str, tag: str = "") -> Matches | None:
    """What a search finds; None when nothing is searched for.

    Where whole words find very much already, beginnings of words would only cost more.
    """
    whole, beginnings = search_expression(search, tag, whole=True), search_expression(search, tag)
    if whole is None or beginnings is None:
        return None
    if whole == NOTHING:
        return NO_MATCHES
    found = _matches(whole)
    return found if found.few is None or beginnings == whole else _matches(beginnings)


def _matches(expression: str) -> Matches:
    ids = db.session.scalars(matching(expression).limit(FEW + 1)).all()
    return Matches(expression, ids if len(ids) <= FEW else None)


def newest_matches(expression: str) -> Select[Any]:
    """The ids of products that match, the newest first, as the index gives them without sorting."""
    query = select(ApiProduct.id).select_from(INDEX).join(ApiProduct, ApiProduct.id == index_id())
    return query.where(matches(expression)).order_by(index_id().desc())


def is_on_a_shelf(catalogue: Catalogue | None) -> ColumnElement[bool]:
    """The condition that consumers see a product: it is open, and stands in this catalogue or in any."""
    standing = exists().where(catalogue_product.c.product_id == ApiProduct.id)
    if catalogue is not None:
        standing = standing.where(catalogue_product.c.catalogue_id == catalogue.id)
    return and_(is_open(), standing)


def is_open() -> TextClause:
    """The condition that a product is open, in the words of the partial indexes."""
    return text(f"api_product.{OPEN}")


def _few(catalogue: Catalogue | None, category: str) -> Sequence[int] | None:
    """The ids of the first narrow choice, unless none is narrow."""
    narrow: list[Select[Any]] = []
    if catalogue is not None:
        standing = catalogue_product.c
        narrow.append(select(standing.product_id).where(standing.catalogue_id == catalogue.id))
    if category:
        narrow.append(select(ApiProduct.id).where(is_open(), ApiProduct.category == category))
    for choice in narrow:
        ids = db.session.scalars(choice.limit(FEW + 1)).all()
        if len(ids) <= FEW:
            return ids
    return None


def _page_of_few(
    few: Sequence[int],
    conditions: Sequence[ColumnElement[bool]],
    found: Matches | None,
    ranked: bool,
    after: int | None,
    size: int,
    catalogue: Catalogue | None,
) -> Shelf:
    """All that fit are put in order, which is cheap, and the page is cut out of that."""
    # By the ids alone: without statistics SQLite would think that going through a state or category is cheaper.
    query = select(ApiProduct.id).where(ApiProduct.id.in_(few), *conditions)
    if found is None:
        query = query.order_by(ApiProduct.sort_name + "", ApiProduct.id)
    else:
        expression = found.expression
        query = query.join(INDEX, index_id() == ApiProduct.id).where(matches(expression))
        query = query.order_by(*(best_first(expression) if ranked else (ApiProduct.sort_name + "", ApiProduct.id)))
    ids = list(db.session.scalars(query))
    start = ids.index(after) + 1 if after in ids else 0
    chosen = ids[start : start + size]
    return Shelf(_tiles(chosen, catalogue), chosen[-1] if len(ids) > start + size else None, len(ids))


def _by_name(conditions: Sequence[ColumnElement[bool]], after: int | None) -> Select[Any]:
    query = select(ApiProduct.id).where(*conditions).order_by(ApiProduct.sort_name, ApiProduct.id)
    if after is None:
        return query
    last = db.session.execute(select(ApiProduct.sort_name, ApiProduct.id).where(ApiProduct.id == after)).one_or_none()
    return query if last is None else query.where(tuple_(ApiProduct.sort_name, ApiProduct.id) > (last[0], last[1]))


def _newest_matches(expression: str, conditions: Sequence[ColumnElement[bool]], after: int | None) -> Select[Any]:
    query = newest_matches(expression).where(*conditions)
    return query if after is None else query.where(index_id() < after)


def _page(query: Select[Any], size: int, catalogue: Catalogue | None) -> Shelf:
    ids = db.session.scalars(query.limit(size + 1)).all()
    return Shelf(_tiles(ids[:size], catalogue), ids[size - 1] if len(ids) > size else None)


def _tiles(ids: Sequence[int], catalogue: Catalogue | None) -> list[Tile]:
    """These products as tiles, in this order."""
    if not ids:
        return []
    rows = {row.id: row for row in db.session.execute(_tile_columns(catalogue).where(ApiProduct.id.in_(ids)))}
    return [_tile(rows[id], catalogue) for id in ids if id in rows]


def _tile_columns(catalogue: Catalogue | None) -> Select[Any]:
    product = ApiProduct
    columns: list[Any] = [product.id, product.slug, product.name, product.summary, product.category, product.tags]
    query: Select[Any] = select(*columns, product.auth_method, product.state)
    if catalogue is not None:
        return query
    first = select(Catalogue.slug).join(catalogue_product).where(catalogue_product.c.product_id == product.id)
    return query.add_columns(first.order_by(Catalogue.id).limit(1).correlate(product).scalar_subquery().label("shelf"))


def _tile(row: Row[Any], catalogue: Catalogue | None) -> Tile:
    values = row._asdict()
    shelf = catalogue.slug if catalogue is not None else values.pop("shelf") or ""
    return Tile(**values, catalogue_slug=shelf)


_CATEGORIES = text(
    f"""
    with recursive leap(category, seen) as (
      select (select category from api_product where {OPEN} and category > '' order by category limit 1), 1
      union all
      select
        (
          select p.category from api_product p
          where p.{OPEN} and p.category > leap.category order by p.category limit 1
        ),
        seen + 1
      from leap where leap.category is not null and seen < {MOST_CATEGORIES}
    )
    select category from leap where category is not null order by category
    """  # noqa: S608 - our own words and a number
).columns(ApiProduct.category)
