"""The decision which stages a request must pass, with the reason for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.accounts import User
from portal.catalog import ApiProduct, Plan
from portal.policies.reviewers import reviewers_for


@dataclass(frozen=True)
class StageSpec:
    """A stage that a request needs: what it is called, why, and who is asked."""

    key: str
    name: str
    because: str
    position: int
    reviewers: tuple[User, ...]


@dataclass(frozen=True)
class Decision:
    """What a request needs. No stages: it is approved at once."""

    stages: tuple[StageSpec, ...]
    because: str

    @property
    def is_automatic(self) -> bool:
        """Whether nobody has to answer."""
        return not self.stages


def decide(plan: Plan, products: Sequence[ApiProduct], *, requester: User) -> Decision:
    """The stages that a request for these products on this plan needs, by the plan as it is now.

    Products with the same owners share a stage; each further set of owners answers for its own, side by side.
    """
    if plan.auto_approve:
        return Decision((), f"{plan.display_name} approves by itself.")
    because = f"{plan.display_name} needs the approval of the product's owner."
    stages, groups = [], _by_owners(products)
    for owned in groups:
        names = ", ".join(product.name for product in owned)
        name = "Owner" if len(groups) == 1 else f"{names} owner"
        stages.append(
            StageSpec("owner", name[:120], because, 1, tuple(reviewers_for(owned[0].owners, requester=requester)))
        )
    return Decision(tuple(stages), because)


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
