"""Whether anybody at all could answer a stage, before any request asks for it (C122).

A request's own people are not known yet, so this looks at each source by itself. A sponsor is every organisation's own
and known only when one of its people asks: such a stage counts as staffed here, and is watched when it opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portal.accounts import Right, RoleName, User, find_person_by_email, members_of, people_with_role
from portal.policies.reviewers import OWNING_ROLES
from portal.policies.seats import fill_seats
from portal.policies.stages import QuorumMode, StageTemplate


def anybody_for(template: StageTemplate) -> bool:
    """Whether the stage's own sources have an active person who may decide; its fallback does not count.

    One of them is enough, unless answers are counted by source: then each needs somebody.
    """
    has = all if template.quorum.mode is QuorumMode.PER_GROUP else any
    return has(people is None or bool(people) for people in map(_deciders, template.sources))


def shortage_of(template: StageTemplate) -> str:
    """Why the stage's own people could not give the answers that it needs, in a sentence; empty when they could."""
    found = [(source, _deciders(source)) for source in template.sources]
    if not any(people is None or people for _, people in found):
        return "None of its own people is active and may decide."
    if template.quorum.mode is QuorumMode.PER_GROUP:
        return _shortage_by_source(found, template.quorum.n)
    everybody = {person for _, people in found for person in people or ()}
    if template.quorum.mode is QuorumMode.TOTAL and len(everybody) + _sponsors(found) < template.quorum.n:
        able = len(everybody) + _sponsors(found)
        return f"It needs {template.quorum.n} approvals, and {_people(able)} can give one."
    return ""


def can_staff(templates: Mapping[str, StageTemplate]) -> Callable[[str], bool]:
    """The question "can anybody answer this stage?", each answered once."""
    known: dict[str, bool] = {}

    def ask(key: str) -> bool:
        if key not in known:
            known[key] = key in templates and anybody_for(templates[key])
        return known[key]

    return ask


def people_in_words(template: StageTemplate) -> str:
    """Who is asked, for reading: "the group legal, the role security reviewer"."""
    return ", ".join(source_in_words(source) for source in template.sources)


def source_in_words(source: Mapping[str, Any]) -> str:
    """One source of people, for reading."""
    match source.get("kind"):
        case "owners":
            return "the product’s owners"
        case "sponsor":
            return "the sponsor of the requester’s organisation"
        case "group":
            return f"the group {source.get('key')}"
        case "role":
            return f"everybody in the role {str(source.get('role')).replace('_', ' ')}"
    return str(source.get("email", source.get("kind")))


Found = list[tuple[Mapping[str, Any], frozenset[int] | None]]


def _shortage_by_source(found: Found, each: int) -> str:
    """What a source lacks of which ``each`` people must answer, when nobody counts for two."""
    for source, people in found:
        if people is not None and len(people) < each:
            able = "nobody" if not people else f"only {_people(len(people))}"
            needed = "somebody" if each == 1 else f"{each} people"
            return f"It needs {needed} of each source, and {able} of {source_in_words(source)} may decide."
    known = [people for _, people in found if people is not None]
    seats = [(number, seat) for number in range(len(known)) for seat in range(each)]
    sitting = {person: {n for n, people in enumerate(known) if person in people} for person in set().union(*known)}
    if fill_seats(seats, sitting) < len(seats):
        return "It needs somebody of each source, and nobody counts for two: there are too few people in all."
    return ""


def _sponsors(found: Found) -> int:
    return sum(people is None for _, people in found)


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _deciders(source: Mapping[str, Any]) -> frozenset[int] | None:
    """Who of a source may decide; None for a sponsor, who is known when a request comes."""
    match source.get("kind"):
        case "owners":
            return _may_decide(person for role in sorted(OWNING_ROLES) for person in people_with_role(role))
        case "sponsor":
            return None
        case "group":
            return _may_decide(members_of(str(source.get("key", ""))))
        case "role":
            wanted = str(source.get("role"))
            return _may_decide(people_with_role(RoleName(wanted)) if wanted in set(RoleName) else ())
        case "person":
            found = find_person_by_email(str(source.get("email", "")))
            return _may_decide([found] if found is not None else ())
    return frozenset()


def _may_decide(people: Iterable[User]) -> frozenset[int]:
    return frozenset(person.id for person in people if person.active and person.may(Right.DECIDE_REQUESTS))
