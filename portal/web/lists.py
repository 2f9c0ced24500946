"""Lists that are read page by page: what their URL asks for, and whether there is more."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TypeVar

from flask import abort, request

from portal.web.converters import key_of

LONGEST_SEARCH = 200
T = TypeVar("T")


def searched(name: str = "q") -> str:
    """What the reader looks for, without the blanks around it and not longer than anybody types."""
    return request.args.get(name, "").strip()[:LONGEST_SEARCH]


def key_in_url(name: str) -> int | None:
    """The key after or before which the page begins; None for anything that no key can be: then it is the first."""
    return key_of(request.args.get(name, ""))


def name_and_key_in_url(name: str) -> tuple[str, int] | None:
    """The same for a list that is sorted by name: the last name is ``name`` with ``_name`` behind it."""
    key = key_in_url(name)
    return None if key is None else (request.args.get(f"{name}_name", "")[:LONGEST_SEARCH], key)


def chosen(name: str, among: Container[str], *, default: str = "") -> str:
    """Which of these the reader chose, as a filter; not found when it is none of them."""
    wanted = request.args.get(name, default)
    if wanted != default and wanted not in among:
        abort(404)
    return wanted


def page_of(rows: Iterable[T], size: int) -> tuple[list[T], bool]:
    """The rows of one page, and whether there are more: a list asks for one row more than it shows."""
    asked = list(rows)
    return asked[:size], len(asked) > size
