"""Replaying past requests under another policy, before it is activated; and checking what was decided.

The inputs of past decisions are stored as they were, so a replay touches nothing and asks nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from portal.policies.evaluate import Ruling, WholeRuling, combine, judge
from portal.policies.rules import Outcome, Policy
from portal.policies.stages import SHIPPED_STAGES, StageTemplate
from portal.policies.wording import joined

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class PastRequest:
    """A past request: its number, the facts of each of its products, and the products' own rules where they had any."""

    number: str
    products: Mapping[str, Mapping[str, Any]]
    teams: Mapping[str, Policy] = field(default_factory=dict)


def rule_on(
    request: PastRequest, policy: Policy, templates: Mapping[str, StageTemplate] = SHIPPED_STAGES
) -> WholeRuling:
    """What a policy says about a past request."""
    teams = request.teams
    rulings = {
        name: judge(policy, facts, team=teams.get(name), templates=templates)
        for name, facts in request.products.items()
    }
    return combine(rulings)


@dataclass(slots=True)
class Replay:
    """What would have come out differently; each list holds the numbers of requests."""

    total: int = 0
    gained: dict[str, list[str]] = field(default_factory=dict)
    lost: dict[str, list[str]] = field(default_factory=dict)
    became_automatic: list[str] = field(default_factory=list)
    no_longer_automatic: list[str] = field(default_factory=list)
    became_denied: list[str] = field(default_factory=list)
    no_longer_denied: list[str] = field(default_factory=list)
    unchanged: int = 0
    counted: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    @property
    def dead_rules(self) -> list[str]:
        """The rules of the new policy that none of the requests met."""
        return [key for key, times in self.counted.items() if not times]

    @property
    def changed(self) -> int:
        """How many requests would have come out differently."""
        return self.total - self.unchanged

    def sentences(
        self, templates: Mapping[str, StageTemplate] = SHIPPED_STAGES, *, seen: Collection[str] | None = None
    ) -> list[str]:
        """The differences for the policy's author: "17 of 240 would gain Security.".

        ``seen`` are the requests that the reader may see; others are counted and not named. None: all.
        """
        if not self.total:
            return ["There are no past requests to try this policy on."]
        told = []
        for verb, stages in (("gain", self.gained), ("lose", self.lost)):
            for key, numbers in stages.items():
                told.append(f"{len(numbers)} of {self.total} would {verb} {_name(key, templates)}.")
        told += [
            f"{len(numbers)} would {what}{_named(numbers, seen)}."
            for numbers, what in (
                (self.became_automatic, "become automatic"),
                (self.no_longer_automatic, "no longer be automatic"),
                (self.became_denied, "be denied"),
                (self.no_longer_denied, "no longer be denied"),
            )
            if numbers
        ]
        return told or [f"None of {self.total} past requests would have come out differently."]


def replay(
    requests: Iterable[PastRequest],
    before: Policy,
    after: Policy,
    *,
    templates: Mapping[str, StageTemplate] = SHIPPED_STAGES,
) -> Replay:
    """What would change for these requests if the one policy took the place of the other."""
    found = Replay(counted={rule.key: 0 for rule in after.rules})
    for request in requests:
        was, now = rule_on(request, before, templates), rule_on(request, after, templates)
        _count(found, now.products.values(), of_team=False)
        _compare(found, request.number, was, now)
    return found


def replay_team(
    requests: Iterable[PastRequest],
    product: str,
    policy: Policy,
    after: Policy,
    *,
    templates: Mapping[str, StageTemplate] = SHIPPED_STAGES,
) -> Replay:
    """What would change for these requests if a product had these rules of its own, beside the policy for all."""
    found = Replay(counted={rule.key: 0 for rule in after.rules})
    for request in requests:
        changed = replace(request, teams={**request.teams, product: after})
        was, now = rule_on(request, policy, templates), rule_on(changed, policy, templates)
        _count(found, [ruling for name, ruling in now.products.items() if name == product], of_team=True)
        _compare(found, request.number, was, now)
    return found


def _count(found: Replay, rulings: Iterable[Ruling], *, of_team: bool) -> None:
    """Note which rules of the tried policy a request met."""
    for key in {told.rule.key for ruling in rulings for told in ruling.matched if told.of_team is of_team}:
        found.counted[key] += 1


def _compare(found: Replay, number: str, was: WholeRuling, now: WholeRuling) -> None:
    found.total += 1
    for error in now.errors:
        found.errors[error] = found.errors.get(error, 0) + 1
    same_stages = set(was.stage_keys) == set(now.stage_keys)
    if was.outcome is now.outcome and same_stages:
        found.unchanged += 1
        return
    if Outcome.DENY not in (was.outcome, now.outcome):  # what is denied has no stages to compare
        _note(found.gained, set(now.stage_keys) - set(was.stage_keys), number)
        _note(found.lost, set(was.stage_keys) - set(now.stage_keys), number)
    for outcome, begins, ends in (
        (Outcome.AUTO, found.became_automatic, found.no_longer_automatic),
        (Outcome.DENY, found.became_denied, found.no_longer_denied),
    ):
        if now.outcome is outcome is not was.outcome:
            begins.append(number)
        if was.outcome is outcome is not now.outcome:
            ends.append(number)


def _note(lists: dict[str, list[str]], keys: Iterable[str], number: str) -> None:
    for key in sorted(keys):
        lists.setdefault(key, []).append(number)


def differences(stored: Mapping[str, Any], ruling: WholeRuling) -> list[str]:
    """What a stored decision and the same one made again differ in (I16); nothing when they agree."""
    again = ruling.as_json()
    return [name for name in ("outcome", "stages", "becauses", "products") if stored.get(name) != again[name]]


def _name(key: str, templates: Mapping[str, StageTemplate]) -> str:
    return templates[key].name if key in templates else key


def _named(numbers: Sequence[str], seen: Collection[str] | None) -> str:
    """Which they are, as far as the reader may know them and there is room."""
    known = [number for number in numbers if seen is None or number in seen][:MOST_NAMED]
    if not known:
        return ""
    left = len(numbers) - len(known)
    return f": {', '.join(known)} and {left} more" if left else f": {joined(known, 'and')}"
