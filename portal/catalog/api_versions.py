"""The versions of an API that access can be asked for (C22), read from the descriptions of a product.

A product that describes one API in several versions offers them to choose from. One whose descriptions are of different
APIs (other titles) has no version of its own. A version with a last day is deprecated until then, and retired after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select

from portal.accounts import User
from portal.catalog.editing import lock_product
from portal.catalog.models import ApiDescription, ApiProduct
from portal.db import db, now
from portal.errors import Invalid
from portal.events import EventKind, record

_VERSIONS = (
    select(ApiDescription.product_id, ApiDescription.title, ApiDescription.api_version, ApiDescription.retires_on)
    .where(ApiDescription.product_id.in_(bindparam("products", expanding=True)))
    .order_by(ApiDescription.id.desc())
)


@dataclass(frozen=True)
class ApiVersion:
    """A version by its number, and the day from which it is no longer there."""

    number: str
    retires_on: date | None = None

    @property
    def is_retired(self) -> bool:
        """Whether its day has come."""
        return self.retires_on is not None and self.retires_on <= now().date()

    @property
    def is_deprecated(self) -> bool:
        """Whether its last day is known and has not come."""
        return self.retires_on is not None and not self.is_retired


def versions_of(products: Sequence[ApiProduct]) -> dict[int, list[ApiVersion]]:
    """The versions of each of these products by its key, the newest first; one query, whatever their number."""
    titles: dict[int, set[str]] = {}
    found: dict[int, dict[str, ApiVersion]] = {product.id: {} for product in products}
    for row in db.session.execute(_VERSIONS, {"products": [product.id for product in products]}):
        titles.setdefault(row.product_id, set()).add(row.title)
        if row.api_version:
            found[row.product_id].setdefault(row.api_version, ApiVersion(row.api_version, row.retires_on))
    return {key: list(known.values()) if len(titles.get(key, ())) == 1 else [] for key, known in found.items()}


def choosable(versions: Sequence[ApiVersion]) -> list[ApiVersion]:
    """Those that can still be asked for, the usual one first: the newest without a last day."""
    return sorted(
        (version for version in versions if not version.is_retired), key=lambda version: version.is_deprecated
    )


def chosen_versions(products: Sequence[ApiProduct], wanted: Mapping[int, str]) -> tuple[dict[int, str], list[str]]:
    """The version of each product that was asked for, or its usual one; and in sentences what cannot be had."""
    chosen: dict[int, str] = {}
    refused = []
    known = versions_of(products)
    for product in products:
        versions, named = known[product.id], wanted.get(product.id, "")
        offered = choosable(versions)
        if not versions:
            continue
        if not offered:
            refused.append(f"Every version of {product.name} is retired.")
        elif named and named not in {version.number for version in offered}:
            gone = named in {version.number for version in versions}
            refused.append(f"Version {named[:80]} of {product.name} {'is retired' if gone else 'does not exist'}.")
        else:
            chosen[product.id] = named or offered[0].number
    return chosen, refused


def end_version(description: ApiDescription, on: date | None, *, by: User | None) -> None:
    """Say from which day the version of this description is no longer there; without a day it stays."""
    product = lock_product(description.product, by=by)
    if not description.api_version:
        raise Invalid("This description names no version of the API.", field="retires_on")
    same = select(ApiDescription).where(
        ApiDescription.product_id == product.id, ApiDescription.api_version == description.api_version
    )
    before = description.retires_on
    for each in db.session.scalars(same):
        each.retires_on = on
    if before != on:
        product.updated_at = now()
        told = {"version": description.api_version}
        record(
            EventKind.PRODUCT_CHANGED,
            subject=product,
            by=by,
            before={**told, "retires_on": before},
            after={**told, "retires_on": on},
        )
