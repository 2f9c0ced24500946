"""The cart: what a consumer means to ask for."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select

from portal.access.models import CartItem
from portal.accounts import Right, User
from portal.catalog import Offer, Plan, offers_for
from portal.db import db
from portal.errors import Conflict, Invalid, NotAllowed
from portal.policies import joined

MOST_ITEMS = 50
_OF_PERSON = CartItem.user_id == bindparam("person")
_CART = select(CartItem).where(_OF_PERSON).order_by(CartItem.id)
_HOLD = select(User.active).where(User.id == bindparam("person")).with_for_update(key_share=True)
_EMPTY = delete(CartItem).where(_OF_PERSON).execution_options(synchronize_session=False)


def cart_of(user: User) -> Sequence[CartItem]:
    """What is in this person's cart, in the order in which it was put there."""
    return db.session.scalars(_CART, {"person": user.id}).all()


def cart_count(user: User) -> int:
    """How many products are in this person's cart."""
    return db.session.scalar(select(func.count()).where(CartItem.user_id == user.id)) or 0


def hold_cart(by: User) -> Sequence[CartItem]:
    """The person's cart, which nobody else changes until the transaction ends: two tabs wait here for each other."""
    if not db.session.scalar(_HOLD, {"person": by.id}):  # held, and no more of them read anew than this
        raise NotAllowed("This account is closed.")
    return cart_of(by)


def add_to_cart(offer: Offer, *, by: User) -> CartItem:
    """Put a product on a plan in the cart; a product that is there already takes the new plan and catalogue."""
    if not by.may(Right.REQUEST_ACCESS):
        raise NotAllowed("Only API consumers can request access.")
    items = hold_cart(by)
    item = next((item for item in items if item.product_id == offer.product.id), None)
    if item is None:
        if len(items) >= MOST_ITEMS:
            raise Conflict(f"Your cart holds {MOST_ITEMS} products, which is the most. Submit it first.")
        item = CartItem(user_id=by.id, product=offer.product)
        db.session.add(item)
    item.plan, item.catalogue = offer.plan, offer.catalogue
    db.session.flush()
    return item


def remove_from_cart(item_ids: Sequence[int], *, by: User) -> list[str]:
    """Take items out of this person's own cart; says which products. Other people's carts are never touched (T27)."""
    removed = [item for item in hold_cart(by) if item.id in set(item_ids)]
    for item in removed:
        db.session.delete(item)
    db.session.flush()
    return [item.product.name for item in removed]


def empty_cart(by: User) -> None:
    """Take everything out of this person's own cart."""
    db.session.execute(_EMPTY, {"person": by.id})


def use_plan(plan: Plan, *, by: User) -> None:
    """Use one plan for the whole cart (T24). Raises Invalid naming the products for which it is not offered."""
    items = hold_cart(by)
    on_offer = offered(items)
    missing = [i.product.name for i in items if (i.product_id, plan.id, i.catalogue_id) not in on_offer]
    if missing:
        raise Invalid(f"{plan.display_name} is not offered for {joined(missing, 'and')}.", field="plan")
    for item in items:
        item.plan = plan


def common_plans(items: Sequence[CartItem]) -> list[Plan]:
    """The plans that are offered for every product of the cart, each in its catalogue; the choice on the cart page."""
    if not items:
        return []
    on_offer = offered(items)
    plans = {offer.plan.id: offer.plan for offer in on_offer.values()}
    return [p for p in plans.values() if all((i.product_id, p.id, i.catalogue_id) in on_offer for i in items)]


def offered(items: Sequence[CartItem]) -> dict[tuple[int, int, int], Offer]:
    """What is offered now for the products of the cart, by product, plan and catalogue."""
    offers = offers_for([item.product for item in items])
    return {(offer.product.id, offer.plan.id, offer.catalogue.id): offer for offer in offers}


def fingerprint(items: Sequence[CartItem]) -> str:
    """A short mark of what the cart page showed, so that a cart changed in another tab is not submitted unseen."""
    seen = ";".join(f"{i.product_id}:{i.plan_id}.{i.plan.version}:{i.catalogue_id}" for i in items)
    return hashlib.sha256(seen.encode()).hexdigest()[:24]


def groups(items: Sequence[CartItem]) -> list[list[CartItem]]:
    """The cart by catalogue; each group becomes a request of its own (T25)."""
    by_catalogue: dict[int, list[CartItem]] = defaultdict(list)
    for item in items:
        by_catalogue[item.catalogue_id].append(item)
    return list(by_catalogue.values())
