"""Organisations: what they are to us, who answers for them, and who belongs to them (C53, C67)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from portal.accounts.models import Organisation, OrganisationKind, User
from portal.db import db, lock
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, record

LONGEST_NAME = 120


def find_organisation(organisation_id: int) -> Organisation | None:
    """The organisation with this key."""
    return db.session.get(Organisation, organisation_id)


def organisations_page(*, search: str = "", after_name: str = "", size: int = 50) -> Sequence[Organisation]:
    """Organisations by name, searched by a part of it: at most ``size`` of those after ``after_name``."""
    query = select(Organisation).order_by(Organisation.name).limit(size)
    if search:
        query = query.where(Organisation.name.icontains(search, autoescape=True))
    if after_name:
        query = query.where(Organisation.name > after_name)
    return db.session.scalars(query).all()


def people_counts(organisations: Sequence[Organisation]) -> Mapping[int, int]:
    """How many people belong to each of these."""
    ids = [organisation.id for organisation in organisations]
    query = select(User.organisation_id, func.count()).where(User.organisation_id.in_(ids))
    return {key: number for key, number in db.session.execute(query.group_by(User.organisation_id))}  # noqa: C416


def people_in(organisation: Organisation, *, size: int = 200) -> Sequence[User]:
    """The people who belong to an organisation, by address."""
    query = select(User).where(User.organisation_id == organisation.id).order_by(User.email)
    return db.session.scalars(query.limit(size)).unique().all()


def add_organisation(name: str, *, kind: OrganisationKind, by: User) -> Organisation:
    """A new organisation. Raises Invalid for a bad name, Conflict when the name is taken."""
    organisation = Organisation(name=_usable(name), kind=kind)
    refusal = f"There is already an organisation called {organisation.name}."
    if db.session.scalar(select(Organisation.id).where(Organisation.name == organisation.name)):
        raise Conflict(refusal)
    db.session.add(organisation)
    try:
        db.session.flush()
    except IntegrityError as error:  # somebody else has made it at this moment
        raise Conflict(refusal) from error
    record(EventKind.ORGANISATION_CHANGED, subject=organisation, by=by, after={"name": name, "kind": kind})
    return organisation


def change_organisation(
    organisation: Organisation, *, kind: OrganisationKind, sponsor: User | None, by: User
) -> Organisation:
    """Say what an organisation is to us, and who of ours answers for it.

    The caller staffs the stages anew that a sponsor answers. Raises Invalid for a sponsor whose account is closed.
    """
    locked = lock(Organisation, organisation.id)
    if locked is None:
        raise NotFound("There is no such organisation.")
    if sponsor is not None and not sponsor.active:
        raise Invalid(f"The account of {sponsor.email} is closed.", field="sponsor")
    before = _as_record(locked)
    locked.kind, locked.sponsor = kind, sponsor
    db.session.flush()
    if before != (after := _as_record(locked)):
        record(EventKind.ORGANISATION_CHANGED, subject=locked, by=by, before=before, after=after)
    return locked


def move_to_organisation(person: User, organisation: Organisation, *, by: User) -> None:
    """Let a person belong to this organisation from now on; what they have asked for already stays as it was judged."""
    locked = lock(User, person.id)
    if locked is None:
        raise NotFound("There is no such person.")
    if locked.organisation_id == organisation.id:
        raise Conflict(f"{locked.display_name} belongs to {organisation.name} already.")
    before = {"organisation": locked.organisation.name}
    locked.organisation = organisation
    after = {"organisation": organisation.name}
    record(EventKind.PERSON_CHANGED, subject=locked, by=by, before=before, after=after)


def _usable(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise Invalid(f"Give the organisation a name of at most {LONGEST_NAME} characters.", field="name")
    return name


def _as_record(organisation: Organisation) -> dict[str, str]:
    sponsor = organisation.sponsor.email if organisation.sponsor is not None else ""
    return {"kind": organisation.kind.value, "sponsor": sponsor}
