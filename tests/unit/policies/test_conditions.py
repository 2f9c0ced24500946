"""Conditions: what they answer, how they are read, and that nobody can blow them up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from portal.policies.conditions import DEEPEST, MOST_LEAVES, Broken, Fault, Node, leaves_of, parse
from portal.policies.facts import Facts
from portal.policies.rules import LARGEST_TEXT, MOST_RULES, Outcome, Policy
from tests.unit.policies import randomly
from tests.unit.policies.examples import PROD, leaf, plain, without

YES, NO, UNSURE = leaf("environment", "equals", "test"), PROD, leaf("network.country", "equals", "CH")


def read(raw: Any) -> Node:
    faults: list[Fault] = []
    node = parse(raw, "when", faults)
    assert not faults
    return node


def answer(raw: Any, facts: dict[str, Any] | None = None) -> bool | None:
    return read(raw).truth(Facts(facts or plain()).values, [])


def faults_of(raw: Any) -> list[str]:
    faults: list[Fault] = []
    parse(raw, "when", faults)
    return [str(fault) for fault in faults]


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"all": []}, True),
        ({"all": [YES, YES]}, True),
        ({"all": [YES, UNSURE]}, None),
        ({"all": [UNSURE, NO]}, False),
        ({"any": [NO, NO]}, False),
        ({"any": [NO, UNSURE]}, None),
        ({"any": [UNSURE, YES]}, True),
        ({"not": YES}, False),
        ({"not": UNSURE}, None),
        ({"not": {"any": [NO, NO]}}, True),
    ],
)
def test_what_is_not_known_makes_neither_true_nor_false(raw, expected):
    assert answer(raw) is expected


@pytest.mark.parametrize(
    ("condition", "facts", "expected"),
    [
        (leaf("organisation.name", "equals", "ACME"), plain(), True),
        (leaf("organisation.name", "not_equals", "Other"), plain(), True),
        (leaf("environment", "one_of", ["dev", "test"]), plain(), True),
        (leaf("environment", "none_of", ["dev", "test"]), plain(), False),
        (leaf("app.age_days", "at_least", 30), plain(), True),
        (leaf("app.age_days", "at_least", 30.5), plain(), False),
        (leaf("app.age_days", "at_most", 29), plain(), False),
        (leaf("scopes", "contains", "orders:read"), plain(), True),
        (leaf("scopes", "contains", "Orders:Read"), plain(), False),
        (leaf("product.tags", "contains", "MONEY"), plain(), True),
        (leaf("scopes", "contains_any", ["pii:read", "orders:read"]), plain(), True),
        (leaf("scopes", "contains_any", ["pii:read"]), plain(), False),
        (leaf("scopes", "only_of", ["orders:read", "orders:list"]), plain(), True),
        (leaf("scopes", "only_of", ["orders:list"]), plain(), False),
        (leaf("plan.auto_approve", "is_true"), plain(), False),
        (leaf("plan.auto_approve", "is_false"), plain(), True),
        (leaf("plan.quota", "at_least", 5), plain(plan__quota=10**12), True),
        (leaf("network.address", "in_network", ["192.0.2.0/24"]), plain(network__address="192.0.2.9"), True),
        (leaf("network.address", "in_network", ["192.0.2.0/24"]), plain(network__address="::ffff:192.0.2.9"), True),
        (leaf("network.address", "in_network", ["192.0.2.0/24"]), plain(network__address="2001:db8::1"), False),
        (leaf("network.address", "in_network", ["192.0.2.0/24"]), plain(), None),
    ],
)
def test_each_comparison(condition, facts, expected):
    assert answer(condition, facts) is expected


@pytest.mark.parametrize(
    ("condition", "unasked", "unanswered"),
    [
        (leaf("exposure", "one_of", ["customer", "sensitive"]), False, None),
        (leaf("exposure", "none_of", ["customer", "sensitive"]), True, None),
        (leaf("exposure", "equals", "not_asked"), True, None),
        (leaf("exposure", "is_asked"), False, None),
        (leaf("expected_volume", "at_least", 0), False, None),
        (leaf("expected_volume", "at_most", 10), False, None),
    ],
)
def test_a_question_that_was_not_asked_is_no_question_without_an_answer(condition, unasked, unanswered):
    assert answer(condition, plain()) is unasked
    assert answer(condition, without("exposure", "expected_volume")) is unanswered


def test_every_comparison_is_seen_even_when_the_answer_is_settled():
    node = read({"any": [YES, {"all": [NO, UNSURE]}, {"not": YES}]})
    seen: list[bool | None] = []

    node.truth(Facts(plain()).values, seen)

    assert seen == [True, False, None, True]
    assert len(list(leaves_of(node))) == 4


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("prod", "when: must be an object with 'all', 'any', 'not' or 'attribute'."),
        ({}, "when: must have one of 'all', 'any', 'not' or 'attribute'."),
        ({"any": []}, "when: 'any' needs at least one part, for without one it is never true."),
        ({"all": YES}, "when: 'all' must be a list of conditions."),
        ({"all": [YES], "any": [YES]}, "when: has 'all' and something else beside it."),
        ({"all": [YES, leaf("weather", "equals", "rain")]}, "when.all[1].attribute: there is no attribute 'weather'."),
        (
            {"not": leaf("scopes", "equals", "a")},
            "when.not.is: no comparison 'equals'; Scopes that are asked for has contains, contains_any, only_of.",
        ),
        (
            leaf("environment", "equals", "moon"),
            "when.value: 'moon' is not possible here; it can be dev, test, prod.",
        ),
        (
            leaf("exposure", "one_of", ["none", "all"]),
            "when.value: 'all' is not possible here; it can be none, internal, customer, sensitive, not_asked.",
        ),
        (leaf("environment", "one_of", "prod"), "when.value: must be a list with at least one value."),
        (leaf("environment", "one_of", []), "when.value: must be a list with at least one value."),
        (leaf("environment", "equals"), "when.value: 'equals' needs a value."),
        (leaf("environment", "equals", ["prod"]), "when.value: must be text, not a list."),
        (leaf("plan.auto_approve", "is_true", True), "when.value: 'is_true' takes no value."),
        (leaf("app.age_days", "at_least", "3"), "when.value: must be a number, not text."),
        (leaf("app.age_days", "at_least", True), "when.value: must be a number, not yes or no."),
        (leaf("app.age_days", "at_least", float("nan")), "when.value: must be a number that can be told."),
        (leaf("app.age_days", "at_least", -1), "when.value: -1 is not possible here; the least is 0."),
        (leaf("time.hour", "at_least", 24), "when.value: 24 is not possible here; the most is 23."),
        (
            leaf("network.address", "in_network", ["192.0.2.7/24"]),
            "when.value: '192.0.2.7/24' is not a network such as 192.0.2.0/24.",
        ),
        (
            leaf("time.local", "within_hours", {"from": "8", "until": "18:00"}),
            "when.value: '8' is not a time such as 08:00.",
        ),
        (
            leaf("time.local", "within_hours", {"from": "08:00", "until": "08:00"}),
            "when.value: holds no time: 'from' and 'until' must differ, and no day begins at 24:00.",
        ),
        (
            leaf("time.local", "within_hours", {"from": "08:00", "until": "18:00", "days": ["noday"]}),
            "when.value: days must be a list of mon, tue, wed, thu, fri, sat, sun.",
        ),
        (
            leaf("time.local", "within_hours", "always"),
            'when.value: must be like {"from": "08:00", "until": "18:00", "days": ["mon", "tue"]}.',
        ),
        (leaf("organisation.name", "equals", "  "), "when.value: must not be empty."),
        ({**YES, "extra": 1}, "when: has an unknown field 'extra'."),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what(raw, fault):
    assert faults_of(raw) == [fault]


def test_every_fault_is_told_at_once():
    assert len(faults_of({"all": [leaf("a", "b"), YES, {"not": leaf("c", "d")}]})) == 2


def test_what_cannot_be_read_is_unknown():
    faults: list[Fault] = []
    node = parse(leaf("weather", "equals", "rain"), "when", faults)

    assert isinstance(node, Broken)
    assert node.truth(plain(), []) is None


# --- bombs -----------------------------------------------------------------------------------------------------------


def nested(depth: int, word: str = "not") -> Any:
    raw: Any = YES
    for _ in range(depth):
        raw = {word: raw if word == "not" else [raw]}
    return raw


def test_depth_has_a_limit():
    assert faults_of(nested(DEEPEST - 1)) == []
    assert faults_of(nested(DEEPEST)) == [f"when{'.not' * DEEPEST}: is nested deeper than {DEEPEST} levels."]


@pytest.mark.parametrize("word", ["not", "all", "any"])
def test_a_very_deep_condition_is_refused_quickly(word):
    assert len(faults_of(nested(50_000, word))) == 1


def test_a_very_deep_text_is_refused_quickly():
    text = '{"rules": [{"when": ' + '{"not": ' * 40_000 + "1" + "}" * 40_000 + "}]}"

    [fault] = Policy.from_text(text).faults

    assert "not JSON that can be read" in str(fault) or "nested" in str(fault)


@pytest.mark.parametrize("parts", [[YES] * (MOST_LEAVES + 1), [{"all": [YES] * 30}] * 4, [YES] * 1_000_000])
def test_the_number_of_comparisons_has_a_limit(parts):
    found = faults_of({"any": parts})

    assert found
    assert len(found) <= 31
    assert str(MOST_LEAVES) in found[0]


@pytest.mark.parametrize(
    "raw",
    [
        leaf("scopes", "contains", "x" * 201),
        leaf("scopes", "contains_any", [f"s{n}" for n in range(201)]),
        leaf("app.age_days", "at_least", 10**400),
        leaf("x" * 100_000, "equals", "y"),
        leaf("environment", "y" * 100_000, "prod"),
        {"z" * 100_000: 1},
    ],
)
def test_large_values_are_refused_in_few_words(raw):
    [fault] = faults_of(raw)

    assert len(fault) < 300


def test_a_policy_has_limits_and_is_strict_beyond_them():
    rule = {"key": "a", "because": "B.", "when": YES, "then": {"outcome": "auto"}}
    for policy in (
        Policy.from_json({"rules": [rule] * (MOST_RULES + 1)}),
        Policy.from_text(" " * (LARGEST_TEXT + 1)),
        Policy.from_text("{"),
        Policy.from_json([]),
    ):
        assert len(policy.faults) == 1
        assert [rule.outcome for rule in policy.rules] == [Outcome.DENY]


# --- properties ------------------------------------------------------------------------------------------------------


@given(randomly.policies())
def test_reading_what_was_written_gives_the_same(raw):
    policy = Policy.from_json(raw)

    again = Policy.from_text(json.dumps(policy.as_json()))

    assert policy.faults == ()
    assert again == policy
    assert hash(again.rules) == hash(policy.rules)
    assert again.as_json() == policy.as_json()
