"""Access asked for by a program in a person's name: the rules of the cart, without the cart (C81, T57, T58)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal import credentials, policies
from portal.access.cart import MOST_ITEMS, hold_cart
from portal.access.decide import withdraw
from portal.access.ending import revoke_access
from portal.access.form import form_of
from portal.access.holdings import grants_from
from portal.access.models import AccessRequest, CartItem, RequestStatus
from portal.access.queries import requests_numbered
from portal.access.repeating import made_before, remember
from portal.access.submit import submit_items
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Offer, find_product_by_slug, offers_for
from portal.credentials import Credential
from portal.errors import Conflict, Invalid, NotAllowed

TAKEN_BACK = "Its request was deleted by the program that had made it."


@dataclass(frozen=True)
class Order:
    """What a program asks for, in the words of addresses: products and plan by slug, a credential by client id."""

    products: Sequence[str]
    plan: str
    catalogue: str = ""
    environment: Environment = Environment.TEST
    reason: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    client_id: str = ""


def ask_for(
    order: Order, app: DeveloperApp, *, by: User, key: str = "", content: bytes = b""
) -> Sequence[AccessRequest]:
    """The requests that come of this order: one for each catalogue that is needed, judged as from the cart.

    What the plan approves by itself is approved at once, and nothing else is (T57). ``key`` is the program's
    Idempotency-Key, and ``content`` what it sent: the same call again makes nothing new. The person's own cart stays as
    it is. Raises Invalid naming the field, CartRejected with every problem, NotAllowed for somebody else's app.
    """
    hold_cart(by)
    before = made_before(key, content, by=by)
    if before is not None:
        return requests_numbered(before, seen_by=by)
    items = _items(order)
    made = submit_items(
        items,
        app,
        by=by,
        reason=order.reason,
        credential=_credential(order, app),
        environment=order.environment,
        answers={key: _typed(value) for key, value in order.answers.items()},
        form_ids=form_of(items, order.environment).form_ids,
        versions={},
    )
    remember(key, content, [request.number for request in made], by=by)
    return made


def look_up(order: Order, app: DeveloperApp | None, *, by: User) -> None:
    """Ask the systems outside what a decision on this order will need: before a transaction, never within one."""
    if policies.asks_outside() and app is not None and app.owner_id == by.id:
        found = [find_product_by_slug(slug) for slug in dict.fromkeys(order.products[:MOST_ITEMS])]
        policies.look_up(app, [product for product in found if product is not None], order.environment.value)


def end_request(request: AccessRequest, *, by: User) -> AccessRequest:
    """Delete one's own request as far as that goes: its record stays, and what it gave ends (T58, I14).

    A pending request is withdrawn. What an approved one gave is revoked, and its credential with the last access that
    it opens. Raises NotAllowed for somebody else's, Conflict when there is nothing left to end.
    """
    if request.requester_id != by.id:
        raise NotAllowed("Only the person who made a request can delete it.")
    if request.is_pending:
        return withdraw(request, by=by)
    held = [grant for grant in grants_from(request) if grant.is_held]
    if request.status is not RequestStatus.APPROVED or not held:
        raise Conflict(f"{request.number} gives no access, so there is nothing to end.")
    for grant in held:
        revoke_access(grant, by=by, reason=TAKEN_BACK)
    return request


def _typed(answer: Any) -> Any:
    """An answer as a page could send it: when a link was given is for us to say."""
    return {name: answer.get(name, "") for name in ("url", "title")} if isinstance(answer, Mapping) else answer


def _items(order: Order) -> list[CartItem]:
    wanted = list(dict.fromkeys(order.products))
    if not 1 <= len(wanted) <= MOST_ITEMS:
        raise Invalid(f"Name 1 to {MOST_ITEMS} products.", field="products")
    products = {slug: find_product_by_slug(slug) for slug in wanted}
    known = [product for product in products.values() if product is not None and product.is_requestable]
    offers = offers_for(known)
    chosen = _chosen(order, offers)
    missing = [slug for slug, product in products.items() if product is None or product.id not in chosen]
    if missing:
        where = f" in the catalogue {order.catalogue}" if order.catalogue else ""
        message = f"On the plan {order.plan} nobody offers {policies.joined(missing, 'and')}{where}."
        raise Invalid(message, field=_amiss(order, known, offers))
    return [
        CartItem(
            id=0,
            product_id=offer.product.id,
            plan_id=offer.plan.id,
            catalogue_id=offer.catalogue.id,
            product=offer.product,
            plan=offer.plan,
            catalogue=offer.catalogue,
        )
        for offer in (chosen[product.id] for product in known)
    ]


def _amiss(order: Order, known: Sequence[ApiProduct], offers: Sequence[Offer]) -> str:
    """The field to look at: the products, unless each of them is offered and only not so."""
    if len(known) < len(set(order.products)) or {offer.product.id for offer in offers} != {p.id for p in known}:
        return "products"
    plans = {offer.plan.slug for offer in offers}
    catalogues = {offer.catalogue.slug for offer in offers}
    if order.plan not in plans:
        return "plan"
    return "catalogue" if order.catalogue and order.catalogue not in catalogues else "products"


def _chosen(order: Order, all_offers: Sequence[Offer]) -> dict[int, Offer]:
    """An offer for each product: of the named catalogue, else of the one that has most of them."""
    offers = [
        offer for offer in all_offers if offer.plan.slug == order.plan and order.catalogue in {"", offer.catalogue.slug}
    ]
    held: dict[int, int] = {}
    for offer in offers:
        held[offer.catalogue.id] = held.get(offer.catalogue.id, 0) + 1
    chosen: dict[int, Offer] = {}
    for offer in sorted(offers, key=lambda each: (-held[each.catalogue.id], each.catalogue.id)):
        chosen.setdefault(offer.product.id, offer)
    return chosen


def _credential(order: Order, app: DeveloperApp) -> Credential | None:
    if not order.client_id:
        return None
    found = credentials.find_credential_by_client_id(order.client_id) if order.client_id.isascii() else None
    if found is None or found.app_id != app.id:
        raise Invalid("This app has no credential with that client id.", field="client_id")
    return found
