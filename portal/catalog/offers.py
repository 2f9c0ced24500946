"""What a person may see and ask for. A plan is offered for a product that stands in the same catalogue (T4, T6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

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
    )
    row = db.session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def offers_of(product: ApiProduct) -> Sequence[Offer]:
    """Every plan on which the product can be asked for, with the catalogue that offers it; none when it is not requestable."""
    if not product.is_requestable:
        return []
    query = (
        select(Plan, Catalogue)
        .join(catalogue_plan, catalogue_plan.c.plan_id == Plan.id)
        .join(Catalogue, Catalogue.id == catalogue_plan.c.catalogue_id)
        .join(catalogue_product, catalogue_product.c.catalogue_id == Catalogue.id)
        .where(catalogue_product.c.product_id == product.id, Plan.state == PlanState.ACTIVE)
        .order_by(Plan.id, Catalogue.id)
    )
    return [Offer(product, plan, catalogue) for plan, catalogue in db.session.execute(query)]


def find_offer(product_id: int, plan_id: int, catalogue_id: int) -> Offer | None:
    """This product on this plan in this catalogue, if it is offered now."""
    product = db.session.get(ApiProduct, product_id)
    if product is None:
        return None
    for offer in offers_of(product):
        if offer.plan.id == plan_id and offer.catalogue.id == catalogue_id:
            return offer
    return None


def is_open() -> ColumnElement[bool]:
    """The condition that a product is seen and usable."""
    return ApiProduct.state.in_(OPEN_PRODUCT_STATES)
