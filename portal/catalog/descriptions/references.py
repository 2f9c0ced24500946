"""References inside the file are followed, a bounded number of steps; references to elsewhere are only listed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from portal.catalog.descriptions.model import Faults, Limits, Severity, Tree, shorten

MISSING: Any = object()
OUTWARD = ("$ref", "externalValue", "operationRef", "$dynamicRef")
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


@dataclass(frozen=True, slots=True)
class Lost:
    """A reference that leads to nothing, and why."""

    reference: str
    why: str
    outside: bool = False


class References:
    """Finds what the references of one document stand for."""

    def __init__(self, document: dict[str, Any], limits: Limits, faults: Faults) -> None:
        self._document = document
        self._limits = limits
        self._faults = faults
        self._found: dict[str, Tree | Lost] = {}

    def silent(self) -> References:
        """The same, for looking where a fault has been or will be noted by somebody else."""
        other = References(self._document, self._limits, Faults(0))
        other._found = self._found
        return other

    def follow(self, value: Tree, place: str) -> dict[str, Any] | None:
        """The mapping that stands here or that the reference here leads to. ``None``, and a fault, if there is none."""
        if isinstance(value, dict) and "$ref" in value:
            value = self._target(value, place)
            if value is MISSING:
                return None
        if isinstance(value, dict):
            return value
        self._faults.add(place, "A mapping is expected here.", Severity.ERROR)
        return None

    def _target(self, value: dict[str, Any], place: str) -> Tree:
        reference = value["$ref"]
        if not isinstance(reference, str):
            self._faults.add(place, "“$ref” is not a text.", Severity.ERROR)
            return MISSING
        if reference not in self._found:
            self._found[reference] = self._walk(value)
        found = self._found[reference]
        if isinstance(found, Lost):
            severity = Severity.NOTE if found.outside else Severity.ERROR
            self._faults.add(place, f"The reference {shorten(found.reference, 120)} {found.why}.", severity)
            return MISSING
        return found

    def _walk(self, value: Tree) -> Tree | Lost:
        """Go from reference to reference until something else stands there."""
        passed: set[str] = set()
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            if reference in passed:
                return Lost(reference, "leads back to itself")
            passed.add(reference)
            if len(passed) > self._limits.hops:
                return Lost(reference, f"goes on over more than {self._limits.hops} references")
            if not reference.startswith("#"):
                return Lost(reference, "points outside this file and was not fetched", outside=True)
            value = at_pointer(self._document, reference[1:])
            if value is MISSING:
                return Lost(reference, "points to something that is not in the file")
        return value


def at_pointer(document: Tree, pointer: str) -> Tree:
    """What stands at a JSON pointer (RFC 6901), or ``MISSING``."""
    if pointer and not pointer.startswith("/"):
        return MISSING
    value = document
    for step in pointer.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and len(name) < 9 and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def name_of(reference: str) -> str:
    """The last step of a reference, by which people know what it stands for."""
    return unquote(reference.rsplit("/", 1)[-1]).replace("~1", "/").replace("~0", "~")


def is_outward(name: str, value: Tree) -> bool:
    """Whether this pair asks a reader to look outside the file."""
    return name in OUTWARD and isinstance(value, str) and not value.startswith("#")


def outward_references(document: Tree, limit: int) -> tuple[str, ...]:
    """Everything that the document refers to elsewhere, each once, in order; none of it is ever fetched."""
    found: dict[str, None] = {}
    waiting: list[Tree] = [document]
    while waiting and len(found) < limit:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(child for child in reversed(value) if isinstance(child, (dict, list)))
            continue
        for name in OUTWARD:
            if name in value and is_outward(name, value[name]):
                found.setdefault(shorten(value[name], 300))
        waiting.extend(child for child in reversed(value.values()) if isinstance(child, (dict, list)))
    return tuple(found)
