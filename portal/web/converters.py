"""What may stand in a path: keys that the database can hold, slugs, request numbers. Everything else is 404."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError

MOST = 2**63 - 1


class KeyConverter(BaseConverter):
    """A positive key as it is written: no sign, no leading zero, plain digits, not beyond 64 bits."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The key; not a match when it is larger than any key can be."""
        if not value.isascii() or int(value) > MOST:
            raise ValidationError
        return int(value)


class SlugConverter(BaseConverter):
    """A name in a URL: lower-case letters, digits and hyphens."""

    regex = "[a-z0-9](?:[a-z0-9-]{0,118}[a-z0-9])?"


class NumberConverter(BaseConverter):
    """A public request number such as AR-2026-000123."""

    regex = "AR-[0-9]{4}-[0-9]{6,18}"


def key_of(text: str) -> int | None:
    """The key that a form or query argument names; None for anything that no key can be."""
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 19) or plain.startswith("0"):
        return None
    return int(plain) if int(plain) <= MOST else None


def register_converters(app: Flask) -> None:
    """Make ``<key:…>``, ``<slug:…>`` and ``<number:…>`` known to the routes.

    A slash too many or too few is answered at once: Werkzeug's redirects repeat whatever Host the request named (E4).
    """
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    app.url_map.converters.update(key=KeyConverter, slug=SlugConverter, number=NumberConverter)
