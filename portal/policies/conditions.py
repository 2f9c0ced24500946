"""Conditions: typed trees over attributes, with three answers: true, false, and unknown (None).

``all`` is false if a part is false, else unknown if a part is unknown; ``any`` is true if a part is true, else unknown
if a part is unknown; ``not`` of unknown is unknown (Kleene's logic). So a fact that goes missing can turn an answer
into unknown and never from true to false or back; that is what keeps I8 whatever the tree.

A condition is always read to the end. What cannot be read becomes a ``Broken`` leaf, whose answer is unknown, and a
``Fault`` that says where and why: the editor refuses to save it, and a stored policy that went bad stays strict.
No part is skipped when a condition is answered: the trace shows each leaf.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.policies import operators
from portal.policies.attributes import REGISTRY, Attribute, Registry
from portal.policies.operators import WITHOUT_VALUE, Operator

DEEPEST, MOST_LEAVES = 8, 100
Truth = bool | None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a policy that cannot be read: where, and what is wrong with it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}."


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of an attribute with a wanted value."""

    attribute: str
    operator: Operator
    wanted: Any = None
    test: operators.Test = field(default=bool, compare=False, repr=False)

    def truth(self, values: Mapping[str, Any], seen: list[Truth]) -> Truth:
        """The answer for these facts, which is also added to what was seen."""
        found = values.get(self.attribute)
        answer = None if found is None else self.test(found)
        seen.append(answer)
        return answer

    def as_json(self) -> Any:
        """The comparison as a policy writes it."""
        written = {"attribute": self.attribute, "is": self.operator.value}
        return written if self.operator in WITHOUT_VALUE else {**written, "value": operators.as_json(self.wanted)}


