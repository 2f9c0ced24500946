"""The second person's part: to see what waits, and to confirm or refuse it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import accounts, catalog
from portal.accounts import Right, RoleName, User, people_with_right
from portal.blanks import is_blank
from portal.catalog import Plan
from portal.db import db, lock
from portal.errors import Invalid, NotAllowed, NotFound
from portal.events import EventKind, record
from portal.proposals.models import ChangeKind, ChangeState, ProposedChange

LONGEST_REASON = 1_000
_NEEDS = {ChangeKind.AUTO_APPROVE: Right.SET_AUTO_APPROVE, ChangeKind.ROLES: Right.EDIT_USERS}


def find_change(change_id: int, *, seen_by: User) -> ProposedChange | None:
    """The proposed change with this key; None when it is not this person's to see."""
    change = db.session.get(ProposedChange, change_id)
    return change if change is not None and _is_seen(change, seen_by) else None


def waiting_changes(*, seen_by: User, size: int = 100) -> Sequence[ProposedChange]:
    """What waits for a second person as far as this one may see it, the oldest first."""
    query = select(ProposedChange).where(ProposedChange.state == ChangeState.WAITING).order_by(ProposedChange.id)
    people = (joinedload(ProposedChange.plan), joinedload(ProposedChange.user), joinedload(ProposedChange.asked_by))
    found = db.session.scalars(query.options(*people).limit(size)).unique().all()
    return [change for change in found if _is_seen(change, seen_by)]


def may_see_changes(person: User) -> bool:
    """Whether this person may confirm changes of some kind, or read them for the record."""
    return person.may(Right.SEE_AUDIT) or any(person.may(right) for right in _NEEDS.values())


def _is_seen(change: ProposedChange, person: User) -> bool:
    return change.asked_by_id == person.id or person.may(_NEEDS[change.kind]) or person.may(Right.SEE_AUDIT)


def waiting_about(subject: Plan | User) -> ProposedChange | None:
    """The change of this plan, or of this person, that waits for its second person."""
    column = ProposedChange.plan_id if isinstance(subject, Plan) else ProposedChange.user_id
    query = select(ProposedChange).where(ProposedChange.state == ChangeState.WAITING, column == subject.id)
    return db.session.scalars(query.options(joinedload(ProposedChange.asked_by))).unique().one_or_none()


def may_confirm(change: ProposedChange, person: User) -> bool:
    """Whether this person could be the second one: with the right, and neither who asked nor who gains by it."""
    return person.may(_NEEDS[change.kind]) and person.id not in {change.asked_by_id, change.user_id}


def second_persons(change: ProposedChange) -> list[User]:
    """Everybody who could confirm this change."""
    return [person for person in people_with_right(_NEEDS[change.kind]) if may_confirm(change, person)]


def confirm(change: ProposedChange, *, by: User) -> ProposedChange:
    """Make the change, as the second person. Raises Conflict when what it is about has changed meanwhile."""
    mine = _locked(change)
    _need_second(mine, by)
    mine.close(ChangeState.CONFIRMED, by=by)
    record(EventKind.CHANGE_CONFIRMED, subject=mine, by=by, after=dict(mine.wanted))
    if mine.plan is not None:
        catalog.change_plan(mine.plan, {"auto_approve": True}, by=by)
    elif mine.user is not None:
        wanted, seen = (
            {RoleName(name) for name in mine.wanted.get(key, ()) if name in set(RoleName)} for key in ("roles", "seen")
        )
        accounts.change_roles(mine.user, wanted, by=by, seen=seen, reason=f"Asked for by {mine.asked_by.email}.")
    return mine


def refuse(change: ProposedChange, *, by: User, reason: str) -> ProposedChange:
    """Say no, as the second person, with the reason that the record keeps."""
    said = reason.strip()
    if is_blank(said):
        raise Invalid("Give a reason: the record keeps it.", field="reason")
    if len(said) > LONGEST_REASON:
        raise Invalid(f"The reason is longer than {LONGEST_REASON} characters.", field="reason")
    mine = _locked(change)
    _need_second(mine, by)
    mine.close(ChangeState.REFUSED, by=by, reason=said)
    record(EventKind.CHANGE_REFUSED, subject=mine, by=by, reason=said)
    return mine


def take_back(change: ProposedChange, *, by: User) -> ProposedChange:
    """Give up a change that one asked for."""
    mine = _locked(change)
    if mine.asked_by_id != by.id:
        raise NotAllowed("Only the person who asked for a change can take it back.")
    mine.close(ChangeState.TAKEN_BACK, by=by)
    record(EventKind.CHANGE_TAKEN_BACK, subject=mine, by=by)
    return mine


def _locked(change: ProposedChange) -> ProposedChange:
    mine = lock(ProposedChange, change.id)
    if mine is None:
        raise NotFound("There is no such change.")
    return mine


def _need_second(change: ProposedChange, by: User) -> None:
    if not may_confirm(change, by):
        raise NotAllowed(
            "It takes a second person: somebody with the right, who neither asked for this nor gains by it."
        )
