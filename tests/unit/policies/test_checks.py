"""What is found when a policy is saved."""

from __future__ import annotations

import time

import pytest
from hypothesis import given

from portal.policies.checks import Finding, Severity, Surroundings, check, is_sound
from portal.policies.evaluate import judge
from portal.policies.facts import Facts
from portal.policies.rules import Policy
from tests.unit.policies import randomly
from tests.unit.policies.examples import ALWAYS, PROD, TEST, leaf, plain, policy, rule

NOT_PROD = {"not": PROD}
DELICATE = leaf("product.classification", "one_of", ["confidential", "restricted"])


def found(
    *rules, around: Surroundings | None = None, order: list[list[str]] | None = None
) -> list[tuple[str, str, str]]:
    read = Policy.from_json({"rules": list(rules), "order": order or []})
    return [(f.severity.value, f.rule, f.message) for f in check(read, around)]


def only(findings: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    [one] = findings
    return one


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_told_with_its_rule_and_place():
    broken = {**rule("a", {"all": [TEST, leaf("weather", "equals", "x")]}, "legal"), "because": ""}
    read = Policy.from_json({"rules": [rule("fine", TEST, "security"), broken]})

    findings = check(read)

    assert [(f.severity, f.rule, f.path) for f in findings] == [
        (Severity.ERROR, "a", "rules[1].because"),
        (Severity.ERROR, "a", "rules[1].when.all[1].attribute"),
    ]
    assert not is_sound(findings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "No Key"}, "must be a short name"),
        ({"because": " "}, "must be a sentence that says why"),
        ({"because": "x" * 501}, "at most 500"),
        ({"then": {"outcome": "maybe"}}, "must be 'auto', 'stages' or 'deny'"),
        ({"then": {"outcome": "stages", "stages": []}}, "at least one stage"),
        ({"then": {"outcome": "stages"}}, "at least one stage"),
        ({"then": {"outcome": "deny", "stages": ["legal"]}}, "only the outcome 'stages'"),
        ({"then": {"outcome": "stages", "stages": ["A B"]}}, "keys of stages"),
        ({"when": None}, "must be an object"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_a_rule_must_be_whole(change, message):
    severity, _, told = found({**rule("a", TEST, "legal"), **change})[0]

    assert severity == "error"
    assert message in told


def test_two_rules_need_two_keys():
    assert only(found(rule("a", TEST, "legal"), rule("a", PROD, "security")))[:2] == ("error", "a")


@pytest.mark.parametrize("order", [["owner"], [["owner"], ["owner"]], [[]], "owner", [["Bad Key"]]])
def test_the_order_must_make_sense(order):
    read = Policy.from_json({"rules": [], "order": order})

    assert not is_sound(check(read))


def test_a_stage_must_exist():
    assert "no stage 'seer'" in only(found(rule("a", TEST, "seer")))[2]
    assert "'seer' that there is not" in only(found(order=[["seer"]]))[2]


def test_a_stage_must_have_somebody():
    around = Surroundings(can_staff=lambda key: key != "legal")

    assert only(found(rule("a", TEST, "legal"), rule("b", PROD, "security"), around=around))[:2] == ("error", "a")


@pytest.mark.parametrize(
    "when",
    [
        {"all": [PROD, TEST]},
        {"all": [leaf("app.age_days", "at_least", 10), leaf("app.age_days", "at_most", 9)]},
        {"not": leaf("app.age_days", "at_least", 0)},
        {"all": [leaf("environment", "one_of", ["dev", "test"]), {"not": leaf("environment", "none_of", ["prod"])}]},
        {"all": [leaf("organisation.name", "equals", "Acme"), leaf("organisation.name", "not_equals", "ACME")]},
        {"all": [leaf("scopes", "contains", "a"), leaf("scopes", "only_of", ["b"])]},
        {"all": [leaf("plan.auto_approve", "is_true"), leaf("plan.auto_approve", "is_false")]},
        {"all": [leaf("exposure", "equals", "none"), {"not": leaf("exposure", "is_asked")}]},
        {
            "all": [
                leaf("network.address", "in_network", ["10.1.0.0/16"]),
                {"not": leaf("network.address", "in_network", ["10.0.0.0/8"])},
            ]
        },
        {
            "all": [
                leaf("time.local", "within_hours", {"from": "08:00", "until": "12:00"}),
                leaf("time.local", "within_hours", {"from": "12:00", "until": "18:00"}),
            ]
        },
    ],
)  # fmt: skip
def test_a_condition_that_contradicts_itself(when):
    severity, _, message = only(found(rule("a", when, "legal")))

    assert severity == "error"
    assert "contradicts itself" in message


# --- doubts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when",
    [
        {"any": [PROD, NOT_PROD]},
        leaf("environment", "one_of", ["dev", "test", "prod"]),
        leaf("time.hour", "at_most", 23),
        {"any": [leaf("app.age_days", "at_least", 5), leaf("app.age_days", "at_most", 5)]},
    ],
)
def test_a_condition_that_is_always_true(when):
    severity, _, message = only(found(rule("a", when, "legal")))

    assert severity == "warning"
    assert "always true" in message


