"""The document as the browser's viewer gets it.

The viewer would fetch references to elsewhere by itself, with the reader's cookies, and turn addresses into links. So
what points outside is replaced by a sentence, and addresses that are no web addresses are left out.
"""

from __future__ import annotations

import json
import re
from typing import Any

from portal.catalog.descriptions.model import Tree, shorten
from portal.catalog.descriptions.references import is_outward

IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
HARMLESS = ("http", "https", "mailto", "ws", "wss")
ADDRESSES = frozenset(("url", "termsOfService", "authorizationUrl", "tokenUrl", "refreshUrl", "openIdConnectUrl"))


def viewer_json(document: dict[str, Any]) -> bytes:
    """The document in JSON, safe to hand to a viewer."""
    return json.dumps(inert(document), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )


def inert(value: Tree) -> Tree:
    """The value without anything that a browser would follow by itself."""
    if isinstance(value, list):
        return [inert(child) if isinstance(child, (dict, list)) else child for child in value]
    if not isinstance(value, dict):
        return value
    if is_outward("$ref", value.get("$ref")):
        return stand_in(value["$ref"])
    return {
        name: inert(child) if isinstance(child, (dict, list)) else child
        for name, child in value.items()
        if not (is_outward(name, child) or (name in ADDRESSES and is_dangerous(child)))
    }


def stand_in(reference: str) -> dict[str, Any]:
    """What is shown in the place of something that stands outside the file."""
    return {"description": f"Defined outside this file, in {shorten(reference, 300)}, and not shown here."}


def is_dangerous(address: Tree) -> bool:
    """Whether an address is of a kind that does something other than open a page."""
    if not isinstance(address, str):
        return False
    scheme = SCHEME.match(IGNORED.sub("", address))
    return (
        scheme is not None
        and scheme[1].lower() not in HARMLESS
        and "{" not in address.split(":", 1)[0]
        and not is_port(address)
    )


def is_port(address: str) -> bool:
    """Whether what looks like a scheme is a host with a port: ``localhost:8080/v1``."""
    return re.match(r"[a-zA-Z0-9.-]+:\d+(?:/|$)", address) is not None
