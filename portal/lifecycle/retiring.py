"""The end of products and plans: announced with its day and what takes its place, told to whom it touches, and done.

Nobody ends anything on numbers that are no longer true: what was shown of the impact comes back with the decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from portal import access, catalog
from portal.accounts import User
from portal.blanks import is_blank
from portal.catalog import OPEN_PRODUCT_STATES, ApiProduct, Plan, PlanState, ProductState
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid
from portal.events import EventKind, record

LONGEST_NOTICE = timedelta(days=5 * 366)


@dataclass(frozen=True)
class End:
    """When a product or plan ends, what takes its place, and why; without a day it is only said that it will."""

    on: date | None = None
    successor: ApiProduct | Plan | None = None
    reason: str = ""


def deprecate(product: ApiProduct, end: End, *, by: User, seen: str, version: int | None = None) -> ApiProduct:
    """Say that a product will go, or on another day than was said; the owners of apps that have it are told the day.

    ``seen`` is the mark of the impact that was shown. Raises Conflict when that has changed, Invalid for a bad day.
    """
    _check(product, end)
    access.refuse_unseen(product, seen)
    if product.state is not ProductState.DEPRECATED:
        product = catalog.change_product_state(
            product, ProductState.DEPRECATED, by=by, reason=end.reason, version=version
        )
        version = None
    before, after = catalog.set_product_end(product, end.on, end.successor, by=by, version=version)
    if after:
        kind = EventKind.PRODUCT_ENDING if end.on is not None else EventKind.PRODUCT_CHANGED
        record(kind, subject=product, by=by, reason=end.reason, before=before, after=after)
    return product


def retire(product: ApiProduct, *, by: User, reason: str, seen: str, version: int | None = None) -> ApiProduct:
    """Stop all access to a product at once; the owners of the apps that have it are told. Raises as ``deprecate``."""
    _refuse_unsaid(product, reason, seen)
    return catalog.change_product_state(product, ProductState.RETIRED, by=by, reason=reason, version=version)


def close_plan(plan: Plan, end: End, *, by: User, seen: str, version: int | None = None) -> Plan:
    """Offer a plan no longer; with a day, access on it ends then, and the owners of the apps that have it are told."""
    _check(plan, end)
    access.refuse_unseen(plan, seen)
    if plan.state is PlanState.RETIRED:
        raise Conflict("This plan has been retired already.")
    plan = catalog.change_plan(plan, {"state": PlanState.CLOSED}, by=by, version=version)
    before, after = catalog.set_plan_end(plan, end.on, end.successor)
    if after:
        kind = EventKind.PLAN_ENDING if end.on is not None else EventKind.PLAN_CHANGED
        record(kind, subject=plan, by=by, reason=end.reason, before=before, after=after)
    return plan


def retire_plan(plan: Plan, *, by: User | None, reason: str, seen: str, version: int | None = None) -> Plan:
    """Stop all access on a plan at once; the owners of the apps that have it are told."""
    _refuse_unsaid(plan, reason, seen)
    if plan.state is PlanState.RETIRED:
        raise Conflict("This plan has been retired already.")
    plan = catalog.change_plan(plan, {"state": PlanState.RETIRED}, by=by, version=version)
    return tell_plan_ended(plan, by=by, reason=reason)


def tell_plan_ended(plan: Plan, *, by: User | None, reason: str = "") -> Plan:
    """Tell the owners of the apps that have access on a plan that it has been retired."""
    record(EventKind.PLAN_ENDED, subject=plan, by=by, reason=reason, after={"state": plan.state})
    return plan


def products_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The products whose day has come."""
    due = select(ApiProduct.id).where(ApiProduct.retires_on <= now().date(), ApiProduct.id.not_in(list(without)))
    due = due.where(ApiProduct.state.in_(OPEN_PRODUCT_STATES)).order_by(ApiProduct.id).limit(size)
    return db.session.scalars(due).all()


def plans_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The plans whose day has come."""
    due = select(Plan.id).where(Plan.retires_on <= now().date(), Plan.id.not_in(list(without)))
    return db.session.scalars(due.where(Plan.state != PlanState.RETIRED).order_by(Plan.id).limit(size)).all()


def retire_due_product(product_id: int) -> bool:
    """Give a product whose day has come the state that it has in effect; its tokens stopped at that second anyhow."""
    product = lock(ApiProduct, product_id)
    if product is None or not product.is_open or not _has_come(product.retires_on):
        return False
    reason = "The day that was announced has come."
    catalog.change_product_state(product, ProductState.RETIRED, by=None, reason=reason)
    return True


def retire_due_plan(plan_id: int) -> bool:
    """The same for a plan."""
    plan = lock(Plan, plan_id)
    if plan is None or plan.state is PlanState.RETIRED or not _has_come(plan.retires_on):
        return False
    catalog.change_plan(plan, {"state": PlanState.RETIRED}, by=None)
    tell_plan_ended(plan, by=None, reason="The day that was announced has come.")
    return True


def _refuse_unsaid(thing: ApiProduct | Plan, reason: str, seen: str) -> None:
    """Refuse to end something on numbers that are not true, or without a word to those who lose by it."""
    access.refuse_unseen(thing, seen)
    if is_blank(reason) and access.impact_of(thing).apps:
        raise Invalid("Give a reason: whoever loses access reads it.", field="reason")


def _has_come(day: date | None) -> bool:
    return day is not None and day <= now().date()


def _check(thing: ApiProduct | Plan, end: End) -> None:
    today = now().date()
    if end.on is not None and not today < end.on <= today + LONGEST_NOTICE:
        raise Invalid("Choose a day after today, within five years.", field="retires_on")
    if end.successor is None:
        return
    if end.successor.id == thing.id:
        raise Invalid("It cannot be its own successor.", field="successor")
    stands = end.successor.is_open if isinstance(end.successor, ApiProduct) else end.successor.state is PlanState.ACTIVE
    if not stands:
        raise Invalid(f"{end.successor.label} is not offered itself.", field="successor")
