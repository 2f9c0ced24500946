"""Approving less than was asked: fewer products, fewer scopes, a lower plan, a shorter time. Never more (C57, I7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from portal.access.models import AccessRequest, RequestItem, RequestKind
from portal.access.terms import content_hash, terms_of
from portal.accounts import User
from portal.blanks import is_blank
from portal.catalog import Plan, offers_for
from portal.db import now
from portal.errors import Invalid
from portal.events import EventKind, record
from portal.policies import requests_a_day

MOST_DAYS = 3650
LONGEST_BECAUSE = 4_000  # it stands in the requester's mail


@dataclass(frozen=True)
class Narrowing:
    """What a reviewer approves less of. Empty fields leave things as they were asked.

    ``declined`` are product keys with the reason; ``scopes`` the scopes that are left, by product key; ``plan`` a lower
    plan; ``until`` the last day of the access.
    """

    declined: Mapping[int, str] = field(default_factory=dict)
    scopes: Mapping[int, frozenset[str]] = field(default_factory=dict)
    plan: Plan | None = None
    until: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether everything stays as it was asked."""
        return not (self.declined or self.scopes or self.plan or self.until)


def narrow(request: AccessRequest, less: Narrowing, *, by: User) -> None:
    """Make a locked request ask for less. Raises Invalid for anything that would be more, or leave nothing."""
    if less.is_empty:
        return
    if request.kind is RequestKind.BREAK_GLASS:
        raise Invalid("That access was given already. Approve it as it was, or reject it.")
    if request.kind is RequestKind.PLAN_CHANGE and less.declined:
        raise Invalid("A credential has one plan for all its products. Approve all of them, or reject the request.")
    before = _told(request)
    if less.plan is not None:
        _lower_plan(request, less.plan)
    for item in request.standing_items:
        _narrow_line(item, less)
    if not request.standing_items:
        raise Invalid("Nothing would be left of the request. Reject it instead.", field="products")
    if less.until is not None:
        _shorten(request, less.until)
    after = _told(request)
    if after == before:
        return
    request.terms = terms_of(request)
    request.revision += 1
    request.content_hash = content_hash(request)
    record(EventKind.REQUEST_NARROWED, subject=request, by=by, before=before, after=after)


def lower_plans(request: AccessRequest) -> list[Plan]:
    """The plans that allow less than the one that was asked for, and are offered for all its products.

    None when an existing credential would be extended: it keeps the plan that it has.
    """
    if request.credential_id is not None:
        return []
    products = {item.product.id: item.product for item in request.standing_items}
    plans: dict[int, Plan] = {}
    offered: dict[int, set[int]] = {}
    for offer in offers_for(list(products.values())):
        plans[offer.plan.id] = offer.plan
        offered.setdefault(offer.plan.id, set()).add(offer.product.id)
    return [p for key, p in plans.items() if offered[key] == set(products) and _is_lower(p, request.plan)]


def _narrow_line(item: RequestItem, less: Narrowing) -> None:
    because = less.declined.get(item.product_id)
    if because is not None:
        if is_blank(because):
            raise Invalid(f"Say why {item.product.name} is not approved.", field="products")
        if len(because) > LONGEST_BECAUSE:
            told = f"Why {item.product.name} is not approved has to be told in {LONGEST_BECAUSE} characters."
            raise Invalid(told, field="products")
        item.declined, item.declined_because, item.is_open = True, because.strip(), False
        return
    wanted = less.scopes.get(item.product_id)
    if wanted is None:
        return
    if not wanted <= set(item.granted_scopes):
        more = ", ".join(sorted(wanted - set(item.granted_scopes)))
        raise Invalid(f"{more} was not asked for, so it cannot be approved here.", field="scopes")
    if not wanted and item.granted_scopes:
        raise Invalid(f"Leave {item.product.name} at least one scope, or decline it.", field="scopes")
    item.approved_scopes = [scope for scope in item.granted_scopes if scope in wanted]


def _lower_plan(request: AccessRequest, plan: Plan) -> None:
    if plan.id not in {lower.id for lower in lower_plans(request)}:
        raise Invalid(f"{plan.display_name} does not allow less than {request.plan.display_name}.", field="plan")
    request.plan = plan
    for item in request.standing_items:
        allowed = set(plan.scopes_for(item.product))
        if item.granted_scopes and not allowed & set(item.granted_scopes):
            message = f"{plan.display_name} opens no scope of {item.product.name} that was asked for."
            raise Invalid(message, field="plan")
        item.approved_scopes = [scope for scope in item.granted_scopes if scope in allowed]


def _shorten(request: AccessRequest, until: date) -> None:
    today, lifetime = now().date(), request.plan.credential_lifetime_days
    if until <= today:
        raise Invalid("The access must last at least until tomorrow.", field="until")
    longest = today + timedelta(days=lifetime or MOST_DAYS)
    if until > min(longest, request.ends_on or longest):
        raise Invalid("That is longer than what was asked for.", field="until")
    request.ends_on = until


def _is_lower(plan: Plan, than: Plan) -> bool:
    return (
        plan.id != than.id
        and _at_most(_a_day(plan), _a_day(than))
        and _at_most(_rate(plan), _rate(than))
        and _at_most(plan.credential_lifetime_days, than.credential_lifetime_days)
        and (not than.scopes or (bool(plan.scopes) and set(plan.scopes) <= set(than.scopes)))
    )


def _at_most(one: float | None, other: float | None) -> bool:
    """Whether one limit allows no more than another; None allows everything."""
    return other is None or (one is not None and one <= other)


def _a_day(plan: Plan) -> float | None:
    return requests_a_day(plan.quota_requests, plan.quota_period)


def _rate(plan: Plan) -> float | None:
    return plan.rate_requests / max(1, plan.rate_seconds) if plan.rate_requests is not None else None


def _told(request: AccessRequest) -> dict[str, Any]:
    return {
        "plan": request.plan.display_name,
        "products": {item.product.name: list(item.granted_scopes) for item in request.standing_items},
        "until": request.ends_on,
    }