@dataclass(frozen=True, slots=True)
class Broken:
    """What could not be read, as it was written (JSON). Its answer is unknown."""

    written: str
    attribute: str = ""

    def truth(self, values: Mapping[str, Any], seen: list[Truth]) -> Truth:
        """Unknown."""
        seen.append(None)
        return None

    def as_json(self) -> Any:
        """What was written."""
        return json.loads(self.written)


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when each part is; without parts, always."""

    parts: tuple[Node, ...]

    def truth(self, values: Mapping[str, Any], seen: list[Truth]) -> Truth:
        """The answer for these facts."""
        answer: Truth = True
        for part in self.parts:
            found = part.truth(values, seen)
            if found is False:
                answer = False
            elif found is None and answer:
                answer = None
        return answer

    def as_json(self) -> Any:
        """The condition as a policy writes it."""
        return {"all": [part.as_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when at least one part is."""

    parts: tuple[Node, ...]

    def truth(self, values: Mapping[str, Any], seen: list[Truth]) -> Truth:
        """The answer for these facts."""
        answer: Truth = False
        for part in self.parts:
            found = part.truth(values, seen)
            if found:
                answer = True
            elif found is None and answer is False:
                answer = None
        return answer

    def as_json(self) -> Any:
        """The condition as a policy writes it."""
        return {"any": [part.as_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false."""

    part: Node

    def truth(self, values: Mapping[str, Any], seen: list[Truth]) -> Truth:
        """The answer for these facts."""
        found = self.part.truth(values, seen)
        return None if found is None else not found

    def as_json(self) -> Any:
        """The condition as a policy writes it."""
        return {"not": self.part.as_json()}


Node = AllOf | AnyOf | Not | Leaf | Broken
ALWAYS = AllOf(())


def leaves_of(node: Node) -> Iterator[Leaf | Broken]:
    """The comparisons of a condition, in the order in which they are seen."""
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case Not(part):
            yield from leaves_of(part)
        case _:
            yield node


# --- reading ---------------------------------------------------------------------------------------------------------


def parse(raw: object, path: str, faults: list[Fault], registry: Registry = REGISTRY) -> Node:
    """The condition that JSON describes; what is wrong with it is added to ``faults``."""
    reader = _Reader(faults, registry)
    return reader.node(raw, path, depth=1)


class _Reader:
    """Reads one condition, and counts while it does."""

    def __init__(self, faults: list[Fault], registry: Registry) -> None:
        self.faults, self.registry, self.leaves = faults, registry, 0

    def node(self, raw: object, path: str, *, depth: int) -> Node:
        if depth > DEEPEST:
            return self.broken(raw, path, f"is nested deeper than {DEEPEST} levels")
        if not isinstance(raw, dict):
            return self.broken(raw, path, "must be an object with 'all', 'any', 'not' or 'attribute'")
        match raw:
            case {"all": list(parts), **rest} if not rest:
                return AllOf(self.parts(parts, f"{path}.all", depth))
            case {"any": list(parts), **rest} if parts and not rest:
                return AnyOf(self.parts(parts, f"{path}.any", depth))
            case {"not": part, **rest} if not rest:
                return Not(self.node(part, f"{path}.not", depth=depth + 1))
            case {"attribute": _}:
                return self.leaf(raw, path)
        return self.broken(raw, path, _shape_of(raw))

    def parts(self, raw: list[Any], path: str, depth: int) -> tuple[Node, ...]:
        if self.leaves + len(raw) > MOST_LEAVES:
            self.leaves = MOST_LEAVES + 1
            return (self.broken(None, path, f"has more than {MOST_LEAVES} comparisons"),)
        return tuple(self.node(part, f"{path}[{number}]", depth=depth + 1) for number, part in enumerate(raw))

    def leaf(self, raw: dict[str, Any], path: str) -> Leaf | Broken:
        self.leaves += 1
        if self.leaves > MOST_LEAVES:
            return self.broken(None, path, f"is one comparison more than {MOST_LEAVES}")
        if unknown := raw.keys() - {"attribute", "is", "value"}:
            return self.broken(raw, path, f"has an unknown field '{min(map(str, unknown))[:40]}'")
        name = raw["attribute"]
        attribute = self.registry.get(name) if isinstance(name, str) else None
        if attribute is None:
            return self.broken(raw, f"{path}.attribute", f"there is no attribute {name!r:.60}")
        possible = operators.operators_of(attribute)
        if raw.get("is") not in tuple(possible):
            words = ", ".join(possible)
            problem = f"no comparison {raw.get('is')!r:.40}; {attribute.title} has {words}"
            return self.broken(raw, f"{path}.is", problem, name)
        return self.comparison(attribute, Operator(raw["is"]), raw, path)

    def comparison(self, attribute: Attribute, operator: Operator, raw: dict[str, Any], path: str) -> Leaf | Broken:
        if operator in WITHOUT_VALUE:
            if "value" in raw:
                return self.broken(raw, f"{path}.value", f"'{operator}' takes no value", attribute.name)
            return Leaf(attribute.name, operator, None, operators.make_test(attribute, operator, None))
        if "value" not in raw:
            return self.broken(raw, f"{path}.value", f"'{operator}' needs a value", attribute.name)
        try:
            wanted = operators.read_wanted(attribute, operator, raw["value"])
        except ValueError as problem:
            return self.broken(raw, f"{path}.value", str(problem), attribute.name)
        return Leaf(attribute.name, operator, wanted, operators.make_test(attribute, operator, wanted))

    def broken(self, raw: object, path: str, problem: str, attribute: str = "") -> Broken:
        self.faults.append(Fault(path, problem))
        try:
            written = json.dumps(raw, sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            written = "null"
        return Broken(written if len(written) <= 2_000 else "null", attribute)


def _shape_of(raw: dict[str, Any]) -> str:
    """What is wrong with an object that is no condition."""
    known = [word for word in ("all", "any", "not", "attribute") if word in raw]
    if not known:
        return "must have one of 'all', 'any', 'not' or 'attribute'"
    if len(raw) > 1:
        return f"has '{known[0]}' and something else beside it"
    if raw == {"any": []}:
        return "'any' needs at least one part, for without one it is never true"
    return f"'{known[0]}' must be a list of conditions"
