"""Counting answers: how many yeses a stage needs, and whether it has them. One person is one vote (C129)."""

from __future__ import annotations

from collections.abc import Collection

from portal.access.review import ReviewStage, Verdict
from portal.policies import fill_seats, name_of, source_in_words


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


def shortage(stage: ReviewStage, more: Collection[int]) -> str:
    """What the stage lacks when only these people can still say yes, in a sentence; empty when that is enough."""
    able = _yes(stage) | set(more)
    if _enough(stage, able):
        return ""
    if stage.template.get("quorum", {}).get("mode") == "per_group":
        via = [a.via.split("|") for a in stage.assignees if a.user_id in able]
        for source in stage.template.get("sources", ()):
            if not any(name_of(source) in each for each in via):
                return f"Somebody of {source_in_words(source)} has to approve, and nobody of it can."
        return f"{needed(stage)} people of different groups have to approve, and there are too few."
    return f"{needed(stage)} approvals are needed, and only {len(more)} more can be given."


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
    """Whether every group has its yeses when nobody counts for two."""
    in_groups = {a.user_id: a.via.split("|") for a in stage.assignees}
    seats = [(name_of(source), number) for source in stage.template.get("sources", ()) for number in range(each)]
    return fill_seats(seats, {person: in_groups.get(person, ()) for person in yes}) >= len(seats)
