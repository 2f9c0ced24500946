"""Making and changing products.

Here as for plans and catalogues: values come as a mapping of field to value, already in Python's types; a missing field
keeps its value. Each change leaves its trace with before and after. ``by`` is None for the loader of the seed.
``version`` is the one that the person saw: when the thing has changed since, Conflict is raised (R10).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, select, update

from portal.accounts import Right, RoleName, User
from portal.catalog import fields
from portal.catalog.models import (
    ApiProduct,
    AuthMethod,
    Catalogue,
    Classification,
    LegalBasis,
    ProductState,
    catalogue_product,
)
from portal.catalog.search import index_product
from portal.catalog.storing import changes, locked, need, new_values, set_end, store
from portal.db import db, now
from portal.errors import Invalid, NotAllowed
from portal.events import EventKind, record

DESCRIPTION_LENGTH = 100_000
PRODUCT_FIELDS: dict[str, fields.Check] = {
    "name": fields.line("The name", 200, required=True),
    "summary": fields.line("The summary", 300),
    "description": fields.prose("The description", DESCRIPTION_LENGTH),
    "category": fields.line("The category", 80),
    "tags": fields.tags,
    "auth_method": fields.one_of(AuthMethod, "Authentication"),
    "base_url": fields.web_address("The base URL"),
    "scopes": fields.scopes,
    "featured": fields.truth,
    "classification": fields.one_of(Classification, "Classification"),
    "legal_basis": fields.one_of(LegalBasis, "Legal basis", optional=True),
    "regions": fields.regions,
    "environments": fields.environments,
    "zone": fields.zone,
    "owners": fields.owners,
    "catalogues": fields.things(Catalogue, "Catalogues"),
}
NEW_PRODUCT_FIELDS = {
    **PRODUCT_FIELDS,
    "slug": fields.slug(120),
    "state": fields.one_of(ProductState, "State"),
}


def may_edit_product(product: ApiProduct, person: User) -> bool:
    """Whether this person may change the product: its owners, any API owner when it has none, and administrators."""
    if not person.may(Right.EDIT_PRODUCTS):
        return False
    if RoleName.ADMINISTRATOR in person.role_names or not product.owners:
        return True
    return any(owner.id == person.id for owner in product.owners)


def create_product(values: Mapping[str, Any], *, by: User | None) -> ApiProduct:
    """A new product: a draft, and owned by the API owner who makes it, unless the values say otherwise."""
    need(Right.EDIT_PRODUCTS, by, "You cannot make products.")
    given = new_values(values, NEW_PRODUCT_FIELDS, ApiProduct)
    if by is not None and given.get("state", ProductState.DRAFT) not in (ProductState.DRAFT, ProductState.PUBLISHED):
        raise Invalid("A new product is a draft or published.", field="state")
    catalogues = given.pop("catalogues", [])
    if "owners" not in given and by is not None and RoleName.API_OWNER in by.role_names:
        given["owners"] = [by]
    product = ApiProduct(**given)
    store(product)
    _put_into(product, catalogues)
    index_product(product)
    record(EventKind.PRODUCT_CREATED, subject=product, by=by, after=given | _names(catalogues))
    return product


def change_product(
    product: ApiProduct, values: Mapping[str, Any], *, by: User | None, version: int | None = None
) -> ApiProduct:
    """Change fields of a product; its state has a function of its own, its slug stays."""
    product = lock_product(product, by=by, version=version)
    given = fields.checked(values, PRODUCT_FIELDS)
    catalogues = given.pop("catalogues", None)
    before, after = changes(product, given)
    standing = catalogues_of(product)
    for field, value in after.items():
        setattr(product, field, value)
    if catalogues is not None and set(catalogues) != set(standing):
        _put_into(product, catalogues, standing)
        before, after = before | _names(standing), after | _names(catalogues)
    if after:
        product.updated_at = now()  # a change of owners or catalogues alone is a new version too
        store(product)
        index_product(product)
        record(EventKind.PRODUCT_CHANGED, subject=product, by=by, before=before, after=after)
    return product


def change_product_state(
    product: ApiProduct,
    state: ProductState,
    *,
    by: User | None,
    reason: str = "",
    version: int | None = None,
) -> ApiProduct:
    """Publish, deprecate or retire a product. Raises Conflict for a move that is not allowed."""
    product = lock_product(product, by=by, version=version)
    before: dict[str, Any] = {"state": product.state}
    after: dict[str, Any] = {"state": state}
    product.move_to(state)
    if state is ProductState.PUBLISHED:  # what was announced is off
        gone, none = changes(product, {"retires_on": None, "successor": None})
        before, after = before | gone, after | none
        product.retires_on = product.successor = None
    db.session.flush()
    record(
        EventKind.PRODUCT_STATE_CHANGED,
        subject=product,
        by=by,
        reason=fields.prose("The reason", 2_000)(reason, "reason"),
        before=before,
        after=after,
    )
    return product


def set_product_end(
    product: ApiProduct, on: date | None, successor: Any, *, by: User | None, version: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the day on which a product is retired and what takes its place; what that changed, before and after."""
    product = lock_product(product, by=by, version=version)
    return set_end(product, on, successor)


def lock_product(product: ApiProduct, *, by: User | None, version: int | None = None) -> ApiProduct:
    """The product as it is now, for this person to change. Raises NotAllowed, or Conflict when it has changed."""
    db.session.flush()
    fresh: ApiProduct = locked(ApiProduct, product, version, "product")
    if by is not None and not may_edit_product(fresh, by):
        raise NotAllowed("Only the owners of a product and administrators can change it.")
    return fresh


def catalogues_of(product: ApiProduct) -> Sequence[Catalogue]:
    """The catalogues in which a product stands, the oldest first."""
    query = select(Catalogue).join(catalogue_product).where(catalogue_product.c.product_id == product.id)
    return db.session.scalars(query.order_by(Catalogue.id)).all()


def _put_into(product: ApiProduct, catalogues: Sequence[Catalogue], standing: Sequence[Catalogue] = ()) -> None:
    """Let the product stand in exactly these catalogues, without reading what else stands there.

    A catalogue that gains or loses a product is a new version, so that nobody who has it open takes the change back.
    """
    if moved := {catalogue.id for catalogue in catalogues} ^ {catalogue.id for catalogue in standing}:
        newer = update(Catalogue).where(Catalogue.id.in_(moved)).values(version=Catalogue.version + 1)
        db.session.execute(newer)
    db.session.execute(delete(catalogue_product).where(catalogue_product.c.product_id == product.id))
    rows = [{"catalogue_id": catalogue.id, "product_id": product.id} for catalogue in catalogues]
    if rows:
        db.session.execute(insert(catalogue_product), rows)


def _names(catalogues: Iterable[Catalogue]) -> dict[str, list[str]]:
    return {"catalogues": [catalogue.name for catalogue in catalogues]}
