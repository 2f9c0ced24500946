"""Making and changing plans."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from portal.accounts import Right, User
from portal.catalog import fields
from portal.catalog.models import LeakAction, Plan, PlanState
from portal.catalog.storing import changes, locked, need, new_values, refuse_taken, set_end, store
from portal.errors import Invalid
from portal.events import EventKind, record

DESCRIPTION_LENGTH = 20_000
PLAN_FIELDS: dict[str, fields.Check] = {
    "name": fields.line("The name", 120, required=True),
    "display_name": fields.line("The display name", 120),
    "description": fields.prose("The description", DESCRIPTION_LENGTH),
    "quota_requests": fields.number("The quota", optional=True),
    "quota_period": fields.period,
    "rate_requests": fields.number("The rate limit", optional=True),
    "rate_seconds": fields.number("The rate limit’s seconds", most=86_400),
    "credential_lifetime_days": fields.number("The credential’s lifetime in days", most=36_500, optional=True),
    "token_lifetime_seconds": fields.number("The token’s lifetime in seconds", least=60, most=86_400),
    "rotate_every_days": fields.number("The days after which a secret is rotated", most=3_650, optional=True),
    "overlap_days": fields.number("The overlap in days", least=0, most=90),
    "leak_action": fields.one_of(LeakAction, "When a secret leaks"),
    "scopes": fields.scope_names,
    "auto_approve": fields.truth,
    "reason_required": fields.truth,
    "allowance_requests": fields.number("The allowance", optional=True),
    "allowance_days": fields.number("The allowance’s days", most=3_650),
    "state": fields.one_of(PlanState, "State"),
}
NEW_PLAN_FIELDS = {**PLAN_FIELDS, "slug": fields.slug(80)}


def create_plan(values: Mapping[str, Any], *, by: User | None) -> Plan:
    """A new plan. That it approves by itself, or gives access without an end, needs rights of their own."""
    need(Right.EDIT_PLANS, by, "You cannot make plans.")
    given = new_values(values, NEW_PLAN_FIELDS, Plan)
    given["display_name"] = given.get("display_name") or given["name"]
    if given.get("auto_approve"):
        _need_auto_approve(by)
    _refuse_no_end(given.get("credential_lifetime_days"), by)
    usual_overlap = Plan.__table__.c.overlap_days.default.arg
    _refuse_endless_overlap(given.get("rotate_every_days"), given.get("overlap_days", usual_overlap))
    plan = Plan(**given)
    store(plan)
    record(EventKind.PLAN_CREATED, subject=plan, by=by, after=given)
    return plan


def change_plan(plan: Plan, values: Mapping[str, Any], *, by: User | None, version: int | None = None) -> Plan:
    """Change a plan. That it approves by itself, or gives access without an end, needs rights of their own."""
    need(Right.EDIT_PLANS, by, "You cannot change plans.")
    plan = locked(Plan, plan, version, "plan")
    given = fields.checked(values, PLAN_FIELDS)
    if "display_name" in given:
        given["display_name"] = given["display_name"] or given.get("name", plan.name)
    before, after = changes(plan, given)
    if "auto_approve" in after:
        _need_auto_approve(by)
    if "credential_lifetime_days" in after:
        _refuse_no_end(after["credential_lifetime_days"], by)
    refuse_taken(Plan, after, plan)
    if after.get("state") is PlanState.ACTIVE and plan.retires_on is not None:
        before["retires_on"], after["retires_on"] = plan.retires_on, None  # what was announced is off
    for field, value in after.items():
        setattr(plan, field, value)
    _refuse_endless_overlap(plan.rotate_every_days, plan.overlap_days)
    if after:
        store(plan)
        record(EventKind.PLAN_CHANGED, subject=plan, by=by, before=before, after=after)
    return plan


def set_plan_end(plan: Plan, on: date | None, successor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set the day on which a locked plan is retired and what takes its place; what that changed, before and after."""
    return set_end(plan, on, successor)


def _need_auto_approve(by: User | None) -> None:
    need(Right.SET_AUTO_APPROVE, by, "Only plan managers and administrators can let a plan approve by itself.")


def _refuse_no_end(days: int | None, by: User | None) -> None:
    """Raise Invalid for access that would never end, unless this person may decide that (C83)."""
    if days is None and by is not None and not by.may(Right.SET_NO_END):
        message = "Only plan managers and administrators can let access go on without an end. Enter a number of days."
        raise Invalid(message, field="credential_lifetime_days")


def _refuse_endless_overlap(every_days: int | None, overlap_days: int) -> None:
    """Raise Invalid for an old secret that would stay good until the next rotation: it would never be gone."""
    if every_days is not None and overlap_days >= every_days:
        raise Invalid("The overlap must be shorter than the time between two rotations.", field="overlap_days")
