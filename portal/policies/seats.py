"""Seats and people: how many seats can be taken when nobody sits on two (C129)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

Group = TypeVar("Group", bound=Hashable)


def fill_seats(seats: Sequence[tuple[Group, int]], groups_of: Mapping[int, Collection[Group]]) -> int:
    """How many of these seats, each of a group, these people can take at most: a maximum matching.

    ``groups_of`` says by person for which groups they may sit.
    """
    taken: dict[tuple[Group, int], int] = {}

    def seat(person: int, tried: set[tuple[Group, int]]) -> bool:
        for place in seats:
            if place[0] in groups_of[person] and place not in tried:
                tried.add(place)
                if place not in taken or seat(taken[place], tried):
                    taken[place] = person
                    return True
        return False

    return sum(seat(person, set()) for person in sorted(groups_of))
