"""A plain request: one of our own asks in the test environment, on a plan that the owner approves, without a form."""

from __future__ import annotations

from typing import Any

from portal.policies.facts import form_facts
from portal.policies.rules import Policy

PLAIN: dict[str, Any] = {
    "requester.email_domain": "example.com",
    "requester.roles": ["consumer"],
    "organisation.kind": "internal",
    "organisation.name": "Acme",
    "organisation.has_sponsor": False,
    "app.visibility": "personal",
    "app.age_days": 30,
    "app.grants": 1,
    "app.products": ["weather"],
    "product.slug": "payments",
    "product.category": "Finance",
    "product.tags": ["money"],
    "product.classification": "internal",
    "product.legal_basis": "contract",
    "product.regions": ["DE", "EU"],
    "product.leaves_eea": False,
    "product.lifecycle": "published",
    "product.auth_method": "oauth2_client_credentials",
    "plan.slug": "gold",
    "plan.auto_approve": False,
    "plan.quota": 10_000,
    "plan.credential_lifetime_days": 90,
    "request.kind": "new",
    "scopes": ["orders:read"],
    "environment": "test",
    "history.approved_before": False,
    "history.rejected_before": False,
    "time.hour": 10,
    "time.weekday": "mon",
    "time.local": "2026-03-02T10:00+01:00",
    **form_facts({}, set()),
}


def plain(**changes: Any) -> dict[str, Any]:
    """The facts of the plain request, with these changed; ``__`` stands for the point in a name."""
    return {**PLAIN, **{name.replace("__", "."): value for name, value in changes.items()}}


def without(*names: str, **changes: Any) -> dict[str, Any]:
    """The facts of the plain request, with some not known."""
    return {name: value for name, value in plain(**changes).items() if name not in names}


def leaf(attribute: str, operator: str, *value: Any) -> dict[str, Any]:
    """A comparison as JSON."""
    return {"attribute": attribute, "is": operator, **({"value": value[0]} if value else {})}


def rule(key: str, when: Any, *stages: str, outcome: str = "stages", because: str = "") -> dict[str, Any]:
    """A rule as JSON."""
    then = {"outcome": outcome, "stages": list(stages)} if stages else {"outcome": outcome}
    return {"key": key, "because": because or f"{key} says so.", "when": when, "then": then}


def policy(*rules: dict[str, Any], order: list[list[str]] | None = None) -> Policy:
    """A policy of these rules, which can be read."""
    read = Policy.from_json({"rules": list(rules), "order": order or []})
    assert not read.faults, read.faults
    return read


PROD, TEST = leaf("environment", "equals", "prod"), leaf("environment", "equals", "test")
ALWAYS: dict[str, Any] = {"all": []}