def test_always_is_meant_unless_it_denies():
    assert found(rule("a", ALWAYS, "legal")) == []
    assert "every request" in only(found(rule("a", ALWAYS, outcome="deny")))[2]


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (rule("weak", {"all": [PROD, DELICATE]}, "security"), rule("strong", PROD, "security", "legal")),
        (rule("weak", PROD, "security"), rule("strong", {"any": [PROD, DELICATE]}, "security")),
        (rule("weak", PROD, "security"), rule("strong", ALWAYS, "security")),
        (rule("weak", PROD, "security"), rule("strong", leaf("environment", "none_of", ["dev"]), outcome="deny")),
        (rule("weak", PROD, outcome="deny"), rule("strong", leaf("environment", "none_of", ["dev"]), outcome="deny")),
        (rule("weak", {"all": [TEST, DELICATE]}, outcome="auto"), rule("strong", TEST, outcome="auto")),
        (
            rule("weak", leaf("app.age_days", "at_most", 3), "security"),
            rule("strong", leaf("app.age_days", "at_most", 7), "security"),
        ),
        (
            rule("weak", leaf("scopes", "contains", "a"), "security"),
            rule("strong", leaf("scopes", "contains_any", ["a", "b"]), "security"),
        ),
    ],
)
def test_a_rule_that_adds_nothing(weak, strong):
    for rules in ((weak, strong), (strong, weak)):
        severity, key, message = only(found(*rules))

        assert (severity, key) == ("warning", "weak")
        assert "'strong' does as much" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rule("a", PROD, "security"), rule("b", PROD, "legal")),
        (rule("a", PROD, "security"), rule("b", TEST, "security")),
        (rule("a", PROD, "security"), rule("b", {"all": [PROD, DELICATE]}, "security", "legal")),
        (rule("a", PROD, outcome="auto"), rule("b", PROD, "security")),
        (rule("a", {"all": [PROD, DELICATE]}, outcome="deny"), rule("b", PROD, "security")),
        # With the classification unknown, the first counts and the second may not.
        (
            rule("a", leaf("exposure", "equals", "none"), outcome="auto"),
            rule("b", leaf("exposure", "equals", "none"), "legal"),
        ),
    ],
)
def test_rules_that_each_add_something(one, other):
    assert [f for f in found(one, other) if "adds nothing" in f[2]] == []


def test_of_two_equal_rules_the_later_is_told():
    assert only(found(rule("a", PROD, "security"), rule("b", PROD, "security")))[1] == "b"


