"""The cart: what a consumer means to ask for, and everything that stands in the way of submitting it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import delete, func, select

from portal.access.models import AccessRequest, CartItem
from portal.accounts import Right, User
from portal.catalog import Offer, Plan, find_offer, offers_of
from portal.db import db, now
from portal.errors import Conflict, Invalid, NotAllowed

MOST_ITEMS = 50


class Category(StrEnum):
    """What a problem is about; the cart page groups problems by it (T32)."""

    PRODUCT = "product"
    PLAN = "plan"
    APP = "app"
    CREDENTIAL = "credential"
    REASON = "reason"


@dataclass(frozen=True)
class Remedy:
    """A one-click way out: remove these items, or use this plan for all."""

    label: str
    remove_item_ids: tuple[int, ...] = ()
    use_plan_id: int | None = None


@dataclass(frozen=True)
class Problem:
    """Why the cart cannot be submitted, naming what clashes, with ways out."""

    category: Category
    message: str
    remedies: tuple[Remedy, ...] = ()


class CartRejected(Invalid):
    """The cart breaks a rule; ``problems`` says which, and nothing was lost."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


def cart_of(user: User) -> Sequence[CartItem]:
    """What is in this person's cart, in the order in which it was put there."""
    return db.session.scalars(select(CartItem).where(CartItem.user_id == user.id).order_by(CartItem.id)).all()


def cart_count(user: User) -> int:
    """How many products are in this person's cart."""
    return db.session.scalar(select(func.count()).where(CartItem.user_id == user.id)) or 0


def add_to_cart(offer: Offer, *, by: User) -> CartItem:
    """Put a product on a plan in the cart; a product that is there already takes the new plan and catalogue."""
    if not by.may(Right.REQUEST_ACCESS):
        raise NotAllowed("Only API consumers can request access.")
    item = db.session.scalar(select(CartItem).where(CartItem.user_id == by.id, CartItem.product_id == offer.product.id))
    if item is None:
        if cart_count(by) >= MOST_ITEMS:
            raise Conflict(f"Your cart holds {MOST_ITEMS} products, which is the most. Submit it first.")
        item = CartItem(user_id=by.id, product=offer.product)
        db.session.add(item)
    item.plan, item.catalogue = offer.plan, offer.catalogue
    db.session.flush()
    return item


def remove_from_cart(item_ids: Sequence[int], *, by: User) -> int:
    """Take items out of this person's own cart; says how many. Other people's carts are never touched (T27)."""
    result = db.session.execute(delete(CartItem).where(CartItem.user_id == by.id, CartItem.id.in_(item_ids)))
    return int(result.rowcount)  # type: ignore[attr-defined]


def empty_cart(by: User) -> None:
    """Take everything out of this person's own cart."""
    db.session.execute(delete(CartItem).where(CartItem.user_id == by.id))
    db.session.expire_all()


def use_plan(plan: Plan, *, by: User) -> None:
    """Use one plan for the whole cart (T24). Raises Invalid naming the products for which it is not offered."""
    items = cart_of(by)
    missing = [item.product.name for item in items if find_offer(item.product_id, plan.id, item.catalogue_id) is None]
    if missing:
        raise Invalid(f"{plan.display_name} is not offered for {_listed(missing)}.", field="plan")
    for item in items:
        item.plan = plan


def common_plans(items: Sequence[CartItem]) -> list[Plan]:
    """The plans that are offered for every product of the cart, each in its catalogue; the choice on the cart page."""
    common: dict[int, Plan] | None = None
    for item in items:
        offered = {o.plan.id: o.plan for o in offers_of(item.product) if o.catalogue.id == item.catalogue_id}
        common = offered if common is None else {k: v for k, v in common.items() if k in offered}
    return list((common or {}).values())


def fingerprint(items: Sequence[CartItem]) -> str:
    """A short mark of what the cart page showed, so that a cart changed in another tab is not submitted unseen."""
    seen = ";".join(f"{i.product_id}:{i.plan_id}.{i.plan.version}:{i.catalogue_id}" for i in items)
    return hashlib.sha256(seen.encode()).hexdigest()[:24]


