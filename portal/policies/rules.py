"""Policies: rules in JSON, read once and kept ready for deciding.

``{"rules": [{"key", "because", "when", "then": {"outcome", "stages"}}, …], "order": [["owner"], ["security", …], …]}``

The order says which stages come first; stages that share a place are open side by side.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from portal.policies.attributes import REGISTRY, Registry
from portal.policies.conditions import ALWAYS, Broken, Fault, Leaf, Node, leaves_of, parse
from portal.policies.stages import KEY

MOST_RULES, MOST_STAGES, LONGEST_BECAUSE, LARGEST_TEXT = 300, 20, 500, 400_000


class Outcome(StrEnum):
    """What a rule leads to, and what a whole policy comes to."""

    AUTO = "auto"
    STAGES = "stages"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Rule:
    """When something holds, what follows, and why, in a sentence that the requester will read."""

    key: str
    because: str
    when: Node
    outcome: Outcome
    stages: tuple[str, ...] = ()
    leaves: tuple[Leaf | Broken, ...] = field(default=(), compare=False, repr=False)

    @property
    def reads(self) -> frozenset[str]:
        """The attributes on which the rule depends."""
        return frozenset(leaf.attribute for leaf in self.leaves if leaf.attribute)

    def matches(self, truth: bool | None) -> bool:
        """Whether the rule counts when its condition has this answer: unknown is enough to be stricter (I8)."""
        return truth is True if self.outcome is Outcome.AUTO else truth is not False

    def as_json(self) -> dict[str, Any]:
        """The rule as a policy writes it."""
        then: dict[str, Any] = {"outcome": self.outcome.value}
        if self.outcome is Outcome.STAGES:
            then["stages"] = list(self.stages)
        return {"key": self.key, "because": self.because, "when": self.when.as_json(), "then": then}


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in their order, and the order of stages; ``faults`` is what could not be read."""

    rules: tuple[Rule, ...] = ()
    order: tuple[tuple[str, ...], ...] = ()
    faults: tuple[Fault, ...] = field(default=(), compare=False)
    places: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_json(cls, raw: object, registry: Registry = REGISTRY) -> Policy:
        """The policy that JSON describes. Never fails: look at ``faults``, which has where and why."""
        return _Reading(registry).policy(raw)

    @classmethod
    def from_text(cls, text: str, registry: Registry = REGISTRY) -> Policy:
        """The policy of a JSON text that somebody typed or sent."""
        if len(text) > LARGEST_TEXT:
            return _unreadable(f"is longer than {LARGEST_TEXT} characters")
        try:
            return cls.from_json(json.loads(text), registry)
        except (ValueError, RecursionError) as problem:
            return _unreadable(f"is not JSON that can be read ({str(problem)[:80]})")

    def as_json(self) -> dict[str, Any]:
        """The policy as it is written and stored."""
        return {"rules": [rule.as_json() for rule in self.rules], "order": [list(step) for step in self.order]}

    @property
    def stage_keys(self) -> frozenset[str]:
        """The stages that any rule may ask for."""
        return frozenset(key for rule in self.rules for key in rule.stages)


NO_RULES = Policy()


