"""Conditions in words, for the people who write policies and those who wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal.policies.attributes import NOT_ASKED, REGISTRY, UNLIMITED, WEEKDAYS, Attribute, Kind, Registry
from portal.policies.conditions import AllOf, AnyOf, Broken, Leaf, Node, Not
from portal.policies.operators import Hours, Operator
from portal.policies.rules import Outcome, Rule
from portal.policies.stages import SHIPPED_STAGES, StageTemplate

# What is said after the attribute's name, when it is wanted and when it is not.
VERBS: dict[Operator, tuple[str, str]] = {
    Operator.EQUALS: ("is {}", "is not {}"),
    Operator.NOT_EQUALS: ("is not {}", "is {}"),
    Operator.ONE_OF: ("is {}", "is not {}"),
    Operator.NONE_OF: ("is not {}", "is {}"),
    Operator.AT_LEAST: ("is at least {}", "is less than {}"),
    Operator.AT_MOST: ("is at most {}", "is more than {}"),
    Operator.CONTAINS: ("contain {}", "do not contain {}"),
    Operator.CONTAINS_ANY: ("contain {}", "do not contain {}"),
    Operator.ONLY_OF: ("are only {}", "are not only {}"),
    Operator.WITHIN_HOURS: ("is {}", "is not {}"),
    Operator.IN_NETWORK: ("is in {}", "is not in {}"),
}


def words(node: Node, registry: Registry = REGISTRY) -> str:
    """A condition as a clause: "the environment is production and the data exposure is customer data"."""
    return _said(node, registry, negated=False, inner=False)


def rule_words(
    rule: Rule, templates: Mapping[str, StageTemplate] = SHIPPED_STAGES, registry: Registry = REGISTRY
) -> str:
    """A rule as a sentence."""
    names = joined([templates[key].name if key in templates else key for key in rule.stages], "and")
    then = {Outcome.AUTO: "the owner need not be asked", Outcome.DENY: "it is denied"}.get(
        rule.outcome, f"{names} must answer"
    )
    when = words(rule.when, registry)
    return f"Always: {then}." if when == "always" else f"If {when}, {then}."


def found_words(value: Any, attribute: Attribute | None = None) -> str:
    """A found value as a trace shows it, in the words of its attribute."""
    if value is None:
        return "not known"
    if value == NOT_ASKED:
        return "not asked"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return joined(sorted(found_words(each, attribute) for each in value), "and") or "none"
    if isinstance(value, str) and attribute is not None:
        return attribute.word_for(value)
    return "unlimited" if value == UNLIMITED else _rounded(value) if isinstance(value, float) else str(value)


def _rounded(number: float) -> str:
    """A number that was worked out, such as a month's quota by the day, without digits that nobody reads."""
    return str(round(number)) if abs(number) >= 100 or number.is_integer() else str(round(number, 2))


def joined(parts: Sequence[str], word: str) -> str:
    """Parts as a list in a sentence: "a, b or c"."""
    return f" {word} ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def _said(node: Node, registry: Registry, *, negated: bool, inner: bool) -> str:
    match node:
        case Leaf():
            return _leaf_said(node, registry[node.attribute], negated)
        case Broken():
            return "something holds that cannot be read"
        case Not(part):
            return _said(part, registry, negated=not negated, inner=inner)
        case AllOf(()) | AnyOf(()):
            return "always" if isinstance(node, AllOf) is not negated else "never"
        case AllOf(parts) | AnyOf(parts):
            word = "and" if isinstance(node, AllOf) is not negated else "or"
            told = [_said(part, registry, negated=negated, inner=len(parts) > 1) for part in parts]
            clause = f" {word} ".join(told) if len(told) < 4 or inner else joined(told, word)
            return f"({clause})" if inner and len(told) > 1 else clause


def _leaf_said(leaf: Leaf, attribute: Attribute, negated: bool) -> str:
    if leaf.operator is Operator.IS_ASKED:
        return f"the form {'does not ask' if negated else 'asks'} for {attribute.said}"
    if attribute.kind is Kind.YES_NO:
        holds = (leaf.operator is Operator.IS_TRUE) is not negated
        return attribute.said if holds else f"it is not so that {attribute.said}"
    verb = VERBS[leaf.operator][negated]
    return f"{attribute.said} {verb.format(_wanted_said(leaf.wanted, attribute))}"


def _wanted_said(wanted: Any, attribute: Attribute) -> str:
    if isinstance(wanted, Hours):
        return _hours_said(wanted)
    if isinstance(wanted, tuple):
        return joined([_wanted_said(value, attribute) for value in wanted], "or")
    if isinstance(wanted, int | float):
        return f"{wanted:,}"
    return attribute.word_for(str(wanted))


def _hours_said(hours: Hours) -> str:
    told = hours.as_json()
    span = f"within {told['from']} to {told['until']}"
    if len(hours.days) == len(WEEKDAYS):
        return span
    places = [WEEKDAYS.index(day) for day in hours.days]
    in_a_row = len(places) > 2 and places == list(range(places[0], places[-1] + 1))
    days = [REGISTRY["time.weekday"].word_for(day) for day in hours.days]
    return f"{span} from {days[0]} to {days[-1]}" if in_a_row else f"{span} on {joined(days, 'or')}"