def problems(items: Sequence[CartItem], *, by: User) -> list[Problem]:
    """Everything about products and plan that stands in the way of submitting this cart."""
    found = [p for item in items if (p := _offer_problem(item)) is not None]
    found += _method_problem(items)
    found += _plan_problem(items)
    if not found and items:
        found += _allowance_problem(items, by)
    return found


def groups(items: Sequence[CartItem]) -> list[list[CartItem]]:
    """The cart by catalogue; each group becomes a request of its own (T25)."""
    by_catalogue: dict[int, list[CartItem]] = defaultdict(list)
    for item in items:
        by_catalogue[item.catalogue_id].append(item)
    return list(by_catalogue.values())


def _offer_problem(item: CartItem) -> Problem | None:
    remove = Remedy(f"Remove {item.product.name}", (item.id,))
    if not item.product.is_requestable:
        because = "has been retired" if not item.product.is_open else "cannot be requested here"
        return Problem(Category.PRODUCT, f"{item.product.name} {because}.", (remove,))
    if find_offer(item.product_id, item.plan_id, item.catalogue_id) is None:
        message = f"{item.plan.display_name} is no longer offered for {item.product.name} in {item.catalogue.name}."
        return Problem(Category.PLAN, message, (remove, *_other_plans([item])))
    return None


def _method_problem(items: Sequence[CartItem]) -> list[Problem]:
    by_method: dict[str, list[CartItem]] = defaultdict(list)
    for item in items:
        by_method[item.product.auth_method.label].append(item)
    if len(by_method) < 2:
        return []
    sides = "; ".join(f"{_names(group)} ({method})" for method, group in by_method.items())
    remedies = tuple(Remedy(f"Remove {_names(group)}", tuple(i.id for i in group)) for group in by_method.values())
    message = f"All products of a request must use the same authentication method. These do not: {sides}."
    return [Problem(Category.PRODUCT, message, remedies)]


def _plan_problem(items: Sequence[CartItem]) -> list[Problem]:
    by_plan: dict[str, list[CartItem]] = defaultdict(list)
    for item in items:
        by_plan[item.plan.display_name].append(item)
    if len(by_plan) < 2:
        return []
    sides = "; ".join(f"{_names(group)} ({plan})" for plan, group in by_plan.items())
    removals = tuple(Remedy(f"Remove {_names(group)}", tuple(i.id for i in group)) for group in by_plan.values())
    message = f"All products of a request must be on one plan. These are not: {sides}."
    return [Problem(Category.PLAN, message, (*_other_plans(items), *removals))]


def _allowance_problem(items: Sequence[CartItem], by: User) -> list[Problem]:
    plan = items[0].plan
    left = allowance_left(plan, by=by)
    if left is None or left >= len(groups(items)):
        return []
    message = (
        f"Plan access quota exceeded: {plan.display_name} allows {plan.allowance_requests} "
        f"requests in {plan.allowance_days} days, for all your apps together, and {left} are left."
    )
    others = tuple(r for r in _other_plans(items) if r.use_plan_id != plan.id)
    return [Problem(Category.PLAN, message, others)]


def allowance_left(plan: Plan, *, by: User) -> int | None:
    """How many more requests this person may make on the plan now; None when there is no limit (T36)."""
    if plan.allowance_requests is None:
        return None
    used = db.session.scalar(
        select(func.count())
        .select_from(AccessRequest)
        .where(
            AccessRequest.requester_id == by.id,
            AccessRequest.plan_id == plan.id,
            AccessRequest.submitted_at > now() - timedelta(days=plan.allowance_days),
        )
    )
    return max(plan.allowance_requests - (used or 0), 0)


def _other_plans(items: Sequence[CartItem]) -> tuple[Remedy, ...]:
    return tuple(Remedy(f"Use {plan.display_name} for all", use_plan_id=plan.id) for plan in common_plans(items))


def _names(items: Sequence[CartItem]) -> str:
    return _listed([item.product.name for item in items])


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
