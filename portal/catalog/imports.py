"""Making products from API descriptions, one file at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from portal.accounts import User
from portal.catalog.descriptions import Description
from portal.catalog.documents import ReadDescription, attach_description, clean_file_name, descriptions_of
from portal.catalog.editing import DESCRIPTION_LENGTH, change_product, create_product
from portal.catalog.fields import LINE_UNWANTED, SCOPE, UNWANTED, is_web_address
from portal.catalog.markdown import summary_of
from portal.catalog.models import ApiDescription, ApiProduct, AuthMethod, Catalogue, ProductState
from portal.db import db

SUMMARY = 200
TAGS = 5


@dataclass(frozen=True)
class ImportOutcome:
    """What came of a file: a product made, or one that took the newer description, or nothing new."""

    product: ApiProduct
    description: ApiDescription
    made: bool
    unchanged: bool = False

    @property
    def fault_count(self) -> int:
        """How many faults the description has."""
        return len(self.description.faults)


def import_description(
    given: ReadDescription,
    file_name: str,
    *,
    by: User | None,
    catalogue: Catalogue | None = None,
    state: ProductState = ProductState.PUBLISHED,
) -> ImportOutcome:
    """A product for what ``read_description`` has read; part of one transaction.

    The same bytes again change nothing. A product whose description has the same title, and the same file name or
    address, takes the newer description and keeps what people have written about it. All others become new products.
    """
    known = db.session.scalar(select(ApiDescription).where(ApiDescription.sha256 == given.sha256).limit(1))
    if known is not None:
        return ImportOutcome(known.product, known, made=False, unchanged=True)
    name = clean_file_name(file_name)
    product = _find_earlier(given.description, name)
    made = product is None
    if product is None:
        product = create_product({**product_values(given.description, name), "state": state}, by=by)
        if catalogue is not None:
            change_product(product, {"catalogues": [catalogue]}, by=by)
    kept = attach_description(product, given, name, by=by)
    return ImportOutcome(product, kept, made)


def product_values(description: Description, file_name: str) -> dict[str, Any]:
    """What an API description says about its product, within the bounds of a product's fields."""
    words = _text(description.description, DESCRIPTION_LENGTH)
    return {
        "name": _line(description.title, 200) or PurePosixPath(file_name).stem[:200],
        "summary": _line(description.summary, SUMMARY) or _line(summary_of(words, SUMMARY), 300),
        "description": words,
        "tags": _tags(description.tags),
        "auth_method": auth_method_of(description),
        "base_url": next((url for url in description.servers if len(url) <= 500 and is_web_address(url)), ""),
        "scopes": _scopes(description.scopes),
    }


def auth_method_of(description: Description) -> AuthMethod:
    """The method that the description asks for; OAuth 2.0 where it says nothing."""
    kinds = {scheme.type for scheme in description.security_schemes}
    if not kinds or kinds & {"oauth2", "openIdConnect", "http bearer"}:
        return AuthMethod.OAUTH2
    if "apiKey" in kinds:
        return AuthMethod.API_KEY
    return AuthMethod.BASIC if kinds & {"basic", "http basic"} else AuthMethod.CUSTOM


def _find_earlier(description: Description, file_name: str) -> ApiProduct | None:
    """The product that an earlier edition of this description stands for."""
    title = UNWANTED.sub("", description.title)[:300]
    if not title:
        return None
    name = _line(description.title, 200)
    for product in db.session.scalars(
        select(ApiProduct).where(ApiProduct.sort_name == name.casefold()[:200]).limit(20)
    ):
        for old in descriptions_of(product):
            same_place = bool(_hosts(old.servers) & _hosts(description.servers))
            if old.title == title and (old.file_name == file_name or same_place):
                return product
    return None


def _hosts(servers: Iterable[str]) -> set[str]:
    return {urlsplit(server).netloc for server in servers}


def _line(text: str, most: int) -> str:
    words = " ".join(LINE_UNWANTED.sub(" ", text).split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def _text(text: str, most: int) -> str:
    return UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()[:most]


def _tags(tags: Iterable[str]) -> list[str]:
    lines = [_line(tag, 41) for tag in tags]
    return list({line.casefold(): line for line in lines if 0 < len(line) <= 40}.values())[:TAGS]


def _scopes(scopes: Mapping[str, str]) -> list[dict[str, str]]:
    named = {name.strip(): words for name, words in scopes.items()}
    fit = [(name, words) for name, words in named.items() if SCOPE.fullmatch(name) and len(name) <= 100]
    return [{"name": name, "description": _text(words, 1_000)} for name, words in fit[:500]]
