"""Where each stage of a request stands, told person by person: who is asked, who has answered, what is left."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.access import quorum
from portal.access.models import AccessRequest
from portal.access.review import AssigneeState, Review, ReviewStage, StageAssignee, StageState, Verdict
from portal.policies import BY_HAND

_SAID = {Verdict.APPROVE: "approved", Verdict.REJECT: "rejected"}
_LEFT = {
    AssigneeState.RECUSED: "stepped back",
    AssigneeState.REASSIGNED: "passed it on",
    AssigneeState.INELIGIBLE: "no longer asked",
}


@dataclass(frozen=True)
class Answerer:
    """One person of a stage: as what they are asked, and what they said. ``said`` is empty while they are awaited.

    ``files`` are those that they had before them when they said it.
    """

    name: str
    email: str
    role: str
    said: str = ""
    instead: str = ""
    at: datetime | None = None
    files: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Standing:
    """One stage: its people, and how many yeses it has of how many."""

    stage: ReviewStage
    people: tuple[Answerer, ...]
    given: int
    needed: int

    @property
    def progress(self) -> str:
        """The yeses so far, where more than one is needed."""
        return f"{self.given} of {self.needed} approvals" if self.needed > 1 else ""

    @property
    def is_task(self) -> bool:
        """Whether this is work to be done, not a yes or no."""
        return self.stage.is_task

    @property
    def status(self) -> str:
        """The state in a word for people."""
        words = {
            StageState.WAITING: "Not open yet",
            StageState.OPEN: "Open",
            StageState.PAUSED: "Waiting for an answer",
            StageState.APPROVED: "Done" if self.is_task else "Approved",
            StageState.CANCELLED: "Not needed",
            StageState.SKIPPED: "Not needed",
        }
        return words.get(self.stage.state, self.stage.state.value.capitalize())


def standings_of(request: AccessRequest) -> list[Standing]:
    """Each stage of a request with its people, in the order of the path."""
    return [
        Standing(stage, tuple(_people(stage)), quorum.given(stage), quorum.needed(stage)) for stage in request.stages
    ]


def mark_of(request: AccessRequest) -> str:
    """A mark that differs as soon as anything about the course of a request does."""
    stages = [
        (s.id, s.state, s.due_at, s.claimed_by_id, [a.user_id for a in s.active_assignees], len(s.live_reviews))
        for s in request.stages
    ]
    return hashlib.sha256(repr((request.status, request.revision, stages)).encode()).hexdigest()[:16]


def conditions_of(request: AccessRequest) -> list[str]:
    """On what conditions the answers that count were given (C91)."""
    return [text for stage in request.stages for review in stage.live_reviews for text in review.conditions]


def files_reviewed(request: AccessRequest) -> Collection[int]:
    """The keys of all files that somebody had before them who answered, whether the answer counts still or not."""
    return {file["id"] for stage in request.stages for review in stage.reviews for file in review.files}


def _people(stage: ReviewStage) -> list[Answerer]:
    by_principal = {review.principal_id: review for review in stage.live_reviews}
    found = [_told(assignee, by_principal.pop(assignee.user_id, None)) for assignee in stage.assignees]
    return found + [
        Answerer(r.reviewer.display_name, r.reviewer.email, "", _SAID[r.verdict], at=r.created_at, files=r.files)
        for r in by_principal.values()
    ]


def _told(assignee: StageAssignee, review: Review | None) -> Answerer:
    person = assignee.user
    said, instead, at = _LEFT.get(assignee.state, ""), "", None
    files: Sequence[Mapping[str, Any]] = ()
    if review is not None:
        said, at, files = _SAID[review.verdict], review.created_at, review.files
        instead = review.reviewer.display_name if review.reviewer_id != person.id else ""
    return Answerer(person.display_name, person.email, _as_what(assignee.via), said, instead, at, files)


def _as_what(via: str) -> str:
    """As what somebody is asked: "group Legal", "owner of the product"."""
    words = []
    for each in via.split("|"):
        kind, _, key = each.partition(":")
        name = key.replace("_", " ").replace("-", " ")
        told = {"owners": "owner of the product", "sponsor": "sponsor of the organisation", BY_HAND: "chosen by hand"}
        words.append({"group": f"group {name}", "role": name}.get(kind, told.get(each, each)))
    return ", ".join(words)
