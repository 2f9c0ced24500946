"""The description of Portico's own API: kept by hand in openapi.yaml, served as JSON, drawn as a page.

It is read when somebody first asks for it, so a process that nobody asks starts no later for it. The tests hold it to
the routes and to real answers.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask import current_app

from portal import __version__
from portal.catalog import ReadDescription, read_description

FILE = Path(__file__).with_name("openapi.yaml")


@dataclass(frozen=True)
class OwnApi:
    """The description in its final bytes, and as pages draw it."""

    body: bytes
    etag: str
    read: ReadDescription


def own_api() -> OwnApi:
    """The description of this installation's API, with its own address."""
    return _described(current_app.config["PORTICO"].base_url)


@lru_cache(maxsize=4)
def _described(base_url: str) -> OwnApi:
    import yaml

    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    document["servers"] = [{"url": base_url}]
    document["info"]["version"] = __version__
    body = json.dumps(document).encode()
    return OwnApi(body, hashlib.sha256(body).hexdigest()[:32], read_description(body))
