"""What an edit touches, and what a requester could ask for instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.policies.changes import (
    instant_variants,
    possible_changes,
    touched_stages,
    variant_sentence,
)
from portal.policies.evaluate import combine, judge
from portal.policies.rules import Policy
from portal.policies.stages import SHIPPED_STAGES
from tests.unit.policies import randomly
from tests.unit.policies.examples import PROD, leaf, plain, policy, rule

PII = leaf("scopes", "contains", "pii:read")


def nearest(rules: Policy, *facts, plans=None) -> list[str]:
    def is_automatic(products):
        return combine({str(n): judge(rules, each) for n, each in enumerate(products)}).is_automatic

    changes = possible_changes(facts, [rules], environments=("dev", "test", "prod"), plans=plans)
    return [variant.words for variant in instant_variants(is_automatic, facts, changes)]


# --- edits -----------------------------------------------------------------------------------------------------------


def test_an_edit_touches_the_stages_whose_rules_read_what_changed():
    rules = [
        policy(rule("a", {"all": [PROD, PII]}, "security"), rule("b", leaf("exposure", "equals", "customer"), "legal"))
    ]

    def touched(**changes):
        return touched_stages(rules, frozenset(name.replace("__", ".") for name in changes), SHIPPED_STAGES)

    assert touched() == set()
    assert touched(environment="prod") == {"owner", "security"}
    assert touched(scopes=["pii:read"]) == {"owner", "security"}
    assert touched(exposure="none") == {"owner", "legal"}
    assert touched(app__age_days=31) == {"owner"}


def test_a_rule_that_cannot_be_read_is_touched_by_everything():
    broken = Policy.from_json({"rules": [{**rule("a", PROD, "security"), "when": 7}]})

    assert touched_stages([broken], frozenset({"app.age_days"}), SHIPPED_STAGES) == {"owner", "security"}


# --- the nearest instant variant -------------------------------------------------------------------------------------


def test_the_example_of_the_issue():
    rules = policy(rule("a", {"all": [PII, PROD]}, "security"))
    facts = plain(plan__auto_approve=True, environment="prod", scopes=["orders:read", "pii:read"])

    changes = possible_changes([facts], [rules], environments=("test", "prod"))
    variants = instant_variants(lambda products: judge(rules, products[0]).is_automatic, [facts], changes)

    assert variant_sentence(variants) == "Without scope pii:read, or in test, this is approved at once."


def test_the_fewest_changes_are_told():
    rules = policy(rule("a", PII, "security"), rule("b", PROD, "legal"))
    facts = plain(plan__auto_approve=True, environment="prod", scopes=["orders:read", "pii:read"])

    assert nearest(rules, facts) == ["without scope pii:read and in development", "without scope pii:read and in test"]


def test_another_plan_may_be_all_that_it_takes():
    plans = {"Free": {"plan.slug": "free", "plan.auto_approve": True, "plan.quota": 10}}

    assert nearest(policy(), plain(), plans=plans) == ["on the plan Free"]


def test_lower_answers_are_told_last():
    rules = policy(rule("a", leaf("exposure", "one_of", ["customer", "sensitive"]), "security"))

    assert nearest(rules, plain(plan__auto_approve=True, exposure="customer")) == [
        "with internal data at most",
        "with no data exposed",
    ]


def test_scopes_outside_the_harmless_ones_are_told():
    rules = policy(rule("a", {"not": leaf("scopes", "only_of", ["orders:read"])}, "security"))
    facts = plain(plan__auto_approve=True, scopes=["orders:read", "orders:write", "pii:read"])

    assert nearest(rules, facts) == ["without scope orders:write and without scope pii:read"]


def test_a_product_is_not_left_without_any_scope():
    rules = policy(rule("a", PII, "security"))

    assert nearest(rules, plain(plan__auto_approve=True, scopes=["pii:read"])) == []


def test_all_products_must_become_automatic():
    rules = policy(rule("a", PII, "security"), rule("b", leaf("product.slug", "equals", "payments"), "legal"))
    facts = plain(plan__auto_approve=True, scopes=["pii:read", "orders:read"], product__slug="orders")

    assert nearest(rules, facts) == ["without scope pii:read"]
    assert nearest(rules, facts, plain(plan__auto_approve=True)) == []


PLANS = {name: {"plan.slug": name, "plan.auto_approve": True, "plan.quota": 10} for name in ("Free", "Trial")}
SCOPED = rule("a", {"not": leaf("scopes", "only_of", ["orders:read"])}, "security")
EXPOSED = rule("a", leaf("exposure", "one_of", ["customer", "sensitive"]), "security")


@pytest.mark.parametrize(
    ("rules", "facts", "plans", "told"),
    [
        ([rule("a", PROD, "security")], {}, None, "In development or test, this is approved at once."),
        ([], {"plan__auto_approve": False}, PLANS, "On the plan Free or Trial, this is approved at once."),
        ([SCOPED], {}, None, "Without the scopes orders:write and pii:read, this is approved at once."),
        (
            [rule("a", PII, "security"), rule("b", PROD, "legal")],
            {},
            None,
            "Without scope pii:read and in development or test, this is approved at once.",
        ),
        (
            [rule("a", {"all": [PII, PROD]}, "security")],
            {},
            None,
            "Without scope pii:read, or in development or test, this is approved at once.",
        ),
        ([EXPOSED], {"exposure": "sensitive"}, None, "With internal data at most, this is approved at once."),
        (
            [EXPOSED, rule("b", PROD, "legal")],
            {"exposure": "customer"},
            None,
            "In development or test and with internal data at most, this is approved at once.",
        ),
    ],
)
def test_it_is_told_shortly(rules, facts, plans, told):
    facts = plain(
        **{
            "plan__auto_approve": True,
            "environment": "prod",
            "scopes": ["orders:read", "orders:write", "pii:read"],
            **facts,
        }
    )
    whole = policy(*rules)
    changes = possible_changes([facts], [whole], environments=("dev", "test", "prod"), plans=plans)

    variants = instant_variants(lambda products: judge(whole, products[0]).is_automatic, [facts], changes)

    assert variant_sentence(variants) == told


def test_where_no_change_helps_nothing_is_said():
    assert nearest(policy(rule("a", leaf("organisation.kind", "equals", "internal"), "legal")), plain()) == []
    assert variant_sentence([]) == ""


@pytest.mark.parametrize("number", [200])
def test_the_search_is_bounded(number):
    trials = 0

    def never(_):
        nonlocal trials
        trials += 1
        return False

    facts = [
        plain(scopes=[f"s{n}" for n in range(number)], environment="prod", exposure="sensitive", access_level="admin")
    ]
    rules = policy(rule("a", {"not": leaf("scopes", "only_of", ["s0"])}, "security"))
    plans = {f"P{n}": {"plan.slug": f"p{n}"} for n in range(50)}
    changes = possible_changes(facts, [rules], environments=("dev", "test", "prod"), plans=plans)

    assert instant_variants(never, facts, changes) == []
    assert trials <= 600


@given(
    randomly.policies(("scopes", "environment", "exposure", "access_level", "app.age_days")),
    randomly.facts(),
    st.booleans(),
)
def test_what_is_said_to_be_approved_at_once_is(raw, facts, flag):
    rules = Policy.from_json(raw)
    products = [{**facts, "plan.auto_approve": flag}]
    changes = possible_changes(products, [rules], environments=("dev", "test", "prod"))

    for variant in instant_variants(lambda after: judge(rules, after[0]).is_automatic, products, changes):
        after: Mapping[str, Any] = products[0]
        for change in variant.changes:
            after = change.made(after)
        assert judge(rules, after).is_automatic
