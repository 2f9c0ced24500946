"""Rulings: what a policy comes to, and that missing facts and further rules never make it less."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.policies.attributes import REGISTRY
from portal.policies.evaluate import Ruling, combine, judge
from portal.policies.facts import Facts
from portal.policies.replay import PastRequest, differences, rule_on
from portal.policies.rules import NO_RULES, Outcome, Policy, content_hash, ready_policy
from portal.policies.stages import SHIPPED_STAGES
from tests.unit.policies import randomly
from tests.unit.policies.examples import ALWAYS, PROD, TEST, leaf, plain, policy, rule, without

RANK = {Outcome.AUTO: 0, Outcome.STAGES: 1, Outcome.DENY: 2}


def is_at_least_as_strict(ruling: Ruling, other: Ruling) -> bool:
    if RANK[ruling.outcome] != RANK[other.outcome]:
        return RANK[ruling.outcome] > RANK[other.outcome]
    return set(ruling.stage_keys) >= set(other.stage_keys)


# --- what a policy comes to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("flag", "outcome", "stages"), [(True, "auto", ()), (False, "stages", ("owner",))])
def test_without_rules_the_plan_decides(flag, outcome, stages):
    ruling = judge(NO_RULES, plain(plan__auto_approve=flag))

    assert (ruling.outcome, ruling.stage_keys) == (outcome, stages)
    assert len(ruling.becauses) == 1


def test_a_plan_of_which_nothing_is_known_needs_the_owner():
    ruling = judge(NO_RULES, without("plan.auto_approve"))

    assert ruling.stage_keys == ("owner",)
    assert ruling.becauses[0].startswith("It is not known")


def test_a_rule_adds_its_stages_to_the_owner_with_the_reason():
    ruling = judge(policy(rule("test", TEST, "security", "legal")), plain())

    assert [(need.key, need.position, need.becauses) for need in ruling.stages] == [
        ("owner", 1, ("The plan needs the approval of the product's owner.",)),
        ("security", 2, ("test says so.",)),
        ("legal", 2, ("test says so.",)),
    ]


def test_a_rule_adds_its_stages_though_the_plan_approves_by_itself():
    ruling = judge(policy(rule("test", TEST, "security")), plain(plan__auto_approve=True))

    assert ruling.stage_keys == ("security",)


def test_approval_by_rule_spares_the_owner_and_nobody_else():
    rules = policy(rule("harmless", TEST, outcome="auto"), rule("delicate", TEST, "security"))

    assert judge(rules, plain()).stage_keys == ("security",)
    assert judge(policy(rule("harmless", TEST, outcome="auto")), plain()).outcome is Outcome.AUTO


def test_approval_by_rule_leaves_an_owner_whom_a_rule_demands():
    rules = policy(rule("harmless", TEST, outcome="auto"), rule("owned", TEST, "owner"))

    assert judge(rules, plain()).stage_keys == ("owner",)


def test_denial_wins_over_everything():
    rules = policy(
        rule("harmless", TEST, outcome="auto"), rule("no", TEST, outcome="deny"), rule("delicate", TEST, "security")
    )

    ruling = judge(rules, plain(plan__auto_approve=True))

    assert (ruling.outcome, ruling.stages, ruling.becauses) == (Outcome.DENY, (), ("no says so.",))


def test_reasons_of_a_stage_that_several_rules_ask_for_are_joined():
    rules = policy(
        rule("a", TEST, "security"), rule("b", ALWAYS, "security"), rule("c", TEST, "security", because="a says so.")
    )

    [_, security] = judge(rules, plain()).stages

    assert security.becauses == ("a says so.", "b says so.")


def test_the_order_places_stages_and_templates_place_the_rest():
    rules = policy(
        rule("a", ALWAYS, "it_delivery", "security", "architect", "manager"),
        order=[["manager"], ["security"], ["owner"]],
    )

    placed = {need.key: need.position for need in judge(rules, plain()).stages}

    assert placed == {"manager": 1, "security": 2, "architect": 2, "owner": 3, "it_delivery": 3}


def test_a_stage_that_there_is_not_is_kept_and_told():
    ruling = judge(policy(rule("a", ALWAYS, "clairvoyant")), plain())

    assert "clairvoyant" in ruling.stage_keys
    assert ruling.errors == ("There is no stage 'clairvoyant'.",)


# --- faults are strict -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"outcome": "stages", "stages": ["security"]}, Outcome.STAGES),
        ({"outcome": "deny"}, Outcome.DENY),
        ({"outcome": "auto"}, Outcome.STAGES),
        ({"outcome": "perhaps"}, Outcome.DENY),
        (None, Outcome.DENY),
    ],
)
def test_a_rule_that_cannot_be_read_counts_unless_it_approves(outcome, expected):
    broken = Policy.from_json(
        {"rules": [{"key": "a", "because": "B.", "when": leaf("weather", "equals", "x"), "then": outcome}]}
    )

    ruling = judge(broken, plain())

    assert ruling.outcome is expected
    assert ("security" in ruling.stage_keys) is bool(outcome and outcome.get("stages"))
    assert any("there is no attribute 'weather'" in error for error in ruling.errors)


# --- a product's own rules -------------------------------------------------------------------------------------------


def test_a_products_own_rules_add_stages_and_deny():
    common, own = policy(rule("a", TEST, "security")), policy(rule("b", TEST, "legal"))

    assert set(judge(common, plain(), team=own).stage_keys) == {"owner", "security", "legal"}
    assert judge(common, plain(), team=policy(rule("b", TEST, outcome="deny"))).outcome is Outcome.DENY


def test_a_products_own_rules_do_not_approve():
    ruling = judge(NO_RULES, plain(), team=policy(rule("b", ALWAYS, outcome="auto")))

    assert ruling.stage_keys == ("owner",)
    assert ruling.matched == ()
    assert "'b' cannot approve by itself" in ruling.errors[0]


def test_a_products_own_order_does_not_move_what_the_global_one_placed():
    common = policy(rule("a", ALWAYS, "security"), order=[["owner"], ["security"]])
    own = policy(rule("b", ALWAYS, "security", "legal"), order=[["legal"], ["owner"], ["compliance"], ["security"]])

    placed = {need.key: need.position for need in judge(common, plain(), team=own).stages}

    assert placed == {"owner": 1, "security": 2, "legal": 1}


# --- several products ------------------------------------------------------------------------------------------------


def test_products_share_stages_and_each_names_who_needs_it():
    rules = policy(rule("secret", leaf("product.classification", "equals", "restricted"), "security"))
    rulings = {"a": judge(rules, plain()), "b": judge(rules, plain(product__classification="restricted"))}

    whole = combine(rulings)

    assert [(need.key, need.products) for need in whole.stages] == [("owner", ("a", "b")), ("security", ("b",))]
    assert whole.as_json()["products"]["b"]["matched"][0]["rule"] == "secret"


def test_a_request_is_automatic_only_if_each_product_is_and_denied_if_one_is():
    automatic, owned = judge(NO_RULES, plain(plan__auto_approve=True)), judge(NO_RULES, plain())
    denied = judge(policy(rule("no", ALWAYS, outcome="deny")), plain())

    assert combine({"a": automatic}).is_automatic
    assert combine({"a": automatic, "b": owned}).stage_keys == ("owner",)
    assert combine({"a": automatic, "b": denied, "c": owned}).outcome is Outcome.DENY
    with pytest.raises(ValueError, match="without products"):
        combine({})


# --- the trace -------------------------------------------------------------------------------------------------------


def test_the_trace_has_every_comparison_of_every_rule():
    rules = policy(
        rule("a", {"any": [PROD, {"not": TEST}, leaf("network.country", "equals", "CH")]}, "security"),
        rule("b", leaf("scopes", "contains_any", ["pii:read", "x"]), "legal"),
    )

    first, second = judge(rules, plain(scopes=["b", "a"])).trace()

    assert (first.rule.key, first.result, first.matched) == ("a", None, True)
    assert [(told.leaf.attribute, told.found, told.result) for told in first.leaves] == [
        ("environment", "test", False),
        ("environment", "test", True),
        ("network.country", None, None),
    ]
    assert (second.result, second.matched) == (False, False)
    assert second.as_json() == {
        "rule": "b",
        "because": "b says so.",
        "outcome": "stages",
        "result": False,
        "leaves": [
            {
                "attribute": "scopes",
                "is": "contains_any",
                "wanted": ["pii:read", "x"],
                "found": ["b", "a"],
                "result": False,
            }
        ],
    }


def test_a_ruling_is_stored_with_the_rules_that_counted():
    rules = policy(rule("a", TEST, "security"), rule("b", PROD, "legal"))

    stored = judge(rules, plain()).as_json()

    assert json.loads(json.dumps(stored)) == stored
    assert [told["rule"] for told in stored["matched"]] == ["a"]
    assert [told["rule"] for told in judge(rules, plain()).as_json(whole=True)["rules"]] == ["a", "b"]


def test_a_version_is_read_once():
    raw = {"rules": [rule("a", TEST, "security")], "order": []}
    key = content_hash(raw)

    assert ready_policy(key, lambda: raw) is ready_policy(key, lambda: pytest.fail("read again"))
    assert content_hash({"order": [], "rules": raw["rules"]}) == key
    assert content_hash({**raw, "order": [["owner"]]}) != key


# --- properties ------------------------------------------------------------------------------------------------------


@given(randomly.policies(), randomly.policies(), randomly.facts(), st.sets(st.sampled_from(tuple(REGISTRY))))
def test_i8_forgetting_a_fact_never_makes_the_outcome_looser(raw, team, facts, forgotten):
    known = judge(Policy.from_json(raw), facts, team=Policy.from_json(team))
    fewer = {name: value for name, value in facts.items() if name not in forgotten}

    ruling = judge(Policy.from_json(raw), fewer, team=Policy.from_json(team))

    assert is_at_least_as_strict(ruling, known)


@given(randomly.policies(), randomly.some_facts(), st.data())
def test_i8_a_value_that_cannot_be_is_no_better_than_none(raw, facts, data):
    name = data.draw(st.sampled_from(tuple(REGISTRY)))
    nonsense = data.draw(st.sampled_from([{"a": 1}, [[]], object(), float("nan"), b"x"]))
    without_it = {key: value for key, value in facts.items() if key != name}

    rules = Policy.from_json(raw)
    ruling, other = judge(rules, {**facts, name: nonsense}), judge(rules, without_it)

    assert (ruling.outcome, ruling.stage_keys) == (other.outcome, other.stage_keys)


@given(randomly.policies(), randomly.some_facts(), st.data())
def test_i8_a_rule_that_goes_bad_never_makes_the_outcome_looser(raw, facts, data):
    sound = judge(Policy.from_json(raw), facts)
    if raw["rules"]:
        number = data.draw(st.integers(0, len(raw["rules"]) - 1))
        spoilt = {
            **raw["rules"][number],
            "when": data.draw(st.sampled_from([None, 7, {"attribute": "gone", "is": "x"}])),
        }
        raw = {**raw, "rules": [spoilt if i == number else r for i, r in enumerate(raw["rules"])]}

    assert is_at_least_as_strict(judge(Policy.from_json(raw), facts), sound)


@given(randomly.policies(), randomly.policies(), randomly.some_facts())
def test_i9_a_products_own_rules_never_take_anything_away(raw, team, facts):
    common = Policy.from_json(raw)
    alone, together = judge(common, facts), judge(common, facts, team=Policy.from_json(team))

    assert is_at_least_as_strict(together, alone)
    if together.outcome is Outcome.STAGES:
        places = {need.key: need.position for need in together.stages}
        assert all(places[need.key] == need.position for need in alone.stages if need.key in common.places)


@given(randomly.policies(), st.lists(randomly.some_facts(), min_size=1, max_size=3))
def test_a_request_is_at_least_as_strict_as_each_of_its_products(raw, products):
    rulings = {str(number): judge(Policy.from_json(raw), facts) for number, facts in enumerate(products)}

    whole = combine(rulings)

    assert all(is_at_least_as_strict(whole, ruling) for ruling in rulings.values())


@given(randomly.policies(), randomly.some_facts())
def test_i16_the_same_input_gives_the_same_ruling_after_it_was_stored(raw, facts):
    rules = Policy.from_json(raw)
    stored = json.loads(json.dumps(combine({"p": judge(rules, facts)}).as_json()))
    read_again = Policy.from_json(json.loads(json.dumps(rules.as_json())))

    again = rule_on(PastRequest("AR-1", {"p": json.loads(json.dumps(facts))}), read_again)

    assert differences(stored, again) == []


@given(randomly.policies(), randomly.some_facts())
def test_exactly_one_outcome_with_what_belongs_to_it(raw, facts):
    ruling = judge(Policy.from_json(raw), facts)

    assert (ruling.outcome is Outcome.STAGES) == bool(ruling.stages)
    assert ruling.becauses
    assert [need.position for need in ruling.stages] == sorted(need.position for need in ruling.stages)
    assert set(ruling.stage_keys) <= set(SHIPPED_STAGES)
    assert sum(len(told.leaves) for told in ruling.trace()) == sum(
        len(rule.leaves) for rule in ruling.parts[0].policy.rules
    )
    if ruling.outcome is Outcome.AUTO:
        assert Facts(facts).values.get("plan.auto_approve") or any(
            m.rule.outcome is Outcome.AUTO for m in ruling.matched
        )


def test_facts_of_any_kind_are_told_in_json():
    told: Any = judge(policy(rule("a", leaf("scopes", "contains", "x"), "legal")), plain(scopes=frozenset({"x", "a"})))

    assert json.dumps(told.as_json())
