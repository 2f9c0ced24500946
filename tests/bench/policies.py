"""P8: policy decisions a second in one process, with the trace of every comparison of every rule."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any

from portal.policies.evaluate import Ruling, judge
from portal.policies.facts import form_facts
from portal.policies.rules import Policy
from portal.policies.shipped import shipped_policies
from tests.bench.measure import Contender, Cost, Processes, alternate
from tests.bench.report import Figure, plain

RULES, REQUESTS = 200, 500
CLASSES, PLACES, PARTIES = (
    ("public", "internal", "confidential", "restricted"),
    ("dev", "test", "prod"),
    ("internal", "partner", "vendor"),
)
SCOPES = tuple(f"{thing}:{deed}" for thing in ("orders", "pii", "money", "stock") for deed in ("read", "write"))
STAGES = ("security", "compliance", "legal", "architect", "sponsor", "it_delivery")


def policies() -> list[Figure]:
    """The shipped standard paths, and two hundred rules, on five hundred different requests."""
    dice = random.Random(8)
    requests = [_request(dice) for _ in range(REQUESTS)]
    shipped = shipped_policies()["standard-paths"].policy
    large = Policy.from_json({"rules": [_rule(dice, number) for number in range(RULES)], "order": [["owner"]]})
    assert not large.faults
    cost = alternate(
        {
            "shipped": _contender(shipped, requests, lambda ruling: ruling),
            "large": _contender(large, requests, lambda ruling: ruling),
            "shipped, told": _contender(shipped, requests, lambda ruling: ruling.as_json(whole=True)),
            "large, told": _contender(large, requests, lambda ruling: ruling.as_json(whole=True)),
        }
    )
    comparisons = sum(len(rule.leaves) for rule in large.rules)
    many = f"{RULES} rules with {comparisons} comparisons"
    return [
        _figure("decision with a trace, shipped policy", cost["shipped"], 30_000),
        _figure(f"decision with a trace, {many}", cost["large"], 3_000),
        _figure("the same, the whole trace written out as JSON, shipped policy", cost["shipped, told"], None),
        _figure(f"the same, the whole trace written out as JSON, {RULES} rules", cost["large, told"], None),
    ]


def _contender(policy: Policy, requests: Sequence[dict[str, Any]], then: Callable[[Ruling], object]) -> Contender:
    source: Iterator[dict[str, Any]] = cycle(requests)

    def work(times: int) -> None:
        for _ in range(times):
            then(judge(policy, next(source)))

    return Contender(work, Processes(None, None))


def _figure(what: str, cost: Cost, goal: int | None) -> Figure:
    per_second = 1e6 / cost.cpu
    words, met = (f"≥ {goal:,}/s", per_second >= goal) if goal else ("", None)
    return plain("P8", what, "–", f"{cost.own:,.0f} µs, {per_second:,.0f} a second of CPU", words, met)


def _request(dice: random.Random) -> dict[str, Any]:
    """Everything that is known of a request; its form asks for some of it."""
    answers = {"exposure": dice.choice(("none", "internal", "customer")), "audience": dice.choice(PARTIES[:1])}
    return {
        "requester.email_domain": dice.choice(("ours.example", "theirs.example")),
        "requester.roles": ["consumer"],
        "organisation.kind": dice.choice(PARTIES),
        "organisation.name": f"Organisation {dice.randrange(40)}",
        "organisation.has_sponsor": dice.random() < 0.5,
        "app.visibility": dice.choice(("personal", "organisation")),
        "app.age_days": dice.randrange(1_000),
        "app.grants": dice.randrange(20),
        "product.slug": f"product-{dice.randrange(100)}",
        "product.category": f"Category {dice.randrange(10)}",
        "product.tags": dice.sample(("money", "people", "goods", "places"), 2),
        "product.classification": dice.choice(CLASSES),
        "product.legal_basis": dice.choice(("contract", "consent", None)),
        "product.regions": dice.choice((["EU"], ["EU", "US"], None)),
        "product.leaves_eea": dice.choice((False, True, None)),
        "product.lifecycle": "published",
        "product.auth_method": "oauth2_client_credentials",
        "plan.slug": f"plan-{dice.randrange(6)}",
        "plan.auto_approve": dice.random() < 0.5,
        "plan.quota": dice.randrange(100_000),
        "plan.credential_lifetime_days": 90,
        "request.kind": "new",
        "scopes": dice.sample(SCOPES, 3),
        "environment": dice.choice(PLACES),
        "history.approved_before": dice.random() < 0.5,
        "history.rejected_before": dice.random() < 0.1,
        "time.hour": dice.randrange(24),
        "time.weekday": "mon",
        "time.local": f"2026-03-02T{dice.randrange(24):02}:15+01:00",
        **form_facts(answers, set(answers)),
    }


def _rule(dice: random.Random, number: int) -> dict[str, Any]:
    """A rule as a large organisation would have it: a team, a product or a kind of data, and when it applies."""
    leaves = [
        {"attribute": "product.slug", "is": "equals", "value": f"product-{number % 100}"},
        {"attribute": "product.classification", "is": "one_of", "value": dice.sample(CLASSES, 2)},
        {"attribute": "environment", "is": "equals", "value": dice.choice(PLACES)},
        {"attribute": "scopes", "is": "contains_any", "value": dice.sample(SCOPES, 2)},
        {"attribute": "plan.quota", "is": "at_least", "value": dice.randrange(100_000)},
        {"attribute": "exposure", "is": "one_of", "value": ["customer", "sensitive"]},
        {"attribute": "organisation.kind", "is": "not_equals", "value": "internal"},
    ]
    first, second, third, fourth = dice.sample(leaves, 4)
    when = {"all": [first, {"any": [second, {"not": third}]}, *([fourth] if number % 2 else [])]}
    then = {"outcome": "stages", "stages": dice.sample(STAGES, 2)}
    return {"key": f"rule-{number}", "because": f"Reason {number} asks for it.", "when": when, "then": then}
