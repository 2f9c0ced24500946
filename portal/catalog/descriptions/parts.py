"""Small careful readers: what should be a text, a list or a mapping, and often is not."""

from __future__ import annotations

from typing import Any

from portal.catalog.descriptions.loading import kind_of
from portal.catalog.descriptions.model import Faults, Refused, Severity, Tree, place_of

TEXT_LENGTH = 100_000


def text_of(value: Tree, place: str, faults: Faults) -> str:
    """The text. A number or a boolean is taken as text with a fault, anything else is left out with one."""
    if isinstance(value, str):
        return value.strip()[:TEXT_LENGTH]
    if value is None:
        return ""
    if isinstance(value, (bool, int, float)):
        faults.add(place, f"A text is expected here, not {kind_of(value)}.")
        return str(value).lower() if isinstance(value, bool) else str(value)
    faults.add(place, f"A text is expected here, not {kind_of(value)}.", Severity.ERROR)
    return ""


def text_in(parent: dict[str, Any], name: str, place: str, faults: Faults) -> str:
    """The text under a name, or an empty one."""
    return text_of(parent.get(name), place_of(place, name), faults) if name in parent else ""


def line_in(parent: dict[str, Any], name: str, place: str, faults: Faults) -> str:
    """The text under a name, on one line."""
    return " ".join(text_in(parent, name, place, faults).split())


def list_in(parent: dict[str, Any], name: str, place: str, faults: Faults) -> list[Tree]:
    """The list under a name, or an empty one."""
    value = parent.get(name)
    if isinstance(value, list):
        return value
    if value is not None:
        faults.add(place_of(place, name), f"A list is expected here, not {kind_of(value)}.", Severity.ERROR)
    return []


def mapping_in(parent: dict[str, Any], name: str, place: str, faults: Faults) -> dict[str, Any]:
    """The mapping under a name, or an empty one."""
    value = parent.get(name)
    if isinstance(value, dict):
        return value
    if value is not None:
        faults.add(place_of(place, name), f"A mapping is expected here, not {kind_of(value)}.", Severity.ERROR)
    return {}


def texts_in(parent: dict[str, Any], name: str, place: str, faults: Faults) -> tuple[str, ...]:
    """The texts in the list under a name, without the empty ones."""
    values = list_in(parent, name, place, faults)
    texts = [text_of(value, place_of(place, name, index), faults) for index, value in enumerate(values)]
    return tuple(dict.fromkeys(filter(None, texts)))


def refuse_unless(wanted: type[dict[str, Any] | str], parent: dict[str, Any], name: str, place: str = "") -> None:
    """Refuse a file in which something that everything else hangs on is of another kind altogether."""
    value = parent.get(name)
    if name in parent and not isinstance(value, wanted):
        kind = "a text" if wanted is str else "a mapping"
        raise Refused(f"{place_of(place, name)}: {kind} is expected here, not {kind_of(value)}.")
