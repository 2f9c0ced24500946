"""Judging: what the policy says about one product of a request, and about the whole request.

``judge`` answers for one product. The plan's own flag, or a rule with the outcome *auto* that is certainly true, spares
the base stage, the owner's; it never takes away a stage that a rule asks for. A rule that denies wins over everything.
A product's own rules (the team's) are judged beside the global ones and can only add stages or deny (I9). ``combine``
puts the products of a request together: their stages united, denied if one is, automatic only if all are.

Nothing here reads a clock, a database or a setting: the same policy and facts always give the same ruling (I16).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from portal.policies import operators
from portal.policies.conditions import Broken, Leaf, Truth
from portal.policies.facts import Facts, facts_of
from portal.policies.rules import Outcome, Policy, Rule
from portal.policies.stages import SHIPPED_STAGES, StageTemplate

BASE_STAGE = "owner"
LAST_PLACE = 2  # of a stage that has neither a place in the order nor a template
TEAM_AUTO = "The product's rule '{}' cannot approve by itself; it was passed over."
PLAN_DECIDES = {
    True: "The plan approves by itself.",
    False: "The plan needs the approval of the product's owner.",
    None: "It is not known whether the plan approves by itself, so the product's owner decides.",
}


class StageNeed(NamedTuple):
    """A stage that is needed: its key, its place (equal places are open side by side), and why."""

    key: str
    position: int
    becauses: tuple[str, ...]
    products: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The need as plain values."""
        told = {"key": self.key, "position": self.position, "becauses": list(self.becauses)}
        return {**told, "products": list(self.products)} if self.products else told


class LeafTrace(NamedTuple):
    """How one comparison came out: what was wanted, what was found (None: unknown), and the answer."""

    leaf: Leaf | Broken
    found: Any
    result: Truth

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        if isinstance(self.leaf, Broken):
            return {"attribute": self.leaf.attribute, "is": "unreadable", "wanted": None, "found": None, "result": None}
        found = sorted(self.found) if isinstance(self.found, set | frozenset) else self.found
        wanted = operators.as_json(self.leaf.wanted)
        comparison = {"attribute": self.leaf.attribute, "is": self.leaf.operator.value, "wanted": wanted}
        return {**comparison, "found": found, "result": self.result}


class RuleTrace(NamedTuple):
    """How one rule came out, with each of its comparisons."""

    rule: Rule
    result: Truth
    leaves: tuple[LeafTrace, ...]
    of_team: bool

    @property
    def matched(self) -> bool:
        """Whether the rule counted."""
        return self.rule.matches(self.result) and not (self.of_team and self.rule.outcome is Outcome.AUTO)

    def as_json(self) -> dict[str, Any]:
        """The rule's part of a stored decision."""
        told: dict[str, Any] = {"rule": self.rule.key, "because": self.rule.because, "outcome": self.rule.outcome.value}
        told |= {"team": True} if self.of_team else {}
        return {**told, "result": self.result, "leaves": [leaf.as_json() for leaf in self.leaves]}


class Part(NamedTuple):
    """A policy as it was judged: the answer of each rule, and of all comparisons in their order."""

    policy: Policy
    truths: list[Truth]
    seen: list[Truth]
    of_team: bool


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says about one product of a request."""

    outcome: Outcome
    stages: tuple[StageNeed, ...]
    becauses: tuple[str, ...]
    errors: tuple[str, ...]
    parts: tuple[Part, ...]
    facts: Mapping[str, Any]

    def trace(self) -> Iterator[RuleTrace]:
        """Every rule with every comparison, the global rules first."""
        for policy, truths, seen, of_team in self.parts:
            results = iter(seen)
            for rule, truth in zip(policy.rules, truths, strict=True):
                leaves = tuple(
                    LeafTrace(leaf, self.facts.get(leaf.attribute), next(results)) for leaf in rule.leaves
                )  # in the order of the rule's leaves, which is that in which they were seen
                yield RuleTrace(rule, truth, leaves, of_team)

    @property
    def matched(self) -> tuple[RuleTrace, ...]:
        """The rules that counted."""
        return tuple(told for told in self.trace() if told.matched)

    @property
    def is_automatic(self) -> bool:
        """Whether nobody has to answer."""
        return self.outcome is Outcome.AUTO

    @property
    def stage_keys(self) -> tuple[str, ...]:
        """The keys of the needed stages in their order."""
        return tuple(need.key for need in self.stages)

    def as_json(self, *, whole: bool = False) -> dict[str, Any]:
        """The ruling as it is stored, with the rules that matched; ``whole`` traces those that did not, too."""
        traced = self.trace() if whole else iter(self.matched)
        return {
            "outcome": self.outcome.value,
            "stages": [need.as_json() for need in self.stages],
            "becauses": list(self.becauses),
            "rules" if whole else "matched": [told.as_json() for told in traced],
            "errors": list(self.errors),
        }


def judge(
    policy: Policy,
    facts: Mapping[str, Any] | Facts,
    *,
    team: Policy | None = None,
    templates: Mapping[str, StageTemplate] = SHIPPED_STAGES,
    base: str = BASE_STAGE,
) -> Ruling:
    """What the policy, and the product's own rules if it has any, say about one product of a request."""
    known = facts_of(facts)
    parts = (_answered(policy, known),) if team is None else (_answered(policy, known), _answered(team, known, True))
    errors = [*known.errors, *(str(fault) for part in parts for fault in part.policy.faults)]
    denials: list[str] = []
    needs: dict[str, list[str]] = {}
    plan_flag: bool | None = known.values.get("plan.auto_approve")
    automatic = [PLAN_DECIDES[True]] if plan_flag else []
    for rule, of_team in _counting(parts):
        if rule.outcome is Outcome.DENY:
            denials.append(rule.because)
        elif rule.outcome is Outcome.STAGES:
            for key in rule.stages:
                needs.setdefault(key, []).append(rule.because)
        elif of_team:
            errors.append(TEAM_AUTO.format(rule.key))
        else:
            automatic.append(rule.because)
    if not automatic:
        needs.setdefault(base, []).insert(0, PLAN_DECIDES[plan_flag])
    if denials:
        return Ruling(Outcome.DENY, (), _once(denials), tuple(errors), parts, known.given)
    stages = _placed(needs, parts, templates, errors)
    becauses = _once(because for need in stages for because in need.becauses) if stages else _once(automatic)
    outcome = Outcome.STAGES if stages else Outcome.AUTO
    return Ruling(outcome, stages, becauses, tuple(errors), parts, known.given)


