"""From JSON text to a tree, bounded before anything large is built."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from portal.catalog.descriptions.model import Faults, Limits, Refused, Severity, Tree, shorten
from portal.catalog.descriptions.text import clean

STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
DOUBTFUL_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")


def load_json(text: str, limits: Limits, faults: Faults) -> Tree:
    """The tree. Raises ValueError where the text is not JSON, Refused where it is too much."""
    refuse_too_many(text, limits)
    reader = Reader(limits, faults)
    try:
        tree = json.loads(
            text,
            object_pairs_hook=reader.mapping,
            parse_int=reader.integer,
            parse_float=reader.decimal,
            parse_constant=reader.constant,
        )
    except RecursionError:
        raise too_deep(limits) from None
    refuse_too_deep(tree, limits)
    return cleaned(tree) if DOUBTFUL_ESCAPE.search(text) else tree


def too_deep(limits: Limits) -> Refused:
    """The refusal of a document whose values stand inside each other without end."""
    return Refused(f"The file is nested too deeply: more than {limits.depth} values inside each other.")


def refuse_too_many(text: str, limits: Limits) -> None:
    """Count commas and brackets, first everywhere, and only where that looks like too many, outside of texts."""
    if separators(text) > limits.nodes and separators(STRING.sub("", text)) > limits.nodes:
        raise Refused(f"The file holds more than {limits.nodes:,} values.")


def separators(text: str) -> int:
    """How many values there can be at most."""
    return text.count(",") + text.count("[") + text.count("{")


def refuse_too_deep(tree: Tree, limits: Limits) -> None:
    """Go down level by level, so that no depth can hurt."""
    level = [tree]
    for _ in range(limits.depth + 1):
        level = [child for value in level for child in containers_in(value)]
        if not level:
            return
    raise too_deep(limits)


def containers_in(value: Tree) -> list[Tree]:
    """The mappings and lists directly inside a value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in inside if isinstance(child, (dict, list))]


class Reader:
    """Takes what JSON leaves open: names given twice, numbers of any length, numbers that are none."""

    def __init__(self, limits: Limits, faults: Faults) -> None:
        self._digits = limits.digits
        self._faults = faults

    def mapping(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """A mapping; of a name that stands in it twice, the last one holds."""
        tree = dict(pairs)
        if len(tree) != len(pairs):
            self._note_twice([name for name, _ in pairs])
        return tree

    def _note_twice(self, names: list[str]) -> None:
        seen: set[str] = set()
        for name in names:
            if name in seen:
                self._faults.add(
                    shorten(clean(name), 100), "This name stands twice in the same place; the last one holds."
                )
            seen.add(name)

    def integer(self, digits: str) -> int | str:
        """A whole number; one of hundreds of digits stays text."""
        return int(digits) if len(digits) <= self._digits else self._as_text(digits)

    def decimal(self, digits: str) -> float | str:
        """A number; one too large to be a number here stays text."""
        number = float(digits) if len(digits) <= self._digits else math.inf
        return number if math.isfinite(number) else self._as_text(digits)

    def constant(self, word: str) -> str:
        """NaN and Infinity, which JSON does not know, stay text."""
        return self._as_text(word)

    def _as_text(self, digits: str) -> str:
        self._faults.add(
            shorten(digits, 40), "This number cannot be kept as a number; it is kept as text.", Severity.NOTE
        )
        return digits


def cleaned(tree: Tree) -> Tree:
    """The tree with all texts and names cleaned."""
    if isinstance(tree, str):
        return clean(tree)
    if isinstance(tree, dict):
        return {clean(name): cleaned(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [cleaned(value) for value in tree]
    return tree
