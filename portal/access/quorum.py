"""Counting answers: how many yeses a stage needs, and whether it has them. One person is one vote (C129)."""

from __future__ import annotations

from collections.abc import Collection

from portal.access.review import ReviewStage, Verdict
from portal.policies import QuorumMode, fill_seats, name_of, source_in_words


def needed(stage: ReviewStage) -> int:
    """How many people have to say yes, as far as it is a number; everybody who is asked in mode ``all``."""
    if _mode(stage) == QuorumMode.ALL:
        return max(1, len(stage.active_assignees))
    if _mode(stage) == QuorumMode.PER_GROUP:
        return _number(stage) * max(1, len(stage.template.get("sources", ())))
    return _number(stage)


def needs_everybody(stage: ReviewStage) -> bool:
    """Whether all who are asked must say yes, so that one more would be one more to wait for."""
    return _mode(stage) == QuorumMode.ALL


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
    if _mode(stage) == QuorumMode.PER_GROUP:
        via = [a.via.split("|") for a in stage.assignees if a.user_id in able]
        for source in stage.template.get("sources", ()):
            if not any(name_of(source) in each for each in via):
                return f"Somebody of {source_in_words(source)} has to approve, and nobody of it can."
        return f"{needed(stage)} people of different groups have to approve, and there are too few."
    return f"{needed(stage)} approvals are needed, and only {len(more)} more can be given."


def _enough(stage: ReviewStage, yes: set[int]) -> bool:
    if _mode(stage) == QuorumMode.PER_GROUP:
        return _fills_groups(stage, yes, _number(stage))
    if _mode(stage) == QuorumMode.ALL:
        said = yes | {review.reviewer_id for review in stage.live_reviews if review.verdict is Verdict.APPROVE}
        return {assignee.user_id for assignee in stage.active_assignees} <= said
    return len(yes) >= needed(stage)


def _mode(stage: ReviewStage) -> str:
    return str(stage.template.get("quorum", {}).get("mode", QuorumMode.TOTAL))


def _number(stage: ReviewStage) -> int:
    return max(1, int(stage.template.get("quorum", {}).get("n", 1)))


def _yes(stage: ReviewStage) -> set[int]:
    """Whose vote was a yes. A delegate's answer is the vote of whom they stand in for (I5)."""
    return {review.principal_id for review in stage.live_reviews if review.verdict is Verdict.APPROVE}


def _fills_groups(stage: ReviewStage, yes: set[int], each: int) -> bool:
    """Whether every group has its yeses when nobody counts for two."""
    in_groups = {a.user_id: a.via.split("|") for a in stage.assignees}
    seats = [(name_of(source), number) for source in stage.template.get("sources", ()) for number in range(each)]
    return fill_seats(seats, {person: in_groups.get(person, ()) for person in yes}) >= len(seats)
