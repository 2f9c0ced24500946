"""Numbers and choices for the pages of those who edit the catalogue, each in one query however much there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, func, select

from portal.accounts import User
from portal.catalog.models import (
    ApiProduct,
    Catalogue,
    Plan,
    ProductState,
    catalogue_plan,
    catalogue_product,
    product_owner,
)
from portal.catalog.offers import is_open
from portal.db import db


@dataclass(frozen=True)
class Holding:
    """How much stands in a catalogue."""

    products: int = 0
    plans: int = 0


@dataclass(frozen=True)
class ProductChoice:
    """A product as a list of choices shows it."""

    id: int
    name: str
    state: ProductState


def product_counts(*, most: int = 1000) -> dict[ProductState, int]:
    """How many products there are in each state; counts to ``most`` and no further, to stay cheap."""
    counts = {}
    for state in ProductState:
        some = select(ApiProduct.id).where(ApiProduct.state == state).limit(most)
        counts[state] = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return counts


def product_choices(*, most: int) -> Sequence[ProductChoice]:
    """Every product by name, in every state: at most ``most``."""
    query = select(ApiProduct.id, ApiProduct.name, ApiProduct.state)
    rows = db.session.execute(query.order_by(ApiProduct.sort_name, ApiProduct.id).limit(most))
    return [ProductChoice(*row) for row in rows]


def products_with(ids: Iterable[int]) -> Sequence[ApiProduct]:
    """The products with these keys; those that are gone are left out."""
    return db.session.scalars(select(ApiProduct).where(ApiProduct.id.in_(list(ids)))).all()


def ids_in(catalogue: Catalogue) -> set[int]:
    """The keys of the products that stand in a catalogue, without reading the products."""
    query = select(catalogue_product.c.product_id).where(catalogue_product.c.catalogue_id == catalogue.id)
    return set(db.session.scalars(query))


def only_in(catalogue: Catalogue) -> int:
    """How many products consumers see in this catalogue and in no other."""
    elsewhere = select(catalogue_product.c.product_id).where(catalogue_product.c.catalogue_id != catalogue.id)
    query = select(func.count()).select_from(ApiProduct).join(catalogue_product)
    query = query.where(catalogue_product.c.catalogue_id == catalogue.id, is_open())
    return db.session.scalar(query.where(ApiProduct.id.not_in(elsewhere))) or 0


def holdings() -> dict[int, Holding]:
    """How much stands in each catalogue, by the catalogue's key; those that hold nothing are left out."""
    products, plans = _sizes(catalogue_product.c.catalogue_id), _sizes(catalogue_plan.c.catalogue_id)
    return {key: Holding(products.get(key, 0), plans.get(key, 0)) for key in {*products, *plans}}


def products_on_plans() -> dict[int, int]:
    """On how many visible products each plan stands, by the plan's key; plans on none are left out."""
    query = (
        select(catalogue_plan.c.plan_id, func.count(catalogue_product.c.product_id.distinct()))
        .join(catalogue_product, catalogue_product.c.catalogue_id == catalogue_plan.c.catalogue_id)
        .join(ApiProduct, ApiProduct.id == catalogue_product.c.product_id)
        .where(is_open())
        .group_by(catalogue_plan.c.plan_id)
    )
    return {row[0]: row[1] for row in db.session.execute(query)}


def products_owned_alone(person: User) -> Sequence[ApiProduct]:
    """The products, by name, that have this person as owner and no other active one."""
    mine = select(product_owner.c.product_id).where(product_owner.c.user_id == person.id)
    others = select(product_owner.c.product_id).join(User, User.id == product_owner.c.user_id)
    others = others.where(User.id != person.id, User.active)
    query = select(ApiProduct).where(ApiProduct.id.in_(mine), ApiProduct.id.not_in(others))
    return db.session.scalars(query.order_by(ApiProduct.sort_name, ApiProduct.id)).all()


def catalogues_with(plan: Plan) -> Sequence[Catalogue]:
    """The catalogues in which a plan stands, the oldest first."""
    query = select(Catalogue).join(catalogue_plan).where(catalogue_plan.c.plan_id == plan.id)
    return db.session.scalars(query.order_by(Catalogue.id)).all()


def _sizes(column: Column[Any]) -> dict[int, int]:
    return {row[0]: row[1] for row in db.session.execute(select(column, func.count()).group_by(column))}
