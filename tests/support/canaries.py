"""Secrets that are planted in a story and looked for everywhere afterwards, also in disguise (I13)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import text

from portal.db import db
from tests.support.browser import Browser

SHORTEST = 20


class Canaries:
    """The planted secrets by name, and the look for them."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def plant(self, name: str, secret: str) -> str:
        """Remember this secret; gives it back."""
        assert len(secret) >= SHORTEST, f"{name} is too short to be told from anything else"
        self.planted[name] = secret
        return secret

    def seen_in(self, content: str | bytes, *, but: str = "") -> set[str]:
        """The names of the secrets that stand in this content, in whatever disguise."""
        words = content.decode("latin-1") if isinstance(content, bytes) else content
        return {
            name
            for name, secret in self.planted.items()
            if name != but and any(disguise in words for disguise in disguises(secret))
        }


def disguises(secret: str) -> set[str]:
    """The secret as it is, without its prefix, reversed, and in the codes that texts come in."""
    raw = secret.encode()
    bare = secret.rpartition(".")[2] if "." in secret else secret.partition("_")[2]
    return {
        secret,
        bare,
        secret[::-1],
        secret.swapcase(),
        raw.hex(),
        raw.hex().upper(),
        base64.b64encode(raw).decode().rstrip("="),
        *(base64.b64encode(b" " * shift + raw).decode()[4:-4] for shift in (1, 2)),  # in the midst of other words
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        base64.b32encode(raw).decode().rstrip("="),
        "".join(f"%{byte:02X}" for byte in raw),
        secret.encode("utf-16-le").decode("latin-1"),
    }


def stored_texts() -> Iterator[tuple[str, str]]:
    """Every row of every table, as text, with the table's name."""
    for table in db.metadata.tables:
        for row in db.session.execute(text(f'select * from "{table}"')):
            yield table, " ".join(str(value) for value in row)


def database_files() -> Iterator[Path]:
    """The files of the database, if it is one on this machine."""
    if db.engine.dialect.name == "sqlite" and db.engine.url.database:
        yield from (Path(f"{db.engine.url.database}{end}") for end in ("", "-wal"))


def every_page(app: Flask, person: Browser, keys: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each address that can be read and is made of these keys alone, with what it shows this person."""
    routes = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()) or not rule.arguments <= set(keys):
            continue
        address = routes.build(rule.endpoint, {name: keys[name] for name in rule.arguments})
        answer = person._send("GET", address)
        yield address, answer.get_data(as_text=True) + str(answer.headers)
