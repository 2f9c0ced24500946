"""What a person may see and ask for. A plan is offered for a product that stands in the same catalogue (T4, T6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import lazyload, selectinload

from portal.accounts import User
from portal.catalog.models import (
    OPEN_PRODUCT_STATES,
    ApiProduct,
    Catalogue,
    Plan,
    PlanState,
    catalogue_plan,
    catalogue_product,
)
from portal.db import db

_OFFERS = (
    select(catalogue_product.c.product_id, Plan, Catalogue)
    .join(Catalogue, Catalogue.id == catalogue_product.c.catalogue_id)
    .join(catalogue_plan, catalogue_plan.c.catalogue_id == Catalogue.id)
    .join(Plan, Plan.id == catalogue_plan.c.plan_id)
    .where(catalogue_product.c.product_id.in_(bindparam("products", expanding=True)), Plan.state == PlanState.ACTIVE)
    .order_by(Plan.id, Catalogue.id)
)


@dataclass(frozen=True)
class Offer:
    """A product on the terms of a plan, as a catalogue offers it."""

    product: ApiProduct
    plan: Plan
    catalogue: Catalogue


def find_visible_product(product_slug: str, *, catalogue_slug: str) -> tuple[ApiProduct, Catalogue] | None:
    """The product as this catalogue shows it; None when it is not there, a draft, or retired."""
    query = (
        select(ApiProduct, Catalogue)
        .join(catalogue_product, catalogue_product.c.product_id == ApiProduct.id)
        .join(Catalogue, Catalogue.id == catalogue_product.c.catalogue_id)
        .where(ApiProduct.slug == product_slug, Catalogue.slug == catalogue_slug, is_open())
        .options(_owners_by_name())
    )
    row = db.session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def offers_of(product: ApiProduct) -> Sequence[Offer]:
    """Every plan on which the product can be asked for, with its catalogue; none when it is not requestable."""
    return offers_for([product])


def offers_for(products: Sequence[ApiProduct]) -> Sequence[Offer]:
    """The offers of several products, in one query however many there are."""
    wanted = {product.id: product for product in products if product.is_requestable}
    if not wanted:
        return []
    rows = db.session.execute(_OFFERS, {"products": list(wanted)})
    return [Offer(wanted[product_id], plan, catalogue) for product_id, plan, catalogue in rows]


def find_offer(product_id: int, plan_id: int, catalogue_id: int) -> Offer | None:
    """This product on this plan in this catalogue, if it is offered now."""
    product = db.session.get(ApiProduct, product_id)
    if product is None:
        return None
    for offer in offers_of(product):
        if offer.plan.id == plan_id and offer.catalogue.id == catalogue_id:
            return offer
    return None


def _owners_by_name() -> Any:
    """A page names the owners: their roles and organisations, which whoever acts is loaded with, are left out."""
    return selectinload(ApiProduct.owners).options(lazyload(User.roles), lazyload(User.organisation))


def is_open() -> ColumnElement[bool]:
    """The condition that a product is seen and usable."""
    return ApiProduct.state.in_(OPEN_PRODUCT_STATES)
