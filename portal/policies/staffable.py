"""Whether anybody at all could answer a stage, before any request asks for it (C122).

A request's own people are not known yet, so this looks at each source by itself. A sponsor is every organisation's own
and known only when one of its people asks: such a stage counts as staffed here, and is watched when it opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portal.accounts import Right, RoleName, User, find_person_by_email, members_of, people_with_role
from portal.policies.reviewers import OWNING_ROLES
from portal.policies.stages import StageTemplate


def anybody_for(template: StageTemplate) -> bool:
    """Whether one of the stage's own sources has an active person who may decide; its fallback does not count."""
    return any(_has_anybody(source) for source in template.sources)


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
            return "the product's owners"
        case "sponsor":
            return "the sponsor of the requester's organisation"
        case "group":
            return f"the group {source.get('key')}"
        case "role":
            return f"everybody in the role {str(source.get('role')).replace('_', ' ')}"
    return str(source.get("email", source.get("kind")))


def _has_anybody(source: Mapping[str, Any]) -> bool:
    match source.get("kind"):
        case "owners":
            return any(_decides(people_with_role(role)) for role in sorted(OWNING_ROLES))
        case "sponsor":
            return True
        case "group":
            return _decides(members_of(str(source.get("key", ""))))
        case "role":
            wanted = str(source.get("role"))
            return wanted in set(RoleName) and _decides(people_with_role(RoleName(wanted)))
        case "person":
            found = find_person_by_email(str(source.get("email", "")))
            return found is not None and _decides([found])
    return False


def _decides(people: Iterable[User]) -> bool:
    return any(person.active and person.may(Right.DECIDE_REQUESTS) for person in people)