def content_hash(rules_json: object) -> str:
    """A name for exactly this text of a policy."""
    written = json.dumps(rules_json, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


_ready: OrderedDict[str, Policy] = OrderedDict()
MOST_READY = 256


def ready_policy(key: str, rules: Callable[[], object]) -> Policy:
    """The policy of a stored version, whose JSON ``rules`` fetches; fetched and read once in a process.

    The key is its content hash: the same means the same.
    """
    policy = _ready.get(key)
    if policy is None:
        policy = _ready[key] = Policy.from_json(rules())
        if len(_ready) > MOST_READY:
            _ready.popitem(last=False)
    return policy


def forget_policies() -> None:
    """Read stored policies anew: their rules can name other attributes now."""
    _ready.clear()


# --- reading ---------------------------------------------------------------------------------------------------------


def _unreadable(problem: str) -> Policy:
    """What a policy is that cannot be read at all: it lets nothing through."""
    denial = Rule("unreadable", "The approval policy cannot be read.", ALWAYS, Outcome.DENY)
    return Policy((denial,), (), (Fault("policy", problem),))


class _Reading:
    """Reads a policy and collects its faults."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.faults: list[Fault] = []

    def policy(self, raw: object) -> Policy:
        if not isinstance(raw, dict):
            return _unreadable("must be an object with 'rules' and 'order'")
        rules, order = raw.get("rules", []), raw.get("order", [])
        if not isinstance(rules, list) or len(rules) > MOST_RULES:
            return _unreadable(f"'rules' must be a list of at most {MOST_RULES} rules")
        for name in sorted(map(str, raw.keys() - {"rules", "order"})):
            self.fault("policy", f"has an unknown field '{name[:40]}'")
        read = tuple(self.rule(rule, number) for number, rule in enumerate(rules))
        steps = self.order(order)
        places = {key: place for place, step in enumerate(steps, start=1) for key in step}
        return Policy(read, steps, tuple(self.faults), places)

    def rule(self, raw: object, number: int) -> Rule:
        path = f"rules[{number}]"
        if not isinstance(raw, dict):
            self.fault(path, "must be an object with 'key', 'because', 'when' and 'then'")
            raw = {}
        key, because = raw.get("key"), raw.get("because")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            self.fault(f"{path}.key", "must be a short name of small letters, digits, - and _")
            key = f"rule-{number + 1}"
        if not isinstance(because, str) or not because.strip() or len(because) > LONGEST_BECAUSE:
            self.fault(f"{path}.because", f"must be a sentence that says why, of at most {LONGEST_BECAUSE} characters")
            because = "A rule of the approval policy asks for it."
        for name in sorted(map(str, raw.keys() - {"key", "because", "when", "then"})):
            self.fault(path, f"has an unknown field '{name[:40]}'")
        outcome, stages = self.then(raw.get("then"), f"{path}.then")
        when = parse(raw.get("when"), f"{path}.when", self.faults, self.registry)
        return Rule(key, because.strip(), when, outcome, stages, tuple(leaves_of(when)))

    def then(self, raw: object, path: str) -> tuple[Outcome, tuple[str, ...]]:
        """What follows. What cannot be read denies: it is the strictest that can have been meant."""
        match raw:
            case {"outcome": ("auto" | "deny") as outcome, **rest} if not rest or rest == {"stages": []}:
                return Outcome(outcome), ()
            case {"outcome": "stages", "stages": list(keys), **rest} if keys and not rest:
                if len(keys) <= MOST_STAGES and all(isinstance(k, str) and KEY.fullmatch(k) for k in keys):
                    return Outcome.STAGES, tuple(dict.fromkeys(keys))
                self.fault(f"{path}.stages", f"must be at most {MOST_STAGES} keys of stages")
            case {"outcome": "stages"}:
                self.fault(f"{path}.stages", "must be a list with at least one stage")
            case {"outcome": "auto" | "deny"}:
                self.fault(path, "asks for stages, which only the outcome 'stages' does")
            case _:
                self.fault(f"{path}.outcome", "must be 'auto', 'stages' or 'deny'")
        return Outcome.DENY, ()

    def order(self, raw: object) -> tuple[tuple[str, ...], ...]:
        steps = raw if isinstance(raw, list) and len(raw) <= MOST_STAGES else None
        if steps is None or any(
            not isinstance(step, list) or not step or any(not isinstance(k, str) or not KEY.fullmatch(k) for k in step)
            for step in steps
        ):
            self.fault("order", 'must be a list of lists of stage keys, such as [["owner"], ["security", "legal"]]')
            return ()
        named = [key for step in steps for key in step]
        for key in sorted({key for key in named if named.count(key) > 1}):
            self.fault("order", f"names the stage '{key}' more than once")
        return tuple(tuple(step) for step in steps)

    def fault(self, path: str, message: str) -> None:
        self.faults.append(Fault(path, message))
