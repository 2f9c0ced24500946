"""What the pages of policies show: rules in words, the path drawn from the data, findings at their rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from admin.policy_editor import Card
from portal.policies import (
    BASE_STAGE,
    REGISTRY,
    Finding,
    Outcome,
    Policy,
    Severity,
    StageTemplate,
    people_in_words,
    rule_words,
)

MOST_NAMED = 3
_PLAIN_WORDS = {
    "must be a list with at least one value.": "Give at least one value.",
    "must be a list with at least one stage.": "Choose at least one stage.",
    "must be a number, not text.": "Give a number.",
    "'any' needs at least one part, for without one it is never true.": "Add a condition to this group.",
}


@dataclass(frozen=True)
class Told:
    """A finding as the page shows it: how grave, in a sentence, and the place it is about."""

    is_error: bool
    message: str
    rule: int | None = None
    place: str = ""

    @property
    def target(self) -> str:
        """The id of the part of the page that it is about."""
        if self.rule is None:
            return "rules"
        return f"r{self.rule}-n{self.place}" if self.place else f"rule-{self.rule}"


def told(
    findings: Iterable[Finding], cards: Sequence[Card], places: Mapping[str, tuple[int, str]] | None = None
) -> list[Told]:
    """The findings with the rules and conditions they are about."""
    numbers: dict[str, int] = {}
    for number, card in enumerate(cards):
        numbers.setdefault(card["key"], number)
    return [_told(finding, numbers, places or {}) for finding in findings]


def _told(finding: Finding, numbers: Mapping[str, int], places: Mapping[str, tuple[int, str]]) -> Told:
    message = finding.message.removeprefix(f"{finding.path}: ") if finding.path else finding.message
    message = _PLAIN_WORDS.get(message, f"{message[:1].upper()}{message[1:]}")
    is_error = finding.severity is Severity.ERROR
    nearest = max((path for path in places if _is_below(finding.path, path)), key=len, default="")
    if nearest:
        return Told(is_error, message, *places[nearest])
    if finding.path.startswith("rules["):
        return Told(is_error, message, int(finding.path[6:].partition("]")[0]))
    return Told(is_error, message, numbers.get(finding.rule))


def _is_below(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}["))


def rules_in_words(policy: Policy, templates: Mapping[str, StageTemplate]) -> list[dict[str, Any]]:
    """Each rule in a sentence, with what it leads to."""
    return [
        {
            "key": rule.key,
            "because": rule.because,
            "words": rule_words(rule, templates),
            "outcome": rule.outcome.value,
            "stages": [templates[key].name if key in templates else key for key in rule.stages],
        }
        for rule in policy.rules
    ]


def path_in_general(policy: Policy, templates: Mapping[str, StageTemplate]) -> list[dict[str, Any]]:
    """The steps that a request may have to take, in their order, drawn from the rules."""
    places: dict[str, int] = {}
    for key in [BASE_STAGE, *(key for rule in policy.rules for key in rule.stages)]:
        template = templates.get(key)
        places.setdefault(key, policy.places.get(key, template.position if template is not None else 2))
    steps = []
    for at in sorted(set(places.values())):
        keys = [key for key, place in places.items() if place == at]
        names = [templates[key].name if key in templates else key for key in keys]
        steps.append({"label": " + ".join(names), "detail": _when(keys, policy, templates), "state": "plain"})
    return [{"label": "Request", "detail": "submitted", "state": "plain"}, *steps]


def _when(keys: Sequence[str], policy: Policy, templates: Mapping[str, StageTemplate]) -> str:
    """When such a step is needed, and who answers it; in short, for a picture."""
    rules = list(dict.fromkeys(rule.key for rule in policy.rules if set(keys) & set(rule.stages)))
    shown = ", ".join(rules[:MOST_NAMED]) + (f" and {len(rules) - MOST_NAMED} more" if len(rules) > MOST_NAMED else "")
    if BASE_STAGE in keys:
        auto = any(rule.outcome is Outcome.AUTO for rule in policy.rules)
        usual = f"Unless the plan {'or a rule ' if auto else ''}approves"
        return f"{usual}; in any case where a rule asks for it: {shown}." if rules else f"{usual}."
    who = people_in_words(templates[keys[0]]) if len(keys) == 1 and keys[0] in templates else "Side by side"
    return f"{who[:1].upper()}{who[1:]}, where a rule asks for it: {shown}."


def differences(before: Policy, after: Policy, templates: Mapping[str, StageTemplate]) -> list[dict[str, str]]:
    """What one policy says otherwise than another, rule by rule."""
    was = {rule.key: rule for rule in before.rules}
    now = {rule.key: rule for rule in after.rules}
    found = [
        {"what": "New rule", "rule": key, "before": "", "after": rule_words(rule, templates)}
        for key, rule in now.items()
        if key not in was
    ]
    for key, rule in was.items():
        if key not in now:
            found.append({"what": "Rule taken away", "rule": key, "before": rule_words(rule, templates), "after": ""})
        elif now[key] != rule:
            old, new = rule_words(rule, templates), rule_words(now[key], templates)
            if old == new:
                old, new = f"{old} {rule.because}", f"{new} {now[key].because}"
            found.append({"what": "Rule changed", "rule": key, "before": old, "after": new})
    if before.order != after.order and before.rules:
        found.append(
            {
                "what": "Order of stages",
                "rule": "",
                "before": _order(before, templates),
                "after": _order(after, templates),
            }
        )
    return found


def _order(policy: Policy, templates: Mapping[str, StageTemplate]) -> str:
    steps = [" + ".join(templates[k].name if k in templates else k for k in step) for step in policy.order]
    return ", then ".join(steps) or "each stage at its own place"


def attributes_by_source() -> dict[str, list[tuple[str, str]]]:
    """All attributes by where they come from, with their titles, for a list to choose from."""
    grouped: dict[str, list[tuple[str, str]]] = {}
    for name, attribute in REGISTRY.items():
        source = attribute.source.value
        grouped.setdefault(f"{source[:1].upper()}{source[1:]}", []).append((name, attribute.title))
    return grouped
