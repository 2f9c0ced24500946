"""Making, changing and deleting catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm.attributes import flag_modified

from portal.accounts import Right, User
from portal.catalog import fields
from portal.catalog.models import ApiProduct, Catalogue, Plan
from portal.catalog.storing import changes, locked, need, new_values, refuse_taken, store
from portal.db import db
from portal.events import EventKind, record

DESCRIPTION_LENGTH = 20_000
CATALOGUE_FIELDS: dict[str, fields.Check] = {
    "name": fields.line("The name", 120, required=True),
    "slug": fields.slug(80),
    "description": fields.prose("The description", DESCRIPTION_LENGTH),
    "products": fields.things(ApiProduct, "Products"),
    "plans": fields.things(Plan, "Plans"),
}


def create_catalogue(values: Mapping[str, Any], *, by: User | None) -> Catalogue:
    """A new catalogue, with its products and plans."""
    need(Right.EDIT_PRODUCTS, by, "You cannot make catalogues.")
    given = new_values(values, CATALOGUE_FIELDS, Catalogue)
    catalogue = Catalogue(**given)
    store(catalogue)
    record(EventKind.CATALOGUE_CREATED, subject=catalogue, by=by, after=given)
    return catalogue


def change_catalogue(
    catalogue: Catalogue, values: Mapping[str, Any], *, by: User | None, version: int | None = None
) -> Catalogue:
    """Change a catalogue's name, address, products or plans; visible at once."""
    need(Right.EDIT_PRODUCTS, by, "You cannot change catalogues.")
    catalogue = locked(Catalogue, catalogue, version, "catalogue")
    given = fields.checked({k: v for k, v in values.items() if k != "slug" or v}, CATALOGUE_FIELDS)
    before, after = changes(catalogue, given)
    refuse_taken(Catalogue, after, catalogue)
    for field, value in after.items():
        setattr(catalogue, field, value)
    if after:
        flag_modified(catalogue, "name")  # another selection of products is a new version too
        store(catalogue)
        record(EventKind.CATALOGUE_CHANGED, subject=catalogue, by=by, before=before, after=after)
    return catalogue


def delete_catalogue(catalogue: Catalogue, *, by: User | None, version: int | None = None) -> None:
    """Take a catalogue away; its products and plans stay. What consumers see of it ends at once (T10)."""
    need(Right.EDIT_PRODUCTS, by, "You cannot delete catalogues.")
    catalogue = locked(Catalogue, catalogue, version, "catalogue")
    before = {"name": catalogue.name, "slug": catalogue.slug, "products": catalogue.products, "plans": catalogue.plans}
    record(EventKind.CATALOGUE_DELETED, subject=catalogue, by=by, before=before)
    db.session.delete(catalogue)
    db.session.flush()