def test_approving_for_want_of_a_question_is_doubted():
    careless = rule("a", leaf("exposure", "none_of", ["customer"]), outcome="auto")
    same = rule("a", {"not": leaf("exposure", "equals", "customer")}, outcome="auto")
    careful = rule("a", leaf("exposure", "one_of", ["none", "internal"]), outcome="auto")

    assert "does not ask" in only(found(careless))[2]
    assert "does not ask" in only(found(same))[2]
    assert found(careful) == []


def test_values_that_nobody_has_are_doubted():
    around = Surroundings(known={"product.slug": ["payments"]})

    assert (
        "no 'paiments'" in only(found(rule("a", leaf("product.slug", "equals", "paiments"), "legal"), around=around))[2]
    )
    assert found(rule("a", leaf("product.slug", "equals", "Payments"), "legal"), around=around) == []


# --- a product's own rules -------------------------------------------------------------------------------------------


def test_a_products_own_rules_cannot_approve_and_are_told_what_the_global_ones_do_already():
    above = policy(rule("common", PROD, "security"))
    around = Surroundings(above=above)

    assert only(found(rule("a", TEST, outcome="auto"), around=around))[0] == "error"
    assert "the global rule 'common'" in only(found(rule("a", {"all": [PROD, DELICATE]}, "security"), around=around))[2]
    assert found(rule("a", PROD, "legal"), around=around) == []


# --- size and truth --------------------------------------------------------------------------------------------------


def test_what_compares_too_much_at_once_is_said_and_not_guessed():
    many = {"all": [leaf("scopes", "contains", f"s{n}") for n in range(12)]}

    assert "too much at once" in only(found(rule("a", many, "legal")))[2]


def test_a_search_that_takes_too_long_is_given_up_and_said(monkeypatch):
    monkeypatch.setattr("portal.policies.checks.MOST_TRIALS", 3)

    told = found(rule("a", {"all": [PROD, DELICATE]}, "security"), rule("b", {"any": [PROD, DELICATE]}, "security"))

    assert "too many rules" in only(told)[2]


def test_two_hundred_rules_are_checked_in_bounded_time():
    names = ["environment", "product.classification", "exposure", "audience", "access_level", "organisation.kind"]
    rules = []
    for number in range(200):
        parts = [leaf("app.age_days", "at_least", number), leaf("product.category", "equals", f"c{number}")]
        parts += [leaf(names[number % 6], "is_asked")] if names[number % 6] in ("exposure", "audience") else []
        rules.append(rule(f"r{number}", {"any": parts}, "security"))
    started = time.process_time()

    check(policy(*rules))

    assert time.process_time() - started < 30


@given(randomly.policies(("environment", "exposure", "app.age_days", "plan.auto_approve")), randomly.some_facts())
def test_what_is_found_is_true_of_any_facts(raw, facts):
    """A rule that is said to add nothing can be left out; one that is said to contradict itself is never true."""
    findings = check(Policy.from_json(raw))
    needless = next((f.rule for f in findings if "adds nothing" in f.message), None)
    fewer = {**raw, "rules": [r for r in raw["rules"] if r["key"] != needless]}

    whole, rest = judge(Policy.from_json(raw), facts), judge(Policy.from_json(fewer), facts)

    assert (whole.outcome, set(whole.stage_keys)) == (rest.outcome, set(rest.stage_keys))
    for rule_ in Policy.from_json(raw).rules:
        answer = rule_.when.truth(Facts(facts).values, [])
        if _said(findings, rule_.key, "contradicts itself"):
            assert answer is not True
        if _said(findings, rule_.key, "always true"):
            assert answer is not False


def _said(findings: list[Finding], key: str, words: str) -> bool:
    return any(finding.rule == key and words in finding.message for finding in findings)


def test_findings_have_mistakes_first():
    findings = check(policy(rule("a", PROD, "security"), rule("b", PROD, "security"), rule("c", TEST, "seer")))

    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.WARNING]
    assert judge(policy(rule("a", PROD, "security")), plain()).stage_keys == ("owner",)
