"""Descriptions for tests: our own samples, and small documents made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portal.catalog import descriptions

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def document(**parts: Any) -> dict[str, Any]:
    """A small valid document; parts replace or add top-level entries."""
    info = {"title": "Things", "version": "1"}
    return {"openapi": "3.0.3", "info": info, "paths": {}, **parts}


def as_json(**parts: Any) -> bytes:
    return json.dumps(document(**parts)).encode()


def reading(**parts: Any) -> descriptions.Description:
    return descriptions.read(as_json(**parts))


def operation(**parts: Any) -> dict[str, Any]:
    return {"responses": {"200": {"description": "Fine"}}, **parts}


def yaml_with(text: str) -> bytes:
    return ('openapi: 3.0.3\ninfo: {title: Things, version: "1"}\npaths: {}\n' + text).encode()


def words_of(faults: Any) -> str:
    return "\n".join(str(fault) for fault in faults)
