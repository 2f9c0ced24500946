"""Reviewer groups: who answers a stage together. Filling one is how an administrator staffs a stage (C34)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from portal.accounts.models import ReviewerGroup, User, group_member
from portal.accounts.people import role_named
from portal.accounts.rights import Right, RoleName
from portal.blanks import is_blank
from portal.db import db, lock
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, record

_KEY = re.compile(r"[a-z][a-z0-9-]{1,38}")


def groups() -> Sequence[ReviewerGroup]:
    """All reviewer groups by name, with their members."""
    return db.session.scalars(
        select(ReviewerGroup).options(selectinload(ReviewerGroup.members)).order_by(ReviewerGroup.name)
    ).all()


def find_group(key: str) -> ReviewerGroup | None:
    """The group of this key."""
    return db.session.scalar(select(ReviewerGroup).where(ReviewerGroup.key == key))


def add_group(key: str, *, name: str, description: str = "", by: User | None) -> ReviewerGroup:
    """A new, empty group. Raises Invalid for a key that is not short and plain, Conflict when it is taken."""
    if not _KEY.fullmatch(key):
        raise Invalid("Use two to forty small letters, digits and hyphens, beginning with a letter.", field="key")
    if is_blank(name):
        raise Invalid("Give the group a name.", field="name")
    taken = select(ReviewerGroup.id).where((ReviewerGroup.key == key) | (ReviewerGroup.name == name.strip()))
    refusal = f"There is already a group called {name.strip()} or {key}."
    if db.session.scalar(taken):
        raise Conflict(refusal)
    group = ReviewerGroup(key=key, name=name.strip(), description=description.strip())
    db.session.add(group)
    try:
        db.session.flush()
    except IntegrityError as error:  # somebody else has made it at this moment
        raise Conflict(refusal) from error
    record(EventKind.GROUP_CREATED, subject=group, by=by, after={"key": key, "name": group.name})
    return group


def set_members(group: ReviewerGroup, people: Iterable[User], *, by: User | None) -> None:
    """Make exactly these people the members; who cannot open the Admin Portal yet becomes a reviewer as well."""
    locked = lock(ReviewerGroup, group.id)
    if locked is None:
        raise NotFound("There is no such group.")
    before, wanted = {p.email for p in locked.members}, {p.id: p for p in people}
    touched = [*locked.members, *wanted.values()]
    locked.members = [wanted[key] for key in sorted(wanted)]
    db.session.flush()
    for person in touched:
        db.session.expire(person, ["groups"])
    for person in locked.members:
        if person.active and not person.may(Right.DECIDE_REQUESTS):
            had = person.role_names
            person.roles.append(role_named(RoleName.REVIEWER))
            after = {"roles": had | {RoleName.REVIEWER}}
            record(
                EventKind.ROLES_CHANGED,
                subject=person,
                by=by,
                reason=f"Joined {locked.name}.",
                before={"roles": had},
                after=after,
            )
    after_names = {p.email for p in locked.members}
    if before != after_names:
        changed = {"members": sorted(after_names)}
        record(EventKind.GROUP_CHANGED, subject=locked, by=by, before={"members": sorted(before)}, after=changed)


def join_group(group: ReviewerGroup, person: User, *, by: User | None) -> None:
    """Put a person into a group. Raises Conflict when they are in it, Invalid when their account is closed."""
    locked = _locked(group)
    if not person.active:
        raise Invalid(f"The account of {person.email} is closed.", field="email")
    if any(member.id == person.id for member in locked.members):
        raise Conflict(f"{person.display_name} is in {locked.name} already.")
    set_members(locked, [*locked.members, person], by=by)


def leave_group(group: ReviewerGroup, person: User, *, by: User | None) -> None:
    """Take a person out of a group. Raises Conflict when they are not in it."""
    locked = _locked(group)
    staying = [member for member in locked.members if member.id != person.id]
    if len(staying) == len(locked.members):
        raise Conflict(f"{person.display_name} is not in {locked.name} any more.")
    set_members(locked, staying, by=by)


def _locked(group: ReviewerGroup) -> ReviewerGroup:
    locked = lock(ReviewerGroup, group.id)
    if locked is None:
        raise NotFound("There is no such group.")
    return locked


def members_of(key: str) -> Sequence[User]:
    """The active people in the group of this key, by key; none when there is no such group."""
    query = select(User).join(group_member).join(ReviewerGroup).where(ReviewerGroup.key == key, User.active)
    return db.session.scalars(query.order_by(User.id)).unique().all()
