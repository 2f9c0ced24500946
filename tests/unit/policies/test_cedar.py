"""An independent judge: random policies are also written in Cedar, and Cedar must answer as we do.

Cedar knows two answers, so only whole facts are asked of it; what is not known is covered by the properties in
``test_rulings``. Nothing of our evaluation is used to write the Cedar text: it is made from the JSON of the policy.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings

from portal.policies.attributes import NOT_ASKED, REGISTRY, WEEKDAYS, Kind
from portal.policies.evaluate import judge
from portal.policies.rules import Outcome, Policy
from portal.policies.shipped import NAMES, shipped_policies
from tests.unit.policies import randomly
from tests.unit.policies.examples import PLAIN

ROUNDS = 300


# --- a policy in Cedar -----------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    return json.dumps(text)


def folded(name: str, value: str) -> str:
    kind, any_case = REGISTRY[name].kind, REGISTRY[name].any_case
    return value.lower() if kind in (Kind.TEXT, Kind.TEXT_SET) and any_case else value


def condition(raw: dict[str, Any]) -> str:
    """A condition as a Cedar expression over the context."""
    if "all" in raw:
        return "(" + " && ".join(["true", *map(condition, raw["all"])]) + ")"
    if "any" in raw:
        return "(" + " || ".join(["false", *map(condition, raw["any"])]) + ")"
    if "not" in raw:
        return f"(!{condition(raw['not'])})"
    name, value = raw["attribute"], raw.get("value")
    attribute = f"context[{quoted(name)}]"
    asked = f"context[{quoted(name + ' asked')}]" if REGISTRY[name].may_be_unasked else "true"
    compared = {
        Kind.NUMBER: _number,
        Kind.YES_NO: _yes_no,
        Kind.MOMENT: _moment,
        Kind.NETWORK: _network,
        Kind.TEXT_SET: _set,
    }.get(REGISTRY[name].kind, _text)(name, attribute, asked, raw["is"], value)
    return asked if raw["is"] == "is_asked" else f"({compared})"


def _number(_: str, attribute: str, asked: str, operator: str, value: Any) -> str:
    sign = {"equals": "==", "not_equals": "!=", "at_least": ">=", "at_most": "<=", "is_asked": "=="}[operator]
    if operator == "not_equals":
        return f"!{asked} || {attribute} != {value}"
    return f"{asked} && {attribute} {sign} {value or 0}"


def _yes_no(_: str, attribute: str, asked: str, operator: str, __: Any) -> str:
    return f"{asked} && {attribute} == {'true' if operator == 'is_true' else 'false'}"


def _moment(_: str, __: str, ___: str, ____: str, value: Any) -> str:
    """Hours as minutes of the week, each day apart."""
    start, until = (int(t[:2]) * 60 + int(t[3:]) for t in (value["from"], value["until"]))
    spans = []
    for day in value.get("days", WEEKDAYS):
        first = WEEKDAYS.index(day) * 1440 + start
        last = first + (until - start) % 1440
        spans.append(f"(context.minute >= {first} && context.minute < {last})")
        spans.append(f"(context.minute + 10080 >= {first} && context.minute + 10080 < {last})")
    return " || ".join(spans)


def _network(_: str, attribute: str, __: str, ___: str, value: Any) -> str:
    return " || ".join(f"{attribute}.isInRange(ip({quoted(network)}))" for network in value)


def _set(name: str, attribute: str, _: str, operator: str, value: Any) -> str:
    if operator == "contains":
        return f"{attribute}.contains({quoted(folded(name, value))})"
    listed = "[" + ", ".join(quoted(folded(name, one)) for one in value) + "]"
    return f"{attribute}.containsAny({listed})" if operator == "contains_any" else f"{listed}.containsAll({attribute})"


def _text(name: str, attribute: str, asked: str, operator: str, value: Any) -> str:
    if operator == "is_asked":
        return asked
    listed = "[" + ", ".join(quoted(folded(name, one)) for one in (value if isinstance(value, list) else [value])) + "]"
    return f"{'!' if operator in ('not_equals', 'none_of') else ''}{listed}.contains({attribute})"


def in_cedar(raw: dict[str, Any]) -> str:
    """A policy as Cedar policies: actions say "is it denied", "is it automatic" and "is this stage needed"."""
    written = ['permit(principal, action == Action::"auto", resource);']
    base = ['context["plan.auto_approve"]']
    for rule in raw["rules"]:
        when, outcome = condition(rule["when"]), rule["then"]["outcome"]
        if outcome == "auto":
            base.append(when)
        elif outcome == "deny":
            written.append(f'permit(principal, action == Action::"deny", resource) when {{ {when} }};')
            written.append(
                f'forbid(principal, action, resource) when {{ {when} }} unless {{ action == Action::"deny" }};'
            )
        for key in rule["then"].get("stages", []):
            written.append(f'permit(principal, action == Action::"stage {key}", resource) when {{ {when} }};')
            written.append(f'forbid(principal, action == Action::"auto", resource) when {{ {when} }};')
    spared = " || ".join(base)
    written.append(f'permit(principal, action == Action::"stage owner", resource) unless {{ {spared} }};')
    written.append(f'forbid(principal, action == Action::"auto", resource) unless {{ {spared} }};')
    return "\n".join(written)


def context(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts as Cedar's context."""
    told: dict[str, Any] = {}
    for name, value in facts.items():
        kind = REGISTRY[name].kind
        if REGISTRY[name].may_be_unasked:
            told[f"{name} asked"] = value != NOT_ASKED
        if value == NOT_ASKED and kind in (Kind.NUMBER, Kind.YES_NO):
            value = 0 if kind is Kind.NUMBER else False  # noqa: PLW2901  never looked at
        if kind is Kind.MOMENT:
            local = datetime.fromisoformat(value)
            told["minute"] = local.weekday() * 1440 + local.hour * 60 + local.minute
        elif kind is Kind.NETWORK:
            told[name] = {"__extn": {"fn": "ip", "arg": value}}
        elif isinstance(value, list):
            told[name] = [folded(name, one) for one in value]
        else:
            told[name] = folded(name, value) if isinstance(value, str) else value
    return told


