"""What a change would do: which stages an edit touches, and which small change would make a request automatic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from portal.policies.attributes import NOT_ASKED, REGISTRY
from portal.policies.conditions import Broken, Leaf
from portal.policies.evaluate import BASE_STAGE
from portal.policies.operators import Operator
from portal.policies.rules import Outcome, Policy
from portal.policies.stages import StageTemplate
from portal.policies.wording import joined

FactsOf = Mapping[str, Any]
MOST_CHANGES, MOST_TRIALS, MOST_TOLD, MOST_SCOPES = 3, 600, 3, 8
LOWERED = {
    "access_level": {"read": "read access", "write": "write access"},
    "exposure": {
        "none": "no data exposed",
        "internal": "internal data at most",
        "customer": "customer data at most",
    },
}


# --- edits -----------------------------------------------------------------------------------------------------------


def touched_stages(
    policies: Iterable[Policy],
    changed: frozenset[str],
    templates: Mapping[str, StageTemplate],
    *,
    base: str = BASE_STAGE,
) -> frozenset[str]:
    """The stages whose reviews an edit of these attributes voids: by their rules, or by what their reviewers rely on.

    The base stage is touched by every change, because the owner judges the whole of the request.
    """
    touched = {base} if changed else set()
    for policy in policies:
        for rule in policy.rules:
            unreadable = any(isinstance(leaf, Broken) and not leaf.attribute for leaf in rule.leaves)
            if rule.outcome is Outcome.STAGES and changed and (unreadable or rule.reads & changed):
                touched.update(rule.stages)
    touched.update(key for key, template in templates.items() if changed & set(template.required_fields))
    return frozenset(touched)


# --- the nearest instant variant -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the requester could ask for otherwise: a value, or leaving a scope out.

    Of two changes with the same ``what``, only one can be made. ``lead`` and ``name`` tell it: "in", "test".
    """

    what: str
    lead: str
    name: str
    values: Mapping[str, Any]
    without_scope: str = ""

    @property
    def words(self) -> str:
        """The change as a phrase: "in test"."""
        return f"{self.lead} {self.name}"

    def made(self, facts: FactsOf) -> FactsOf:
        """The facts after the change."""
        if not self.without_scope:
            return {**facts, **self.values}
        return {**facts, "scopes": [scope for scope in facts.get("scopes") or () if scope != self.without_scope]}


def possible_changes(
    facts: Sequence[FactsOf],
    policies: Iterable[Policy],
    *,
    environments: Sequence[str] = (),
    plans: Mapping[str, FactsOf] | None = None,
) -> list[Change]:
    """What the requester could change, what costs them least first.

    ``environments`` are those that all products offer; ``plans`` are the facts of other plans by what they are called.
    """
    first = facts[0]
    scopes = [Change(f"scope {s}", "without scope", s, {}, s) for s in _delicate_scopes(facts, policies)]
    places = [
        Change("environment", "in", REGISTRY["environment"].word_for(place), {"environment": place})
        for place in environments
        if place != first.get("environment")
    ]
    lowered = [
        Change(name, "with", phrases[value], {name: value})
        for name, phrases in LOWERED.items()
        for value in _lower_values(name, first.get(name))
    ]
    offered = [Change("plan", "on the plan", name, values) for name, values in (plans or {}).items()]
    return [*scopes, *places, *offered, *lowered]


def _lower_values(name: str, now: Any) -> tuple[str, ...]:
    values = REGISTRY[name].values
    return values[: values.index(now)][::-1] if now in values and now != NOT_ASKED else ()


def _delicate_scopes(facts: Sequence[FactsOf], policies: Iterable[Policy]) -> list[str]:
    """The scopes that are asked for and that a rule looks at."""
    asked = {scope for each in facts for scope in each.get("scopes") or ()}
    delicate: set[str] = set()
    for leaf in (leaf for policy in policies for rule in policy.rules for leaf in rule.leaves):
        if isinstance(leaf, Leaf) and leaf.attribute == "scopes":
            wanted = {leaf.wanted} if isinstance(leaf.wanted, str) else set(leaf.wanted)
            delicate |= asked - wanted if leaf.operator is Operator.ONLY_OF else asked & wanted
    return sorted(delicate)[:MOST_SCOPES]


@dataclass(frozen=True, slots=True)
class Variant:
    """Changes that together make a request automatic."""

    changes: tuple[Change, ...]

    @property
    def words(self) -> str:
        """The changes as a phrase: "without scope pii:read and in test"."""
        return joined([change.words for change in self.changes], "and")


def instant_variants(
    is_automatic: Callable[[Sequence[FactsOf]], bool], facts: Sequence[FactsOf], changes: Sequence[Change]
) -> list[Variant]:
    """The fewest changes after which the request would be approved at once, in each way there is."""
    trials = 0
    for size in range(1, MOST_CHANGES + 1):
        found: list[Variant] = []
        for chosen in _together(changes, size):
            trials += 1
            if trials > MOST_TRIALS or len(found) == MOST_TOLD:
                return found
            after = [_after(each, chosen) for each in facts]
            if _still_asks(facts, after) and is_automatic(after):
                found.append(Variant(chosen))
        if found:
            return found
    return []


def variant_sentence(variants: Sequence[Variant]) -> str:
    """The variants as a sentence for the requester: "Without scope pii:read, or in test, this is approved at once."."""
    if not variants:
        return ""
    told = ", or ".join(_phrase(group) for group in _alternatives(variants))
    return f"{told[0].upper()}{told[1:]}, this is approved at once."


def _alternatives(variants: Sequence[Variant]) -> list[dict[str, list[Change]]]:
    """Variants that differ in one value alone, put together: by what is changed, the ways to change it.

    Of answers that are lowered only the nearest is told: what is lower still is instant as well.
    """
    groups: list[dict[str, list[Change]]] = []
    told: set[tuple[str, ...]] = set()
    for variant in variants:
        key = tuple(change.what if change.what in LOWERED else change.words for change in variant.changes)
        if key in told:
            continue
        told.add(key)
        mine = {change.what: [change] for change in variant.changes}
        for group in groups:
            other = [what for what in mine if group.get(what) != mine[what]]
            if group.keys() == mine.keys() and len(other) == 1:
                group[other[0]] += mine[other[0]]
                break
        else:
            groups.append(mine)
    return groups


def _phrase(group: Mapping[str, Sequence[Change]]) -> str:
    """What is changed together: "without the scopes a and b and in development or test"."""
    scopes = [change.name for changes in group.values() for change in changes if change.without_scope]
    parts = [f"without {'scope' if len(scopes) == 1 else 'the scopes'} {joined(scopes, 'and')}"] if scopes else []
    others = [changes for changes in group.values() if not changes[0].without_scope]
    parts += [f"{changes[0].lead} {joined([change.name for change in changes], 'or')}" for changes in others]
    return joined(parts, "and")


def _together(changes: Sequence[Change], size: int) -> Iterator[tuple[Change, ...]]:
    for chosen in combinations(changes, size):
        if len({change.what for change in chosen}) == size:
            yield chosen


def _after(facts: FactsOf, changes: Iterable[Change]) -> FactsOf:
    for change in changes:
        facts = change.made(facts)
    return facts


def _still_asks(before: Sequence[FactsOf], after: Sequence[FactsOf]) -> bool:
    """Whether every product of which scopes were asked for still has one."""
    return all(now.get("scopes") or not was.get("scopes") for was, now in zip(before, after, strict=True))
