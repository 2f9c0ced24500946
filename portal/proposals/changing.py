"""Changing what opens doors: a plan's automatic approval and people's roles, at once or with a second person.

What only closes something is done at once in any case: nobody has to be found in order to be stricter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal import accounts, catalog
from portal.accounts import Right, RoleName, User
from portal.catalog import Plan
from portal.db import db
from portal.errors import Conflict, NotAllowed
from portal.events import EventKind, record
from portal.proposals.models import ChangeKind, ProposedChange

AUTO = "auto_approve"


def create_plan(values: Mapping[str, Any], *, by: User, four_eyes: bool) -> tuple[Plan, ProposedChange | None]:
    """Make a plan; with ``four_eyes`` it approves by itself only once somebody has confirmed that."""
    if not (four_eyes and values.get(AUTO)):
        return catalog.create_plan(values, by=by), None
    plan = catalog.create_plan({**values, AUTO: False}, by=by)
    return plan, _propose_auto_approve(plan, by)


def change_plan(
    plan: Plan, values: Mapping[str, Any], *, by: User, version: int | None, four_eyes: bool
) -> tuple[Plan, ProposedChange | None]:
    """Change a plan; with ``four_eyes`` all of it but automatic approval, which waits for a second person.

    Gives the plan and what waits. Raises what ``catalog.change_plan`` raises.
    """
    loosens = bool(values.get(AUTO)) and not plan.auto_approve
    if not (four_eyes and loosens):
        return catalog.change_plan(plan, values, by=by, version=version), None
    changed = catalog.change_plan(plan, {k: v for k, v in values.items() if k != AUTO}, by=by, version=version)
    return changed, _propose_auto_approve(changed, by)


def change_roles(
    person: User, roles: Iterable[RoleName], *, by: User, seen: Iterable[RoleName], four_eyes: bool
) -> ProposedChange | None:
    """Give a person exactly these roles; with ``four_eyes`` a change that adds one waits for a second person."""
    wanted, before = set(roles), set(seen)
    if not (four_eyes and wanted - person.role_names):
        accounts.change_roles(person, wanted, by=by, seen=before)
        return None
    if not by.may(Right.EDIT_USERS):
        raise NotAllowed("You cannot change roles.")
    if person.id == by.id:
        raise NotAllowed("You cannot give yourself a role. Another administrator can.")
    if before != person.role_names:
        raise Conflict("Somebody else changed these roles meanwhile. Look at them again before you go on.")
    asked = {"roles": sorted(role.value for role in wanted), "seen": sorted(role.value for role in before)}
    return _propose(ProposedChange(kind=ChangeKind.ROLES, user=person, wanted=asked, asked_by=by))


def _propose_auto_approve(plan: Plan, by: User) -> ProposedChange:
    if not by.may(Right.SET_AUTO_APPROVE):
        raise NotAllowed("Only plan managers and administrators can let a plan approve by itself.")
    return _propose(ProposedChange(kind=ChangeKind.AUTO_APPROVE, plan=plan, wanted={AUTO: True}, asked_by=by))


def _propose(change: ProposedChange) -> ProposedChange:
    try:
        with db.session.begin_nested():
            db.session.add(change)
    except IntegrityError as error:
        raise Conflict(f"{change.label}: another change waits for its second person already.") from error
    record(EventKind.CHANGE_PROPOSED, subject=change, by=change.asked_by, after=dict(change.wanted))
    return change
