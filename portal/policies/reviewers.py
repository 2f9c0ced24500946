"""Who answers a stage. Nobody answers for a request of their own (C136).

A stage names its sources: the products' owners, the organisation's sponsor, groups, roles, persons. Everybody is asked
``via`` one of them or several ("group:legal|group:security"), and may answer as long as one still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.accounts import Right, RoleName, User, find_person_by_email, members_of, people_with_role

OWNING_ROLES = frozenset({RoleName.API_OWNER, RoleName.ADMINISTRATOR})
OWNERS, SPONSOR, BY_HAND = "owners", "sponsor", "by hand"
LAST_RESORT = f"role:{RoleName.ADMINISTRATOR.value}"
Known = dict[tuple[str, str], Sequence[User]]


@dataclass(frozen=True)
class Circle:
    """The people around a stage, of whom it is staffed; those who have stepped back are not asked again."""

    requester: User
    owners: tuple[User, ...]
    stepped_back: frozenset[int] = frozenset()

    @property
    def sponsor(self) -> User | None:
        """Who answers for the requester's organisation."""
        return self.requester.organisation.sponsor


@dataclass(frozen=True)
class Asked:
    """A person who is to answer a stage, and by what."""

    person: User
    via: str


@dataclass(frozen=True)
class Staff:
    """The people who are to answer a stage. ``intended`` is False when its own sources had nobody."""

    asked: tuple[Asked, ...]
    intended: bool


def staff_for(template: Mapping[str, Any], circle: Circle) -> Staff:
    """Whom to ask: the stage's sources together; without anybody there its fallback; then the administrators."""
    asked = _distinct(template.get("sources", ()), circle)
    if asked:
        return Staff(asked, intended=True)
    fallback = [*template.get("fallback", ()), {"kind": "role", "role": RoleName.ADMINISTRATOR.value}]
    for source in fallback:
        asked = _distinct([source], circle)
        if asked:
            return Staff(asked, intended=False)
    return Staff((), intended=False)


def escalation_for(template: Mapping[str, Any], circle: Circle, known: Known | None = None) -> tuple[Asked, ...]:
    """Who is asked as well when the stage is late; the administrators unless it says otherwise.

    Whoever asks this of many stages hands in the same empty ``known`` each time: no group or role is then read twice.
    """
    sources = template.get("escalation") or [{"kind": "role", "role": RoleName.ADMINISTRATOR.value}]
    return _distinct(sources, circle, known)


def still_holds(person: User, via: str, circle: Circle) -> bool:
    """Whether a person who was asked may answer now: active, not the requester, and still what they were asked as."""
    return may_review(person, circle) and any(_is(person, each, circle) for each in via.split("|"))


def _is(person: User, via: str, circle: Circle) -> bool:
    kind, _, key = via.partition(":")
    if kind == OWNERS:
        return person.id in {owner.id for owner in circle.owners} and bool(person.role_names & OWNING_ROLES)
    if kind == SPONSOR:
        return circle.sponsor is not None and circle.sponsor.id == person.id
    if kind == "role":
        return key in person.role_names
    if kind == "group":
        return key in {group.key for group in person.groups}
    return True


def may_review(person: User, circle: Circle) -> bool:
    """Whether this person could answer any stage of such a request at all."""
    if person.id == circle.requester.id or person.id in circle.stepped_back:
        return False
    return person.active and person.may(Right.DECIDE_REQUESTS)


def people_of(source: Mapping[str, Any], circle: Circle, known: Known | None = None) -> Sequence[User]:
    """Everybody whom a source names, whether they may answer or not."""
    match source.get("kind"):
        case "owners":
            return [owner for owner in circle.owners if owner.role_names & OWNING_ROLES]
        case "sponsor":
            return [circle.sponsor] if circle.sponsor is not None else []
    if known is None:
        return _named(source)
    place = (name_of(source), str(source.get("email", "")))
    if place not in known:
        known[place] = _named(source)
    return known[place]


def _named(source: Mapping[str, Any]) -> Sequence[User]:
    """Everybody of a source that is the same for every request."""
    match source.get("kind"):
        case "group":
            return members_of(str(source.get("key", "")))
        case "role":
            role = str(source.get("role"))
            return people_with_role(RoleName(role)) if role in set(RoleName) else []
        case "person":
            found = find_person_by_email(str(source.get("email", "")))
            return [found] if found is not None else []
    return []


def name_of(source: Mapping[str, Any]) -> str:
    """The source as it is kept with each person who is asked through it."""
    match source.get("kind"):
        case "group":
            return f"group:{source.get('key')}"
        case "role":
            return f"role:{source.get('role')}"
        case "person":
            return BY_HAND
    return str(source.get("kind"))


def _distinct(sources: Iterable[Mapping[str, Any]], circle: Circle, known: Known | None = None) -> tuple[Asked, ...]:
    found: dict[int, tuple[User, list[str]]] = {}
    for source in sources:
        for person in people_of(source, circle, known):
            if may_review(person, circle):
                found.setdefault(person.id, (person, []))[1].append(name_of(source))
    return tuple(Asked(person, "|".join(via)) for person, via in found.values())
