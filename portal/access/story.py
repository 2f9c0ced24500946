"""A request told to people: the path it takes, and what has happened to it. Both portals show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any

from portal import events
from portal.access import quorum
from portal.access.decide import may_answer_now, stand_ins
from portal.access.form import form_again
from portal.access.models import AccessRequest, RequestKind, RequestStatus
from portal.access.review import ReviewStage, StageState
from portal.accounts import User
from portal.events import AuditEvent, EventKind

_TITLES = {
    EventKind.REQUEST_SUBMITTED: ("Submitted", ""),
    EventKind.GLASS_BROKEN: ("Emergency access taken", "bad"),
    EventKind.STAGE_OPENED: ("Sent for approval", "info"),
    EventKind.STAGE_STAFFED: ("Asked as well", "info"),
    EventKind.STAGE_UNSTAFFED: ("Nobody of this stage can answer", "warn"),
    EventKind.STAGE_REMINDED: ("Reminded", ""),
    EventKind.STAGE_ESCALATED: ("Escalated", "pending"),
    EventKind.ANSWER_REMINDED: ("Reminded of the question", ""),
    EventKind.REQUEST_EXPIRED: ("Expired", "bad"),
    EventKind.STAGE_VOTED: ("One approval of several", "info"),
    EventKind.STAGE_APPROVED: ("Stage approved", "good"),
    EventKind.STAGE_SKIPPED: ("Stage no longer needed", ""),
    EventKind.STAGE_PUT_BACK: ("Waits for an earlier stage again", ""),
    EventKind.STAGE_ADDED: ("Stage added", "info"),
    EventKind.STAGE_RECUSED: ("Stepped back", ""),
    EventKind.STAGE_REASSIGNED: ("Passed on", "info"),
    EventKind.STAGE_CLAIMED: ("Taken up", ""),
    EventKind.STAGE_RELEASED: ("Left to the others again", ""),
    EventKind.INFORMATION_REQUESTED: ("Information requested", "pending"),
    EventKind.INFORMATION_GIVEN: ("Answered", "info"),
    EventKind.QUESTION_WITHDRAWN: ("Question taken back", ""),
    EventKind.REQUEST_NARROWED: ("Narrowed", "info"),
    EventKind.REQUEST_EDITED: ("Request changed", "info"),
    EventKind.REVIEW_VOIDED: ("An earlier answer no longer counts", "pending"),
    EventKind.REQUEST_DENIED: ("Denied by policy", "bad"),
    EventKind.REQUEST_APPROVED: ("Approved", "good"),
    EventKind.REQUEST_REJECTED: ("Rejected", "bad"),
    EventKind.REQUEST_WITHDRAWN: ("Withdrawn", ""),
}
_ANSWERS = frozenset({EventKind.STAGE_VOTED, EventKind.STAGE_APPROVED, EventKind.REQUEST_REJECTED})
# What reviewers arrange among themselves.
_INSIDE = frozenset(
    {EventKind.STAGE_RECUSED, EventKind.STAGE_REASSIGNED, EventKind.STAGE_CLAIMED, EventKind.STAGE_RELEASED}
)
_ACCESS = {
    RequestKind.RENEWAL: ("Goes on to its old end until then", "Goes on with its new end"),
    RequestKind.PLAN_CHANGE: ("Goes on with the old terms until then", "Goes on with the new terms"),
    RequestKind.REAPPROVAL: ("Stays open until its day, and then only if this is approved", "Goes on as it was"),
}
_STEP_STATES = {
    StageState.WAITING: "todo",
    StageState.OPEN: "current",
    StageState.PAUSED: "current",
    StageState.APPROVED: "done",
    StageState.REJECTED: "failed",
    StageState.EXPIRED: "failed",
    StageState.CANCELLED: "skipped",
    StageState.SKIPPED: "skipped",
}


@dataclass(frozen=True)
class Step:
    """One step of the path that a request takes; ``because`` and ``due_at`` stand with stages that are not over.

    ``together`` says that the next step is open at the same time, and not after this one.
    """

    label: str
    detail: str
    state: str
    at: datetime | None = None
    because: str = ""
    due_at: datetime | None = None
    together: bool = False


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a request; ``files`` are those that whoever answered had before them (C24)."""

    title: str
    by: str
    at: datetime
    text: str
    tone: str
    files: Sequence[Mapping[str, Any]] = ()


