"""API descriptions of products: read outside of any transaction, kept inside one."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import defer

from portal.accounts import User
from portal.catalog.descriptions import Description, Fault, Operation, check, read, searchable_text
from portal.catalog.editing import lock_product
from portal.catalog.fields import LINE_UNWANTED, UNWANTED
from portal.catalog.models import ApiDescription, ApiOperation, ApiProduct
from portal.catalog.search import index_product
from portal.db import db, now
from portal.events import EventKind, record

MOST_GROUPS = 200
MOST_FAULTS = 200
SEARCH_TEXT = 30_000
MEDIA_TYPES = {"json": "application/json"}
YAML = "application/yaml"


@dataclass(frozen=True)
class ReadDescription:
    """A file that was read and found to be an API description, ready to be kept."""

    raw: bytes
    description: Description
    faults: tuple[Fault, ...]
    viewer_json: bytes
    groups: list[dict[str, Any]]
    operations: list[dict[str, Any]]

    @property
    def sha256(self) -> str:
        """The mark of the file's bytes."""
        return hashlib.sha256(self.raw).hexdigest()


def read_description(raw: bytes, *, strictly: bool = False) -> ReadDescription:
    """The API description in a file. Raises Refused, with a reason for people, where there is none, or a danger.

    Takes long for large files, and ``strictly`` (with everything that a strict validator finds) up to minutes: call it
    before the transaction.
    """
    description = read(raw)
    faults = dict.fromkeys((*description.faults, *(check(description) if strictly else ())))
    groups, operations = _in_groups(description)
    return ReadDescription(
        raw=raw,
        description=description,
        faults=tuple(faults)[:MOST_FAULTS],
        viewer_json=gzip.compress(description.to_json(), 6, mtime=0),
        groups=groups,
        operations=operations,
    )


def attach_description(
    product: ApiProduct, given: ReadDescription, file_name: str, *, by: User | None, another_version: bool = False
) -> ApiDescription:
    """Give a product an API description. It takes the place of one with the same file name or title.

    ``another_version`` leaves those of other versions of the same API where they are.

    The product's row is locked, so of two at once one whole description stays (M10).
    """
    product = lock_product(product, by=by)
    name = clean_file_name(file_name)
    title = _stored(given.description.title, 300)
    replaced = [old for old in descriptions_of(product) if old.file_name == name or (title and old.title == title)]
    if another_version:
        number = _stored(given.description.api_version, 80)
        replaced = [old for old in replaced if old.title == title and old.api_version == number]
    for old in replaced:
        db.session.delete(old)
    db.session.flush()
    kept = _kept(product, given, name, title)
    _keep_operations(kept, given.operations)
    product.updated_at = now()
    db.session.flush()
    index_product(product)
    record(
        EventKind.DESCRIPTION_ADDED,
        subject=product,
        by=by,
        before={"descriptions": [_told(old) for old in replaced]},
        after={"descriptions": [_told(kept)], "faults": len(kept.faults)},
    )
    return kept


def remove_description(description: ApiDescription, *, by: User | None) -> None:
    """Take an API description from its product."""
    product = lock_product(description.product, by=by)
    told = _told(description)
    db.session.delete(description)
    product.updated_at = now()
    db.session.flush()
    index_product(product)
    record(
        EventKind.PRODUCT_CHANGED, subject=product, by=by, before={"descriptions": [told]}, after={"descriptions": []}
    )


def descriptions_of(product: ApiProduct) -> list[ApiDescription]:
    """The product's API descriptions, the oldest first, without their text."""
    query = select(ApiDescription).where(ApiDescription.product_id == product.id).order_by(ApiDescription.id)
    return list(db.session.scalars(query))


def find_description(product: ApiProduct, description_id: int | None = None) -> ApiDescription | None:
    """The product's API description with this id, or its first."""
    query = select(ApiDescription).where(ApiDescription.product_id == product.id)
    if description_id is not None:
        query = query.where(ApiDescription.id == description_id)
    return db.session.scalar(query.order_by(ApiDescription.id).limit(1))


def original_of(description: ApiDescription) -> bytes:
    """The bytes as they were given."""
    query = select(ApiDescription.raw).where(ApiDescription.id == description.id)
    return db.session.execute(query).scalar_one()


