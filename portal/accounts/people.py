"""People and what changes about them. Passwords arrive here already hashed (argon2, by Flask-Security)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, or_, select

from portal.accounts.models import Organisation, Role, User, user_role
from portal.accounts.rights import ROLE_RIGHTS, Right, RoleName
from portal.accounts.sessions import end_sessions
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, changed_fields, record

DEFAULT_ORGANISATION = "Independent developers"
EDITABLE_FIELDS = frozenset({"name"})
LONGEST_NAME = 120


def organisation_named(name: str) -> Organisation:
    """The organisation of this name, made when there is none."""
    found = db.session.scalar(select(Organisation).where(Organisation.name == name))
    if found is None:
        found = Organisation(name=name)
        db.session.add(found)
        db.session.flush()
    return found


def default_organisation() -> Organisation:
    """The organisation of people who belong to none."""
    found = db.session.scalar(select(Organisation).where(Organisation.is_default))
    if found is None:
        found = organisation_named(DEFAULT_ORGANISATION)
        found.is_default = True
        db.session.flush()
    return found


def organisations() -> Sequence[Organisation]:
    """All organisations by name."""
    return db.session.scalars(select(Organisation).order_by(Organisation.name)).all()


def role_named(name: RoleName) -> Role:
    """The stored role of this name, made when there is none."""
    found = db.session.scalar(select(Role).where(Role.name == name.value))
    if found is None:
        found = Role(name=name.value)
        db.session.add(found)
        db.session.flush()
    return found


def add_person(
    email: str,
    *,
    name: str = "",
    roles: Iterable[RoleName] = (RoleName.CONSUMER,),
    organisation: Organisation | None = None,
    password_hash: str | None = None,
    confirmed: bool = True,
    by: User | None = None,
) -> User:
    """A new account. Raises Conflict when the address is taken."""
    address = email.strip().lower()
    if find_person_by_email(address) is not None:
        raise Conflict(f"There is already an account for {address}.")
    person = User(
        email=address,
        name=name,
        password=password_hash,
        roles=[role_named(role) for role in roles],
        organisation=organisation or default_organisation(),
        fs_uniquifier=secrets.token_hex(32),
        confirmed_at=now() if confirmed else None,
    )
    db.session.add(person)
    db.session.flush()
    record(EventKind.REGISTERED, subject=person, by=by or person, after={"roles": person.role_names})
    return person


def usable_name(text: str) -> str:
    """A person's name in one line, without invisible control signs. Raises Invalid when it is too long."""
    name = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters.", field="name")
    return name


def find_person(user_id: int) -> User | None:
    """The person with this key."""
    return db.session.get(User, user_id)


def find_person_by_email(email: str) -> User | None:
    """The person with this address, whatever its case."""
    return db.session.scalar(select(User).where(User.email == email.strip().lower()))


def people_with_role(role: RoleName) -> Sequence[User]:
    """Active people who have this role, by key."""
    query = select(User).join(user_role).join(Role).where(Role.name == role.value, User.active).order_by(User.id)
    return db.session.scalars(query).unique().all()


def people_with_right(*rights: Right) -> Sequence[User]:
    """Active people whose roles give them at least one of these rights, by key."""
    roles = [role.value for role, given in ROLE_RIGHTS.items() if given & set(rights)]
    mine = select(user_role.c.user_id).join(Role, Role.id == user_role.c.role_id).where(Role.name.in_(roles))
    return db.session.scalars(select(User).where(User.id.in_(mine), User.active).order_by(User.id)).unique().all()


def people_page(*, search: str = "", role: str = "", after_email: str = "", size: int = 50) -> Sequence[User]:
    """People by address, paged by key: at most ``size`` of those after ``after_email``."""
    query = select(User).order_by(User.email).limit(size)
    if search:
        query = query.where(
            or_(User.email.icontains(search, autoescape=True), User.name.icontains(search, autoescape=True))
        )
    if role:
        query = query.where(User.roles.any(Role.name == role))
    if after_email:
        query = query.where(User.email > after_email)
    return db.session.scalars(query).unique().all()


def change_person(person: User, values: Mapping[str, Any], *, by: User) -> None:
    """Change what people may change about an account. Raises Invalid for any other field."""
    if unknown := set(values) - EDITABLE_FIELDS:
        raise Invalid(f"{', '.join(sorted(unknown))} cannot be changed here.")
    if "name" in values:
        values = {**values, "name": usable_name(str(values["name"]))}
    before, after = changed_fields(person, values)
    for field, value in after.items():
        setattr(person, field, value)
    if after:
        record(EventKind.PERSON_CHANGED, subject=person, by=by, before=before, after=after)


def change_roles(
    person: User, roles: Iterable[RoleName], *, by: User, reason: str = "", seen: Iterable[RoleName] | None = None
) -> None:
    """Give a person exactly these roles and end their sessions, so that an old page has no old rights.

    ``seen`` are the roles that were on the screen. Raises Conflict when somebody changed them meanwhile, or when
    Portico would be left without an active administrator; NotAllowed when people would raise themselves.
    """
    wanted = set(roles)
    _hold(person)
    before = person.role_names
    if seen is not None and set(seen) != before:
        raise Conflict("Somebody else changed these roles meanwhile. Look at them again before you go on.")
    if wanted == before:
        return
    if person.id == by.id and wanted - before:
        raise NotAllowed("You cannot give yourself a role. Another administrator can.")
    if RoleName.ADMINISTRATOR not in wanted:
        _keep_an_administrator(person)
    person.roles = [role_named(role) for role in sorted(wanted)]
    end_sessions(person)
    record(
        EventKind.ROLES_CHANGED, subject=person, by=by, reason=reason, before={"roles": before}, after={"roles": wanted}
    )


def deactivate(person: User, *, by: User, reason: str = "") -> None:
    """Close an account at once: no sign-in, no session, and no token for their apps while it lasts."""
    _hold(person)
    if not person.active:
        raise Conflict("This account is not active.")
    _keep_an_administrator(person)
    person.active = False
    person.forget_new_address()
    end_sessions(person)
    record(EventKind.DEACTIVATED, subject=person, by=by, reason=reason)


def reactivate(person: User, *, by: User, reason: str = "") -> None:
    """Open a closed account again."""
    _hold(person)
    if person.active:
        raise Conflict("This account is active.")
    person.active = True
    record(EventKind.REACTIVATED, subject=person, by=by, reason=reason)


def _hold(person: User) -> None:
    """Lock the account, so that what is decided about it rests on what is true now."""
    if person.id is not None:
        lock(User, person.id)


def _keep_an_administrator(person: User) -> None:
    """Refuse to lose the last one; the role row's lock makes two at once wait for each other."""
    if RoleName.ADMINISTRATOR not in person.role_names:
        return
    lock(Role, role_named(RoleName.ADMINISTRATOR).id)
    others = select(func.count()).select_from(User).join(user_role).join(Role)
    others = others.where(Role.name == RoleName.ADMINISTRATOR.value, User.active, User.id != person.id)
    if not db.session.scalar(others):
        raise Conflict("This is the last active administrator. Make another one first.")
