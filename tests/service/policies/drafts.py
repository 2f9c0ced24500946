"""Policies on their way into force, for tests."""

from __future__ import annotations

from typing import Any

from portal import policies
from portal.accounts import RoleName, User
from portal.catalog import ApiProduct
from portal.db import transaction
from portal.policies import PolicyVersion
from tests.support.builders import make_user


def a_rule(key: str = "production", *stages: str, outcome: str = "stages", when: Any = None) -> dict[str, Any]:
    """A rule that asks for these stages (security) in production."""
    condition = when or {"attribute": "environment", "is": "equals", "value": "prod"}
    then: dict[str, Any] = {"outcome": outcome}
    if outcome == "stages":
        then["stages"] = list(stages or ("security",))
    return {"key": key, "because": f"It is the rule {key}.", "when": condition, "then": then}


def drafted(
    *rules: dict[str, Any], by: User | None = None, product: ApiProduct | None = None, order: Any = ()
) -> PolicyVersion:
    """A draft of these rules."""
    author = by or make_user(RoleName.ADMINISTRATOR)
    with transaction():
        return policies.create_draft({"rules": list(rules), "order": list(order)}, product=product, by=author)


def proposed(*rules: dict[str, Any], by: User | None = None, product: ApiProduct | None = None) -> PolicyVersion:
    """A version that waits for its second person."""
    draft = drafted(*rules, by=by, product=product)
    with transaction():
        policies.ask_activation(draft, by=draft.author, revision=draft.version)
    return draft


def activated(*rules: dict[str, Any], by: User | None = None, product: ApiProduct | None = None) -> PolicyVersion:
    """A version in force, put there by a second person."""
    version = proposed(*rules, product=product)
    approver = by or make_user(RoleName.ADMINISTRATOR)
    with transaction():
        former = policies.active_version(product)
        policies.activate(
            version, by=approver, revision=version.version, in_place_of=former.id if former is not None else None
        )
    return version
