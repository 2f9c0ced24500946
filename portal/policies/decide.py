"""The decision which stages a request must pass, with the reason for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.accounts import RoleName
from portal.catalog import ApiProduct, Plan

OWNER_STAGE: dict[str, Any] = {
    "kind": "approval",
    "sources": [{"kind": "owners"}],
    "fallback": [{"kind": "role", "role": RoleName.API_OWNER.value}],
    "quorum": {"n": 1, "mode": "total"},
}


@dataclass(frozen=True)
class StageSpec:
    """A stage that a request needs: what it is called, why, when, and how it is staffed."""

    key: str
    name: str
    because: str
    position: int
    template: Mapping[str, Any] = field(default_factory=dict)
    product_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a request needs. No stages: it is approved at once."""

    stages: tuple[StageSpec, ...]
    because: str
    denied: bool = False
    policy_version: str = ""
    facts: tuple[dict[str, Any], ...] = ()
    matched: tuple[dict[str, Any], ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """``auto``, ``deny`` or ``stages``."""
        return "deny" if self.denied else "stages" if self.stages else "auto"

    @property
    def is_automatic(self) -> bool:
        """Whether nobody has to answer."""
        return not self.stages and not self.denied


def decide(plan: Plan, products: Sequence[ApiProduct]) -> Decision:
    """The stages that a request for these products on this plan needs, by the plan as it is now.

    Products with the same owners share a stage; each further set of owners answers for its own, side by side.
    """
    if plan.auto_approve:
        return Decision((), f"{plan.display_name} approves by itself.")
    because = f"{plan.display_name} needs the approval of the product's owner."
    return Decision(tuple(owner_stages(products, because)), because)


def owner_stages(products: Sequence[ApiProduct], because: str, position: int = 1) -> list[StageSpec]:
    """One stage for each set of owners among the products."""
    groups = _by_owners(products)
    stages = []
    for owned in groups:
        names = ", ".join(product.name for product in owned)
        name = "Owner" if len(groups) == 1 else f"{names} owner"
        ids = tuple(product.id for product in owned)
        stages.append(StageSpec("owner", name[:120], because, position, OWNER_STAGE, ids))
    return stages


def explain(plan: Plan) -> str:
    """What asking for this plan will involve, in a sentence for the person who is about to ask."""
    if plan.auto_approve:
        return "Approved at once: the credential is ready as soon as you submit."
    return "Needs the owner's approval. You will get an email with the decision."


def _by_owners(products: Sequence[ApiProduct]) -> list[list[ApiProduct]]:
    groups: dict[frozenset[int], list[ApiProduct]] = {}
    for product in products:
        groups.setdefault(frozenset(owner.id for owner in product.owners), []).append(product)
    return list(groups.values())