def ask_cedar(raw: dict[str, Any], facts: dict[str, Any]) -> tuple[str, set[str]]:
    """The outcome and the stages, by Cedar."""
    actions = ["deny", "auto", *(f"stage {key}" for key in randomly.KEYS)]
    asked = [
        {
            "principal": 'User::"a"',
            "resource": 'Product::"p"',
            "action": f"Action::{quoted(action)}",
            "context": context(facts),
        }
        for action in actions
    ]
    answers = cedarpy.is_authorized_batch(asked, in_cedar(raw), [])
    assert not [error for answer in answers for error in answer.diagnostics.errors]
    allowed = {action for action, answer in zip(actions, answers, strict=True) if answer.allowed}
    assert len(allowed & {"deny", "auto"}) + any(a.startswith("stage") for a in allowed) == 1
    stages = {action.removeprefix("stage ") for action in allowed if action.startswith("stage")}
    return ("deny" if "deny" in allowed else "auto" if "auto" in allowed else "stages"), stages


def test_the_other_judge_can_say_each_thing():
    found = set()
    for flag, outcome in ((True, "auto"), (False, "stages")):
        found.add(ask_cedar({"rules": []}, {**PLAIN, "plan.auto_approve": flag, "network.address": "192.0.2.1"})[0])
        assert outcome in found
    denial = {"rules": [{"when": {"all": []}, "then": {"outcome": "deny"}}]}
    assert ask_cedar(denial, {**PLAIN, "network.address": "192.0.2.1"})[0] == Outcome.DENY


@settings(max_examples=ROUNDS)
@given(randomly.policies(), randomly.facts())
def test_cedar_rules_as_we_do(raw, facts):
    ruling = judge(Policy.from_json(raw), facts)

    assert (ruling.outcome.value, set(ruling.stage_keys)) == ask_cedar(raw, facts)


@settings(max_examples=ROUNDS)
@given(randomly.conditions(), randomly.facts())
def test_cedar_finds_a_condition_true_when_we_do(when, facts):
    raw = {"rules": [{"key": "a", "because": "B.", "when": when, "then": {"outcome": "deny"}}]}

    [told] = judge(Policy.from_json(raw), facts).trace()

    assert (told.result is True) == (ask_cedar(raw, facts)[0] == "deny")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(facts=randomly.facts())
def test_cedar_rules_as_the_shipped_policies_do(name, facts):
    policy = shipped_policies()[name].policy

    ruling = judge(policy, facts)

    assert (ruling.outcome.value, set(ruling.stage_keys)) == ask_cedar(policy.as_json(), facts)
