"""Who may answer a stage. Nobody answers for a request of their own (C136)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.accounts import RoleName, User, people_with_role

REVIEWING_ROLES = frozenset({RoleName.API_OWNER, RoleName.ADMINISTRATOR})


def reviewers_for(owners: Iterable[User], *, requester: User) -> Sequence[User]:
    """The people to ask: the owners; without any, all API owners; without those, the administrators."""
    return (
        _qualified(owners, requester)
        or _qualified(people_with_role(RoleName.API_OWNER), requester)
        or _qualified(people_with_role(RoleName.ADMINISTRATOR), requester)
    )


def may_answer(person: User, *, assigned: Iterable[User], requester: User) -> bool:
    """Whether this person may answer now: asked and still qualified; or, where nobody asked is, an administrator."""
    if person.id == requester.id or not person.active:
        return False
    qualified = _qualified(assigned, requester)
    if qualified:
        return any(reviewer.id == person.id for reviewer in qualified)
    return RoleName.ADMINISTRATOR in person.role_names


def _qualified(people: Iterable[User], requester: User) -> list[User]:
    return [p for p in people if p.active and p.id != requester.id and p.role_names & REVIEWING_ROLES]