def path_of(request: AccessRequest) -> list[Step]:
    """The steps of a request from submission to access, each with who answered or who is awaited."""
    submitted = Step("Submitted", request.requester.display_name, "done", request.submitted_at)
    stages = _steps(request.stages)
    if request.kind is RequestKind.BREAK_GLASS:
        return [*_emergency_steps(request, submitted), *stages]
    if request.kind is RequestKind.REAPPROVAL:
        submitted = replace(submitted, label="Asked again", detail=f"for {request.requester.display_name}")
    if request.auto_approved:
        stages = [Step("Approved by the plan", str(request.terms.get("plan", "")), "done", request.decided_at)]
    before, after = _ACCESS.get(request.kind, ("The credential follows the approval", "Credential issued to the app"))
    endings = {
        RequestStatus.PENDING: Step("Access", before, "todo"),
        RequestStatus.APPROVED: Step("Access", after, "done", request.decided_at),
        RequestStatus.REJECTED: Step("Rejected", "", "failed", request.decided_at),
        RequestStatus.WITHDRAWN: Step("Withdrawn", "", "skipped", request.decided_at),
        RequestStatus.EXPIRED: Step("Expired", "", "failed", request.decided_at),
        RequestStatus.DENIED: Step("Denied by policy", "", "failed", request.decided_at),
    }
    return [submitted, *stages, endings[request.status]]


def _emergency_steps(request: AccessRequest, submitted: Step) -> list[Step]:
    """What came before the review: an emergency has its access first."""
    given = Step("Access", "Given at once, within an envelope", "done", request.submitted_at)
    return [replace(submitted, label="Glass broken"), given]


def _steps(stages: Sequence[ReviewStage]) -> list[Step]:
    """The stages as steps, each with its own reasons, also where another has the same."""
    return [
        replace(_step(stage), together=after is not None and after.position == stage.position)
        for stage, after in zip_longest(stages, stages[1:])
    ]


def _step(stage: ReviewStage) -> Step:
    due_at = stage.due_at if stage.state is StageState.OPEN else None
    return Step(
        _title(stage), awaited_by_name(stage), _STEP_STATES[stage.state], stage.decided_at, stage.because, due_at
    )


def _title(stage: ReviewStage) -> str:
    return stage.what_it_gives[:1].upper() + stage.what_it_gives[1:]


def awaited(stage: ReviewStage) -> str:
    """Who answered a stage, or who is asked to."""
    if stage.reviewer is not None:
        return stage.reviewer.display_name
    if stage.state is StageState.WAITING:
        return "after the steps before it"
    if stage.state is StageState.PAUSED:
        return f"{stage.request.requester.display_name}, who was asked something"
    asked = [person.display_name for person in _asked(stage)]
    more = f" or {len(asked) - 3} more" if len(asked) > 3 else ""
    return " or ".join(asked[:3]) + more or _nobody(stage)


def awaited_by_name(stage: ReviewStage) -> str:
    """As ``awaited``, with whoever stands in for them now: one more small read for an open stage, so not for lists."""
    named = awaited(stage)
    if stage.reviewer is not None or stage.state is not StageState.OPEN:
        return named
    absent = {person.id for person in _asked(stage)}
    deputies = [deputy.display_name for deputy, principal in stand_ins(stage) if principal.id in absent]
    if not deputies:
        return named
    more = f" or {len(deputies) - 3} more" if len(deputies) > 3 else ""
    return f"{named}, or {' or '.join(deputies[:3])}{more}, who {'stands' if len(deputies) == 1 else 'stand'} in"


def _asked(stage: ReviewStage) -> list[User]:
    """Whose answer is awaited: who has taken the stage up before the others, and alone when one more yes is enough."""
    asked = [each.user for each in stage.active_assignees if each.user.active and each.waits]
    first = stage.claimed_by if stage.claimed_by_id is not None else None
    others = [person for person in asked if first is None or person.id != first.id]
    if first is None or (len(others) == len(asked) and not may_answer_now(stage, first)):  # a stand-in no longer
        return asked
    return [first, *others] if quorum.needed(stage) - quorum.given(stage) > 1 else [first]