def _answered(policy: Policy, facts: Facts, of_team: bool = False) -> Part:
    seen: list[Truth] = []
    truths = [rule.when.truth(facts.values, seen) for rule in policy.rules]
    return Part(policy, truths, seen, of_team)


def _counting(parts: tuple[Part, ...]) -> Iterator[tuple[Rule, bool]]:
    for policy, truths, _, of_team in parts:
        for rule, truth in zip(policy.rules, truths, strict=True):
            if truth is not False and rule.matches(truth):
                yield rule, of_team


def _placed(
    needs: Mapping[str, list[str]],
    parts: tuple[Part, ...],
    templates: Mapping[str, StageTemplate],
    errors: list[str],
) -> tuple[StageNeed, ...]:
    """The stages in their order: that of the global policy, else of the product's rules, else the template's place."""
    placed = []
    for key, becauses in needs.items():
        place = next((part.policy.places[key] for part in parts if key in part.policy.places), None)
        if key not in templates:
            errors.append(f"There is no stage '{key}'.")
        elif place is None:
            place = templates[key].position
        placed.append(StageNeed(key, LAST_PLACE if place is None else place, _once(becauses)))
    return tuple(sorted(placed, key=lambda need: need.position))  # equal ones in the order of the rules


def _once(sentences: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


# --- the whole request -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WholeRuling:
    """What the policy says about a request: the rulings of its products by their names, put together."""

    outcome: Outcome
    stages: tuple[StageNeed, ...]
    becauses: tuple[str, ...]
    errors: tuple[str, ...]
    products: Mapping[str, Ruling]

    @property
    def is_automatic(self) -> bool:
        """Whether nobody has to answer."""
        return self.outcome is Outcome.AUTO

    @property
    def stage_keys(self) -> tuple[str, ...]:
        """The keys of the needed stages in their order."""
        return tuple(need.key for need in self.stages)

    def as_json(self, *, whole: bool = False) -> dict[str, Any]:
        """The ruling as it is stored; ``whole`` traces the rules that did not match, too."""
        return {
            "outcome": self.outcome.value,
            "stages": [need.as_json() for need in self.stages],
            "becauses": list(self.becauses),
            "products": {name: ruling.as_json(whole=whole) for name, ruling in self.products.items()},
            "errors": list(self.errors),
        }


def combine(rulings: Mapping[str, Ruling]) -> WholeRuling:
    """The ruling on a request for these products. Each stage names the products that need it."""
    if not rulings:
        raise ValueError("A request without products cannot be judged.")
    errors = _once(error for ruling in rulings.values() for error in ruling.errors)
    denied = [ruling for ruling in rulings.values() if ruling.outcome is Outcome.DENY]
    if denied:
        becauses = _once(because for ruling in denied for because in ruling.becauses)
        return WholeRuling(Outcome.DENY, (), becauses, errors, rulings)
    united: dict[str, StageNeed] = {}
    for product, ruling in rulings.items():
        for need in ruling.stages:
            other = united.get(need.key, StageNeed(need.key, need.position, ()))
            place = max(need.position, other.position)
            becauses = _once((*other.becauses, *need.becauses))
            united[need.key] = StageNeed(need.key, place, becauses, (*other.products, product))
    stages = tuple(sorted(united.values(), key=lambda need: need.position))
    if not stages:
        becauses = _once(because for ruling in rulings.values() for because in ruling.becauses)
        return WholeRuling(Outcome.AUTO, (), becauses, errors, rulings)
    becauses = _once(because for need in stages for because in need.becauses)
    return WholeRuling(Outcome.STAGES, stages, becauses, errors, rulings)
