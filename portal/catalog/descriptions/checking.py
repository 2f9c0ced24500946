"""The strict validator's opinion of a description, in words and within bounds. Not for web requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from portal.catalog.descriptions.bounded_openapi import VALIDATORS, NotChecked
from portal.catalog.descriptions.budget import Exhausted, budget
from portal.catalog.descriptions.model import Description, Fault, Faults, Severity, Tree, place_of, shorten

TEXT_LENGTH = 1_000
RULE_WRITTEN_OUT = re.compile(
    r" (?:should not be valid under|is valid under each of|is not valid under any of) .*", re.DOTALL
)


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
    outside = 0
    for error in errors_of(validator):
        if isinstance(error, NotChecked) and error.outside:
            outside += 1
            continue
        place, message = place_and_message(error)
        faults.add(place, message, Severity.WARNING if isinstance(error, NotChecked) else Severity.ERROR)
        if faults.full:
            return
    if outside:
        faults.add("", "What the references outside this file stand for was not checked.", Severity.NOTE)


def errors_of(validator: Any) -> Iterator[Any]:
    """All errors. The library's own ``iter_errors`` would keep every document it has seen in memory."""
    yield from validator.schema_validator.iter_errors(validator.schema)
    yield from validator.root_validator(validator.schema_path)


def place_and_message(error: Any) -> tuple[str, str]:
    """Where and what, as closely as the validator can tell."""
    if isinstance(error, NotChecked):
        return place_of(*error.place), error.message
    closest = closest_cause(error)
    place = place_of(*getattr(error, "place", ()), *closest.absolute_path)
    return place, sentence(str(closest.message))


def closest_cause(error: Any) -> Any:
    """Of the reasons why none of several forms fits, the one deepest inside: there the makers had this form in mind."""
    while error.context:
        depth = max(len(cause.path) for cause in error.context)
        deepest = [cause for cause in error.context if len(cause.path) == depth]
        if depth == 0 and len(deepest) > 1:
            return error
        error = deepest[0]
    return error


def sentence(message: str) -> str:
    """The library's message with a full stop, without the rules of the specification written out."""
    message = RULE_WRITTEN_OUT.sub(" has not the shape that is asked for here", message)
    return shorten(message, 300).rstrip(".") + "."


def shown(tree: Tree, known: dict[int, Tree]) -> Tree:
    """A copy for the validator: short texts, values that show themselves in few words. What is shared stays shared."""
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
