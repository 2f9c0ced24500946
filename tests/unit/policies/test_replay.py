"""What a policy would have done to past requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portal.policies.evaluate import combine, judge
from portal.policies.replay import PastRequest, differences, replay, rule_on
from portal.policies.rules import NO_RULES, Outcome, Policy
from tests.unit.policies import randomly
from tests.unit.policies.examples import PROD, TEST, leaf, plain, policy, rule

PAST = [
    *(PastRequest(f"AR-{n}", {"p": plain(environment="prod")}) for n in range(1, 4)),
    PastRequest("AR-4", {"p": plain()}),
    PastRequest("AR-5", {"p": plain(plan__auto_approve=True)}),
]


def test_the_differences_are_counted_and_listed():
    after = policy(
        rule("production", PROD, "security"),
        rule("harmless", TEST, outcome="auto"),
        rule("never", leaf("product.slug", "equals", "unheard-of"), "legal"),
    )

    found = replay(PAST, NO_RULES, after)

    assert (found.total, found.changed, found.unchanged) == (5, 4, 1)
    assert found.gained == {"security": ["AR-1", "AR-2", "AR-3"]}
    assert found.lost == {"owner": ["AR-4"]}
    assert found.became_automatic == ["AR-4"]
    assert found.dead_rules == ["never"]
    assert found.counted == {"production": 3, "harmless": 2, "never": 0}
    assert found.sentences() == [
        "3 of 5 would gain Security.",
        "1 of 5 would lose Owner.",
        "1 would become automatic: AR-4.",
    ]


def test_denial_is_told_by_itself():
    denial = policy(rule("no", PROD, outcome="deny"))

    assert replay(PAST, NO_RULES, denial).sentences() == ["3 would be denied: AR-1, AR-2 and AR-3."]
    assert replay(PAST, denial, NO_RULES).sentences() == ["3 would no longer be denied: AR-1, AR-2 and AR-3."]


def test_what_stays_automatic_and_what_does_not():
    found = replay(PAST, NO_RULES, policy(rule("all", {"all": []}, "security")))

    assert found.no_longer_automatic == ["AR-5"]


def test_no_difference_and_no_past_are_said():
    assert replay(PAST, NO_RULES, NO_RULES).sentences() == ["None of 5 past requests would have come out differently."]
    assert replay([], NO_RULES, NO_RULES).sentences() == ["There are no past requests to try this policy on."]


def test_a_long_list_is_cut_short():
    past = [PastRequest(f"AR-{n}", {"p": plain(plan__auto_approve=False)}) for n in range(30)]

    [_, sentence] = replay(past, NO_RULES, policy(rule("a", TEST, outcome="auto"))).sentences()

    assert sentence.startswith("30 would become automatic: AR-0, AR-1")
    assert sentence.endswith("AR-19 and 10 more.")


def test_the_products_own_rules_are_replayed_with_it():
    own = PastRequest("AR-1", {"p": plain()}, {"p": policy(rule("own", TEST, "legal"))})

    found = replay([own], NO_RULES, policy(rule("a", TEST, outcome="auto")))

    assert found.lost == {"owner": ["AR-1"]}
    assert found.became_automatic == []


def test_a_stored_decision_that_was_tampered_with_differs():
    request = PAST[0]
    stored = rule_on(request, policy(rule("production", PROD, "security"))).as_json()

    assert differences(stored, rule_on(request, policy(rule("production", PROD, "security")))) == []
    assert differences(stored, rule_on(request, NO_RULES)) == ["stages", "becauses", "products"]


@given(randomly.policies(), randomly.policies(), st.lists(randomly.some_facts(), max_size=4))
def test_the_numbers_add_up(before, after, facts):
    past = [PastRequest(str(n), {"p": each}) for n, each in enumerate(facts)]

    found = replay(past, Policy.from_json(before), Policy.from_json(after))

    automatic = [combine({"p": judge(Policy.from_json(after), each)}).outcome is Outcome.AUTO for each in facts]
    was = [combine({"p": judge(Policy.from_json(before), each)}).outcome is Outcome.AUTO for each in facts]
    assert len(found.became_automatic) - len(found.no_longer_automatic) == sum(automatic) - sum(was)
    assert found.total == len(facts) == found.changed + found.unchanged
    assert replay(past, Policy.from_json(before), Policy.from_json(before)).changed == 0
