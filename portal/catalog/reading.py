"""Reading for those who edit the catalogue: everything, drafts included. Consumers read in ``browsing``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import selectinload

from portal.catalog.browsing import NO_MATCHES, find_matches
from portal.catalog.fields import SLUG
from portal.catalog.models import (
    OPEN,
    UNUSUAL,
    ApiProduct,
    Catalogue,
    Plan,
    ProductState,
    catalogue_plan,
    catalogue_product,
)
from portal.catalog.search import INDEX, index_id, matches
from portal.db import db

# Written out and not bound, so that the databases know that their partial indexes fit.
STATE_IS = {
    state: f"{OPEN} and state = '{state}'" if state is ProductState.PUBLISHED else f"{UNUSUAL} and state = '{state}'"
    for state in ProductState
}


def products_page(
    search: str = "", state: ProductState | str = "", after: int | None = None, size: int = 50
) -> Sequence[ApiProduct]:
    """Products in every state by name, paged by key: at most ``size`` of those after the one with the id ``after``."""
    found = find_matches(search)
    if found == NO_MATCHES or (state and state not in set(ProductState)):
        return []
    query = select(ApiProduct).options(selectinload(ApiProduct.owners)).limit(min(max(size, 1), 200))
    if state:
        query = query.where(text(STATE_IS[ProductState(state)]))
    if found is not None:
        if found.few is None:  # too many to sort: the newest first
            query = query.join(INDEX, index_id() == ApiProduct.id).where(matches(found.expression))
            query = query.order_by(index_id().desc())
            return db.session.scalars(query.where(index_id() < after) if after else query).all()
        query = query.where(ApiProduct.id.in_(found.few))
    if after and (last := db.session.get(ApiProduct, after)) is not None:
        query = query.where(tuple_(ApiProduct.sort_name, ApiProduct.id) > (last.sort_name, last.id))
    return db.session.scalars(query.order_by(ApiProduct.sort_name, ApiProduct.id)).all()


def plans() -> Sequence[Plan]:
    """All plans in every state, in the order in which they were made."""
    return db.session.scalars(select(Plan).order_by(Plan.id)).all()


def catalogues() -> Sequence[Catalogue]:
    """All catalogues by name."""
    return db.session.scalars(select(Catalogue).order_by(Catalogue.name, Catalogue.id)).all()


def find_product(product_id: int) -> ApiProduct | None:
    """The product with this key, in whatever state."""
    return db.session.get(ApiProduct, product_id)


def find_product_by_slug(slug: str) -> ApiProduct | None:
    """The product with this slug, in whatever state."""
    return db.session.scalar(select(ApiProduct).where(ApiProduct.slug == slug)) if SLUG.fullmatch(slug) else None


def find_plan(plan_id: int) -> Plan | None:
    """The plan with this key."""
    return db.session.get(Plan, plan_id)


def find_catalogue(catalogue_id: int) -> Catalogue | None:
    """The catalogue with this key."""
    return db.session.get(Catalogue, catalogue_id)


def find_catalogue_by_slug(slug: str) -> Catalogue | None:
    """The catalogue with this slug."""
    return db.session.scalar(select(Catalogue).where(Catalogue.slug == slug)) if SLUG.fullmatch(slug) else None


def plans_for(product: ApiProduct) -> Sequence[Plan]:
    """The plans that stand in a catalogue with the product, whatever the state of either."""
    beside = (
        select(catalogue_plan.c.plan_id)
        .join(catalogue_product, catalogue_product.c.catalogue_id == catalogue_plan.c.catalogue_id)
        .where(catalogue_product.c.product_id == product.id)
    )
    return db.session.scalars(select(Plan).where(Plan.id.in_(beside)).order_by(Plan.id)).all()
