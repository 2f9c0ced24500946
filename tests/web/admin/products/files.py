"""API descriptions to upload, and products as they are stored."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from portal import catalog
from portal.catalog import ApiProduct
from portal.db import db
from tests.support.browser import Browser

SAMPLES = Path(__file__).parents[3] / "unit" / "catalog" / "samples"
WEATHER = (SAMPLES / "weather-3.0.yaml").read_bytes()
ORDERS = (SAMPLES / "orders-2.0.yaml").read_bytes()


def stored(product: ApiProduct) -> ApiProduct:
    db.session.expire_all()
    found = catalog.find_product(product.id)
    assert found is not None
    return found


def file(content: bytes, name: str = "weather.yaml") -> tuple[BytesIO, str]:
    return BytesIO(content), name


def upload(browser: Browser, product: ApiProduct, content: bytes, name: str = "weather.yaml", **fields: str):
    page = browser.get(f"/admin/products/{product.id}/descriptions")
    return page.press("Upload", htmx=False, File=file(content, name), **fields)
