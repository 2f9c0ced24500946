"""The strict validator's opinion of a description, in words and within bounds. Not for web requests."""

from __future__ import annotations

from typing import Any

from jsonschema.exceptions import best_match

from portal.catalog.descriptions.bounded_openapi import VALIDATORS, NotChecked
from portal.catalog.descriptions.budget import Exhausted, budget
from portal.catalog.descriptions.model import Description, Fault, Faults, Severity, Tree, place_of, shorten

TEXT_LENGTH = 1_000


class ShownMapping(dict[str, Any]):
    """A mapping that shows itself in few words: the library writes values into its messages, however large they are."""

    def __repr__(self) -> str:
        return "{" + ", ".join(shorten(name, 20) for name in list(self)[:3]) + (", …" if len(self) > 3 else "") + "}"


class ShownList(list[Any]):
    """A list that shows itself in few words."""

    def __repr__(self) -> str:
        return f"[{len(self)} entries]"


def check_strictly(description: Description) -> list[Fault]:
    """Every fault that the validator finds, until there are too many or the work is too much."""
    limits = description.limits
    faults = Faults(limits.faults)
    try:
        with budget(limits.check_steps, limits.check_seconds):
            collect(description, faults)
    except Exhausted:
        faults.add("", "The description is too large or too tangled to be checked to the end.", Severity.NOTE)
    except RecursionError:
        faults.add("", "The description is nested too deeply to be checked to the end.", Severity.NOTE)
    except Exception:  # noqa: BLE001 - whatever a stranger's document makes the library raise
        faults.add("", "The rest of the description could not be checked.", Severity.NOTE)
    return list(faults.listed())


def collect(description: Description, faults: Faults) -> None:
    """Take the errors one by one."""
    validator = VALIDATORS[description.version[:3]](shown(description.document, {}))
    outward = set(description.external_references)
    for error in validator.iter_errors():
        place, message = place_and_message(error)
        known = any(message.startswith(f"The reference {reference} ") for reference in outward) if outward else False
        if isinstance(error, NotChecked) and known:
            faults.add(place, "Refers outside this file, so it was not checked.", Severity.NOTE)
        else:
            faults.add(place, message, Severity.WARNING if isinstance(error, NotChecked) else Severity.ERROR)
        if faults.full:
            return


def place_and_message(error: Any) -> tuple[str, str]:
    """Where and what, as closely as the validator can tell."""
    if isinstance(error, NotChecked):
        return place_of(*error.place), error.message
    closest = best_match([error]) or error
    place = place_of(*getattr(error, "place", ()), *closest.absolute_path)
    return place, sentence(str(closest.message))


def sentence(message: str) -> str:
    """The library's message with a full stop, without what nobody reads."""
    return shorten(message, 300).rstrip(".") + "."


def shown(tree: Tree, known: dict[int, Tree]) -> Tree:
    """A copy for the validator, with short texts and values that show themselves in few words. What is shared stays so."""
    if isinstance(tree, str):
        return tree if len(tree) <= TEXT_LENGTH else tree[:TEXT_LENGTH]
    if not isinstance(tree, (dict, list)):
        return tree
    if id(tree) not in known:
        if isinstance(tree, dict):
            known[id(tree)] = ShownMapping((name, shown(value, known)) for name, value in tree.items())
        else:
            known[id(tree)] = ShownList(shown(value, known) for value in tree)
    return known[id(tree)]
