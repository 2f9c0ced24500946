"""Counting answers: how many yeses a stage needs, and whether it has them. One person is one vote (C129)."""

from __future__ import annotations

from portal.access.review import ReviewStage, Verdict
from portal.policies import name_of


def needed(stage: ReviewStage) -> int:
    """How many people have to say yes, as far as it is a number; everybody who is asked in mode ``all``."""
    quorum = stage.template.get("quorum", {})
    number = max(1, int(quorum.get("n", 1)))
    if quorum.get("mode") == "all":
        return max(1, len(stage.active_assignees))
    if quorum.get("mode") == "per_group":
        return number * max(1, len(stage.template.get("sources", ())))
    return number


def given(stage: ReviewStage) -> int:
    """How many people have said yes."""
    return len(_yes(stage))


def is_met(stage: ReviewStage) -> bool:
    """Whether the stage has the yeses that it needs."""
    return _enough(stage, _yes(stage))


def can_be_met(stage: ReviewStage, more: set[int]) -> bool:
    """Whether the stage would have the yeses that it needs if these people gave theirs as well."""
    return _enough(stage, _yes(stage) | more)


def _enough(stage: ReviewStage, yes: set[int]) -> bool:
    quorum = stage.template.get("quorum", {})
    if quorum.get("mode") == "per_group":
        return _fills_groups(stage, yes, max(1, int(quorum.get("n", 1))))
    if quorum.get("mode") == "all":
        said = yes | {review.reviewer_id for review in stage.live_reviews if review.verdict is Verdict.APPROVE}
        return {assignee.user_id for assignee in stage.active_assignees} <= said
    return len(yes) >= needed(stage)


def _yes(stage: ReviewStage) -> set[int]:
    """Whose vote was a yes. A delegate's answer is the vote of whom they stand in for (I5)."""
    return {review.principal_id for review in stage.live_reviews if review.verdict is Verdict.APPROVE}


def _fills_groups(stage: ReviewStage, yes: set[int], each: int) -> bool:
    """Whether every group has its yeses when nobody counts for two: a maximum matching of people and seats."""
    in_groups = {a.user_id: a.via.split("|") for a in stage.assignees}
    seats = [(name_of(source), number) for source in stage.template.get("sources", ()) for number in range(each)]
    taken: dict[tuple[str, int], int] = {}

    def seat(person: int, tried: set[tuple[str, int]]) -> bool:
        for place in seats:
            if place[0] in in_groups.get(person, ()) and place not in tried:
                tried.add(place)
                if place not in taken or seat(taken[place], tried):
                    taken[place] = person
                    return True
        return False

    return sum(seat(person, set()) for person in sorted(yes)) >= len(seats)