def _nobody(stage: ReviewStage) -> str:
    if _STEP_STATES[stage.state] == "skipped":
        return "not needed any more"
    return "somebody who may answer; at present nobody may" if stage.alarm else "an administrator"


def history_of(request: AccessRequest, *, inside: bool = False) -> list[Entry]:
    """What has happened to a request, the latest first, from the audit record.

    ``inside`` tells as well what reviewers arrange among themselves.
    """
    names = {person.email: person.display_name for person in _people_in(request)}
    told: list[Entry] = []
    for event in events.subject_history(request, *request.stages):
        if _is_told(event.kind, request, inside):
            title, tone = _TITLES[event.kind]
            asked = " or ".join(names.get(email, email) for email in event.after.get("asked", []))
            stage = _stage_named(event, request)
            if event.kind == EventKind.STAGE_STAFFED and not asked:
                continue
            between = ": " if event.kind == EventKind.STAGE_STAFFED else " to "
            words = f"{title}{between}{asked}{stage}" if asked else title + stage
            text = _in_words(event, request)
            by = names.get(event.actor, event.actor)
            said_before = text == event.reason and _said_before(told, by, text)
            files = _files_seen(event, request)
            told.append(Entry(words, by, event.occurred_at, "" if said_before else text, tone, files))
    return told[::-1]


def _said_before(told: Sequence[Entry], by: str, text: str) -> bool:
    """Whether the entry before says the same, or these said it last who say it now, as of stages that open together."""
    if told and told[-1].text == text:
        return True
    last = next((entry for entry in reversed(told) if entry.text), None)
    return last is not None and (last.by, last.text) == (by, text)


def _files_seen(event: AuditEvent, request: AccessRequest) -> Sequence[Mapping[str, Any]]:
    """The files that whoever gave this answer had before them, told where the answer itself is."""
    is_answer = event.kind in _ANSWERS or (event.kind == EventKind.REQUEST_APPROVED and len(request.stages) == 1)
    reviews = [review for stage in request.stages for review in stage.reviews] if is_answer else []
    return next((r.files for r in reviews if (r.reviewer_id, r.created_at) == (event.actor_id, event.occurred_at)), ())


def _stage_named(event: AuditEvent, request: AccessRequest) -> str:
    """Which of several stages an event is about."""
    if event.subject_type != ReviewStage.__tablename__ or len(request.stages) < 2:
        return ""
    return next((f" ({stage.name})" for stage in request.stages if stage.id == event.subject_id), "")


def _in_words(event: AuditEvent, request: AccessRequest) -> str:
    """What an event says for itself: what was taken away, what was changed, or the reason that was given."""
    if event.kind == EventKind.REQUEST_NARROWED:
        return _less_in_words(event.before, event.after)
    if event.kind == EventKind.REQUEST_EDITED:
        labels = {"reason": "Reason"} | {field.key: field.label for field in form_again(request).fields}
        return "\n".join(labels.get(key, key) for key in event.after.get("changed", []))
    return event.reason


def _less_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a reviewer took away, line by line, from the record of it."""
    told = [f"Plan {after['plan']} instead of {before['plan']}"] if after.get("plan") != before.get("plan") else []
    left = after.get("products", {})
    for product, scopes in before.get("products", {}).items():
        if product not in left:
            told.append(f"{product} declined")
        elif dropped := [scope for scope in scopes if scope not in left[product]]:
            told.append(f"{product} without {', '.join(dropped)}")
    if after.get("until") != before.get("until"):
        told.append(f"Access until {after.get('until')}")
    return "\n".join(told)


def _is_told(kind: str, request: AccessRequest, inside: bool) -> bool:
    if kind not in _TITLES or (kind in _INSIDE and not inside):
        return False
    return not (kind == EventKind.STAGE_APPROVED and len(request.stages) == 1)


def _people_in(request: AccessRequest) -> set[User]:
    asked = {assignee.user for stage in request.stages for assignee in stage.assignees}
    return {request.requester} | asked | {stage.reviewer for stage in request.stages if stage.reviewer is not None}
