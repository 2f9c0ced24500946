"""Small API descriptions for the tests."""

from __future__ import annotations

import json
from typing import Any

from portal import catalog
from portal.catalog import ApiDescription, ApiProduct
from portal.db import transaction


def openapi(title: str = "Weather", *, count: int = 2, tags: int = 1, version: str = "1.0", **more: Any) -> bytes:
    """An OpenAPI document with this many operations in this many groups."""
    paths: dict[str, Any] = {}
    for number in range(count):
        paths[f"/things/{number}/{{thing_id}}"] = {
            "get": {
                "tags": [f"Group {number % tags + 1}"],
                "summary": f"Read thing {number}",
                "operationId": f"readThing{number}",
                "parameters": [
                    {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "The thing."}},
            }
        }
    document = {"openapi": "3.0.3", "info": {"title": title, "version": version}, "paths": paths, **more}
    return json.dumps(document).encode()


def attach(product: ApiProduct, raw: bytes, file_name: str = "openapi.json") -> ApiDescription:
    """Give the product this description."""
    given = catalog.read_description(raw)
    with transaction():
        return catalog.attach_description(product, given, file_name, by=None)