def viewer_json_of(description: ApiDescription) -> bytes:
    """The document for the browser's viewer, compressed with gzip."""
    query = select(ApiDescription.viewer_json).where(ApiDescription.id == description.id)
    return db.session.execute(query).scalar_one()


def operations_in(
    description: ApiDescription, *, first: int = 0, count: int = 50, with_detail: bool = False
) -> list[ApiOperation]:
    """At most ``count`` operations from a position on, in the order of their groups."""
    query = select(ApiOperation).where(ApiOperation.description_id == description.id, ApiOperation.position >= first)
    query = query.order_by(ApiOperation.position).limit(count)
    return list(db.session.scalars(query if with_detail else query.options(defer(ApiOperation.detail))))


def find_operation(description: ApiDescription, position: int) -> ApiOperation | None:
    """The operation at this position."""
    query = select(ApiOperation).where(ApiOperation.description_id == description.id, ApiOperation.position == position)
    return db.session.scalar(query)


def clean_file_name(file_name: str) -> str:
    """The last part of a path, without characters that trouble a file system or an HTTP header."""
    name = PurePosixPath(LINE_UNWANTED.sub("", file_name).replace("\\", "/")).name
    name = "".join(c if c.isalnum() or c in "._- ()" else "-" for c in name).strip(" .")
    return name[-200:] or "description"


def _in_groups(description: Description) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The operations one group after the other, by their first tag, and where each group begins."""
    by_tag: dict[str, list[Operation]] = {tag: [] for tag in description.tags[: MOST_GROUPS - 1]}
    for operation in description.operations:
        tag = operation.tags[0] if operation.tags else ""
        by_tag.setdefault(tag if tag in by_tag or len(by_tag) < MOST_GROUPS else "", []).append(operation)
    groups: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for tag, operations in by_tag.items():
        if operations:
            groups.append({"name": _stored(tag, 200), "first": len(rows), "count": len(operations)})
            rows += [_row(operation, position) for position, operation in enumerate(operations, start=len(rows))]
    return groups, rows


def _row(operation: Operation, position: int) -> dict[str, Any]:
    detail = operation.as_dict()
    return {
        "position": position,
        "method": _stored(detail.pop("method"), 20),
        "path": _stored(detail.pop("path"), 2_000),
        "summary": _stored(detail.pop("summary"), 1_000),
        "deprecated": detail.pop("deprecated"),
        "detail": _stored_tree(detail),
    }


def _kept(product: ApiProduct, given: ReadDescription, file_name: str, title: str) -> ApiDescription:
    description = given.description
    kept = ApiDescription(
        product_id=product.id,
        file_name=file_name,
        media_type=MEDIA_TYPES.get(description.encoding, YAML),
        sha256=given.sha256,
        size=len(given.raw),
        openapi_version=_stored(description.version, 20),
        title=title,
        api_version=_stored(description.api_version, 80),
        servers=[_stored(server, 500) for server in description.servers[:50]],
        operation_count=len(given.operations),
        faults=[_stored_tree(fault.as_dict()) for fault in given.faults],
        groups=given.groups,
        search_text=_stored(searchable_text(description, SEARCH_TEXT), SEARCH_TEXT),
        raw=given.raw,
        viewer_json=given.viewer_json,
    )
    db.session.add(kept)
    db.session.flush()
    return kept


def _keep_operations(kept: ApiDescription, rows: Iterable[dict[str, Any]]) -> None:
    batch = [{"description_id": kept.id, **row} for row in rows]
    for start in range(0, len(batch), 2_000):
        db.session.execute(insert(ApiOperation), batch[start : start + 2_000])


def _told(description: ApiDescription) -> dict[str, Any]:
    return {
        "file": description.file_name,
        "version": description.api_version,
        "operations": description.operation_count,
        "sha256": description.sha256,
    }


def _stored(text: str, most: int) -> str:
    """A stranger's text without what a database refuses, cut at a length."""
    return UNWANTED.sub("", text)[:most]


def _stored_tree(value: Any) -> Any:
    if isinstance(value, str):
        return UNWANTED.sub("", value)
    if isinstance(value, dict):
        return {UNWANTED.sub("", str(name)): _stored_tree(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_stored_tree(child) for child in value]
    return value
