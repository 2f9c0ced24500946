"""Policies in words."""

from __future__ import annotations

import pytest
from hypothesis import given

from portal.policies.attributes import REGISTRY, UNLIMITED
from portal.policies.conditions import Fault, parse
from portal.policies.shipped import shipped_policies
from portal.policies.wording import found_words, joined, rule_words, words
from tests.unit.policies import randomly
from tests.unit.policies.examples import ALWAYS, PROD, TEST, leaf

SENSITIVE = leaf("exposure", "one_of", ["customer", "sensitive"])
OFFICE = {"from": "08:00", "until": "18:00"}


def said(raw):
    faults: list[Fault] = []
    return words(parse(raw, "when", faults))


@pytest.mark.parametrize(
    ("raw", "clause"),
    [
        (PROD, "the environment is production"),
        ({"not": PROD}, "the environment is not production"),
        ({"not": {"not": PROD}}, "the environment is production"),
        (SENSITIVE, "the data exposure is customer data or sensitive data"),
        (leaf("exposure", "equals", "not_asked"), "the data exposure is not asked"),
        (leaf("exposure", "is_asked"), "the form asks for the data exposure"),
        ({"not": leaf("exposure", "is_asked")}, "the form does not ask for the data exposure"),
        (leaf("plan.quota", "at_least", 10_000), "the plan’s requests a day is at least 10,000"),
        (leaf("scopes", "contains", "pii:read"), "the scopes contain pii:read"),
        (leaf("scopes", "only_of", ["a", "b", "c"]), "the scopes are only a, b or c"),
        (leaf("plan.auto_approve", "is_false"), "it is not so that the plan approves by itself"),
        (
            {"all": [PROD, SENSITIVE]},
            "the environment is production and the data exposure is customer data or sensitive data",
        ),
        (
            {"any": [PROD, {"all": [TEST, SENSITIVE]}]},
            (
                "the environment is production or "
                "(the environment is test and the data exposure is customer data or sensitive data)"
            ),
        ),
        ({"not": {"any": [PROD, TEST]}}, "the environment is not production and the environment is not test"),
        (leaf("time.local", "within_hours", OFFICE), "the time at the product’s place is within 08:00 to 18:00"),
        (
            {"not": leaf("time.local", "within_hours", {**OFFICE, "days": ["mon", "tue", "wed", "thu", "fri"]})},
            "the time at the product’s place is not within 08:00 to 18:00 from Monday to Friday",
        ),
        (
            leaf("time.local", "within_hours", {**OFFICE, "days": ["sat", "sun"]}),
            "the time at the product’s place is within 08:00 to 18:00 on Saturday or Sunday",
        ),
        (ALWAYS, "always"),
        ({"not": ALWAYS}, "never"),
        (leaf("weather", "equals", "rain"), "something holds that cannot be read"),
    ],
)
def test_a_condition_in_words(raw, clause):
    assert said(raw) == clause


@given(randomly.conditions())
def test_every_condition_has_words(raw):
    clause = said(raw)

    assert clause
    assert "{" not in clause
    assert clause.count("(") == clause.count(")")


def test_a_rule_is_a_sentence():
    rules = {rule.key: rule for rule in shipped_policies()["standard-paths"].policy.rules}
    manager = shipped_policies()["pm-infosec-it"].policy.rules[0]

    assert rule_words(rules["production"]) == "If the environment is production, Owner and Security must answer."
    assert rule_words(rules["open-production"]).endswith("is none, it is denied.")
    assert rule_words(manager) == "Always: the owner need not be asked."


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "not known"),
        ("not_asked", "not asked"),
        (True, "yes"),
        (False, "no"),
        (["b", "a"], "a and b"),
        ([], "none"),
        (UNLIMITED, "unlimited"),
        (3, "3"),
        (66666.66666666667, "66667"),
        (1 / 3, "0.33"),
        ("prod", "prod"),
    ],
)
def test_a_found_value_in_words(value, told):
    assert found_words(value) == told


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        ("environment", "prod", "production"),
        ("environment", "test", "test"),
        ("auth_method", "oauth2_client_credentials", "OAuth 2.0 client credentials"),
        ("auth_method", "not_asked", "not asked"),
        ("request.kind", "break_glass", "emergency access"),
        ("time.weekday", "wed", "Wednesday"),
        ("requester.roles", ["security_reviewer", "api_owner"], "API owner and security reviewer"),
        ("product.category", "big_data", "big_data"),
        ("plan.quota", 3, "3"),
    ],
)
def test_values_are_said_in_the_words_of_their_attribute(attribute, value, told):
    assert found_words(value, REGISTRY[attribute]) == told


@pytest.mark.parametrize(
    ("parts", "told"), [([], ""), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_lists_in_a_sentence(parts, told):
    assert joined(parts, "or") == told
