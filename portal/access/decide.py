"""Answering a request: approve, reject, withdraw, and what follows from the last answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal import forms
from portal.access import quorum
from portal.access.break_glass import bar_after
from portal.access.delegations import deputies_of, stands_in_for
from portal.access.ending import close_as_withdrawn, close_refused
from portal.access.later import refuse_early
from portal.access.locking import lock_request, lock_request_for, lock_requests_for
from portal.access.models import AccessRequest, RequestKind, RequestStatus
from portal.access.narrowing import Narrowing, narrow
from portal.access.provisioning import provision, refuse_impossible
from portal.access.review import UNANSWERED, Review, ReviewStage, StageKind, StageState, Verdict
from portal.access.staffing import circle_of, is_asked, may_answer, open_in_turn, skip
from portal.access.stated import differs_from, weighed_in
from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.db import db, now
from portal.errors import Conflict, Invalid, NotAllowed, PortalError
from portal.events import EventKind, record
from portal.policies import may_review

MOST_AT_ONCE = 100
LONGEST_COMMENT = 4000
ALL_DECLINED = "Every product that it is about was declined."


@dataclass(frozen=True)
class Outcome:
    """What became of one request of a bulk decision."""

    number: str
    message: str
    done: bool


def settle(request: AccessRequest, *, by: User | None, comment: str = "") -> None:
    """Move a request on: open the next stages, or approve it when every stage has been approved.

    ``by`` is who gave the last answer; None when no answer was needed.
    """
    if any(stage.state in UNANSWERED for stage in request.stages):
        with db.session.no_autoflush:  # a stage that opens changes in several places, and is written once
            open_in_turn(request.stages)
    else:
        _approve(request, by, comment)


@dataclass(frozen=True)
class Approval:
    """What a reviewer says with a yes. ``step_up`` names how they proved who they are just now, if they did."""

    comment: str = ""
    conditions: Sequence[str] = ()
    less: Narrowing = field(default_factory=Narrowing)
    checklist: Sequence[str] = ()
    step_up: str = ""
    stage_id: int | None = None


@dataclass(frozen=True)
class Voice:
    """A stage that a person may answer now, and whose vote it would be: their own, or of whom they stand in for."""

    stage: ReviewStage
    principal: User


def approve(
    request: AccessRequest, *, by: User, comment: str = "", seen: str = "", saying: Approval | None = None
) -> AccessRequest:
    """Give this reviewer's yes. ``seen`` is the mark of what was on the screen, or its content hash alone.

    Raises NotAllowed when it is not this person's turn, Conflict when the request has been decided or has changed,
    Invalid when a stage demands what was not given (an answer, a checklist, proof of identity).
    """
    locked, person = lock_request_for(request, by)
    return _say_yes(locked, person, saying or Approval(comment), seen)


def _say_yes(locked: AccessRequest, by: User, saying: Approval, seen: str = "") -> AccessRequest:
    comment = saying.comment.strip()
    voices = _voices(locked, by, comment, seen, saying.stage_id)
    for voice in voices:
        _refuse_incomplete(voice.stage, saying)
    narrow(locked, saying.less, by=by)
    if locked.kind is not RequestKind.BREAK_GLASS:  # that access was given before
        refuse_impossible(locked)  # now, and not after more people were asked for nothing
    _skip_declined(locked, but=[voice.stage for voice in voices])
    with db.session.no_autoflush:  # what each answer changes is written together
        for voice in voices:
            _approve_stage(voice, by, saying)
    settle(locked, by=by, comment=comment)
    return locked


def _approve_stage(voice: Voice, by: User, saying: Approval) -> None:
    stage, comment = voice.stage, saying.comment.strip()
    _add_review(voice, Verdict.APPROVE, by, saying)
    if quorum.is_met(stage):
        stage.close(StageState.APPROVED, by=by, comment=comment)
        record(EventKind.STAGE_APPROVED, subject=stage, by=by, reason=comment, after=_with(voice, by, saying))
    else:
        after = {"given": quorum.given(stage), "needed": quorum.needed(stage), **_with(voice, by, saying)}
        record(EventKind.STAGE_VOTED, subject=stage, by=by, reason=comment, after=after)


def _skip_declined(request: AccessRequest, *, but: Sequence[ReviewStage]) -> None:
    """Ask nobody about products that were all declined; whoever is answering just now has been asked."""
    for stage in request.stages:
        if stage.is_moot and stage not in but:
            skip(stage, ALL_DECLINED)


def reject(
    request: AccessRequest, *, by: User, reason: str, seen: str = "", stage_id: int | None = None
) -> AccessRequest:
    """Give this reviewer's no, which closes the request. Raises Invalid without a reason, and as ``approve`` does."""
    if is_blank(reason):
        raise Invalid("Give a reason: the requester will read it.", field="reason")
    locked, person = lock_request_for(request, by)
    return _say_no(locked, person, reason, seen, stage_id)


def _say_no(locked: AccessRequest, by: User, reason: str, seen: str = "", stage_id: int | None = None) -> AccessRequest:
    for voice in _voices(locked, by, reason, seen, stage_id):
        _add_review(voice, Verdict.REJECT, by, Approval(reason))
        voice.stage.close(StageState.REJECTED, by=by, comment=reason.strip())
        record(
            EventKind.STAGE_REJECTED,
            subject=voice.stage,
            by=by,
            reason=reason.strip(),
            after=_with(voice, by, Approval()),
        )
    close_refused(locked, RequestStatus.REJECTED, by=by, reason=reason.strip())
    record(EventKind.REQUEST_REJECTED, subject=locked, by=by, reason=reason.strip())
    bar_after(locked, reason.strip())
    return locked


def withdraw(request: AccessRequest, *, by: User) -> AccessRequest:
    """Take back one's own request. Raises NotAllowed for somebody else's, Conflict when it has been decided."""
    locked = lock_request(request)
    if locked.requester_id != by.id:
        raise NotAllowed("Only the person who made a request can withdraw it.")
    if not locked.is_pending:
        raise Conflict(_what_happened(locked))
    if locked.kind is RequestKind.BREAK_GLASS:
        raise Conflict("The review of an emergency cannot be withdrawn. Revoke the access if it is over.")
    if locked.kind is RequestKind.REAPPROVAL:
        raise Conflict("The owners of the API have asked for this approval. Revoke the access if you need it no more.")
    close_as_withdrawn(locked, by=by)
    return locked


def approve_many(
    requests: Sequence[AccessRequest], *, by: User, comment: str = "", seen: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Approve each request that this person may approve, each judged alone; one line for each (C143).

    ``seen`` is the content hash of what was on the screen, by number.
    """

    def act(locked: AccessRequest, person: User) -> AccessRequest:
        return _say_yes(locked, person, Approval(comment), (seen or {}).get(locked.number, ""))

    return _each(requests, act, "approved", by)


def reject_many(
    requests: Sequence[AccessRequest], *, by: User, reason: str, seen: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Reject each request that this person may reject, with one reason; one line for each (C143)."""
    if is_blank(reason):
        raise Invalid("Give a reason: the requesters will read it.", field="reason")

    def act(locked: AccessRequest, person: User) -> AccessRequest:
        return _say_no(locked, person, reason, (seen or {}).get(locked.number, ""))

    return _each(requests, act, "rejected", by)


def may_decide(request: AccessRequest, person: User, principals: Sequence[User] | None = None) -> bool:
    """Whether this person can answer an open stage of this request now.

    ``principals`` are those whom the person stands in for, when a caller with many requests knows them already.
    """
    return request.is_pending and person.may(Right.DECIDE_REQUESTS) and bool(voices_in(request, person, principals))


def voices_in(request: AccessRequest, person: User, principals: Sequence[User] | None = None) -> list[Voice]:
    """The open stages that this person may answer and has not answered yet, each with whose vote it would be."""
    found, standing = [], principals
    for stage in request.open_stages:
        if person.id in stage.answered_by:
            continue
        if may_answer(stage, person):
            found.append(Voice(stage, person))
            continue
        standing = stands_in_for(person) if standing is None else standing
        principal = _stood_in_for(stage, person, standing)
        if principal is not None:
            found.append(Voice(stage, principal))
    return found


def may_answer_now(stage: ReviewStage, person: User) -> bool:
    """Whether this person may answer this very stage now, in their own name or for somebody."""
    return any(voice.stage is stage for voice in voices_in(stage.request, person))


def stand_ins(stage: ReviewStage) -> list[tuple[User, User]]:
    """Who may answer this open stage now in somebody's place, each with whose vote it would be."""
    found = []
    for person in deputies_of(assignee.user for assignee in stage.assignees if assignee.waits):
        voice = next((voice for voice in voices_in(stage.request, person) if voice.stage is stage), None)
        if voice is not None and voice.principal is not person:
            found.append((person, voice.principal))
    return found


def _stood_in_for(stage: ReviewStage, person: User, principals: Sequence[User]) -> User | None:
    """For whom this person may answer here: someone who is asked and still may, and has not answered."""
    if not principals or stage.template.get("delegation_allowed") is False:
        return None
    circle = circle_of(stage)
    if not may_review(person, circle):
        return None
    answered = stage.answered_by
    for principal in principals:
        if principal.id not in answered and is_asked(stage, principal, circle):
            return principal
    return None


def _each(
    requests: Sequence[AccessRequest], act: Callable[[AccessRequest, User], AccessRequest], word: str, by: User
) -> list[Outcome]:
    if len(requests) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} requests can be decided at once.")
    outcomes = []
    locked, person = lock_requests_for(requests, by)
    for request in locked:
        number = request.number
        try:
            with db.session.begin_nested():
                act(request, person)
            outcomes.append(Outcome(number, _became_of(request, word), done=True))
        except PortalError as refusal:
            outcomes.append(Outcome(number, refusal.message, done=False))
    return outcomes


def _became_of(request: AccessRequest, word: str) -> str:
    """What an answer among many has led to: an approval of one stage is not yet one of the request."""
    if not request.is_pending:
        return f"{word.capitalize()}."
    status = request.status_text
    return f"Your answer is kept. The request is {status[:1].lower()}{status[1:]} now."


def _approve(request: AccessRequest, by: User | None, comment: str) -> None:
    app_name = request.app.name
    request.move_to(RequestStatus.APPROVED)  # stored with what it gives, or not at all
    try:
        if request.kind is not RequestKind.BREAK_GLASS:  # that access was given before; this pays the debt
            provision(request, by=by)
    except IntegrityError as error:
        raise Conflict(f"{app_name} already has access to one of these products.") from error
    record(
        EventKind.REQUEST_APPROVED, subject=request, by=by, reason=comment, after={"automatic": request.auto_approved}
    )


def _voices(locked: AccessRequest, by: User, comment: str, seen: str, stage_id: int | None) -> list[Voice]:
    if len(comment) > LONGEST_COMMENT:
        raise Invalid(f"The text is longer than {LONGEST_COMMENT} characters.", field="comment")
    if locked.requester_id == by.id:
        raise NotAllowed("Nobody decides their own request.")
    if not locked.is_pending:
        raise Conflict(_what_happened(locked))
    if changed := differs_from(locked, seen):
        raise Conflict(f"{changed} Look at it again before you decide.")
    chosen = next((stage for stage in locked.stages if stage.id == stage_id), None)
    if chosen is not None and chosen.state is not StageState.OPEN:
        refuse_early(locked, by, stage_id=stage_id)
        raise Conflict(f"The {chosen.what_it_gives} is not open now. Nothing was changed.")
    voices = [v for v in voices_in(locked, by) if stage_id is None or v.stage.id == stage_id]
    if not (by.may(Right.DECIDE_REQUESTS) and voices):
        refuse_early(locked, by)
        raise NotAllowed(f"{locked.number} does not wait for your answer.")
    return voices


def _refuse_incomplete(stage: ReviewStage, saying: Approval) -> None:
    """Say what this stage demands of a yes and did not get."""
    template = stage.template
    if template.get("reason_required") and is_blank(saying.comment):
        raise Invalid(f"{stage.name} asks for a reason with every decision.", field="comment")
    if template.get("step_up") and not saying.step_up:
        raise Invalid(f"{stage.name} asks for your password again before you approve.", field="password")
    left = [task for task in template.get("checklist", ()) if task not in saying.checklist]
    if stage.kind is StageKind.TASK and left:
        raise Invalid(f"Not done yet: {'; '.join(left)}.", field="checklist")
    if empty := missing_answers(stage):
        raise Invalid(f"{stage.name} cannot approve while the request has no answer to: {', '.join(empty)}.")


def missing_answers(stage: ReviewStage) -> list[str]:
    """The questions of the request form that must be answered before this stage can approve (C18, C21)."""
    request, template = stage.request, stage.template
    asked = forms.still_missing(stage.key, request.form_ids, request.answers, environment=str(request.environment))
    wanted = [key for key in template.get("required_fields", ()) if request.answers.get(key) in (None, "", [])]
    if not wanted:
        return asked
    labels = {field.key: field.label for field in forms.ask(forms.forms_by_id(request.form_ids)).fields}
    return list(dict.fromkeys([*asked, *(labels.get(key, key) for key in wanted)]))


def _add_review(voice: Voice, verdict: Verdict, by: User, saying: Approval) -> None:
    """Keep what somebody said, bound to what they saw (I6); from now on the stage no longer waits for them."""
    stage = voice.stage
    for assignee in stage.assignees:
        if assignee.user_id in {by.id, voice.principal.id}:
            assignee.waits = False
    stage.reviews.append(
        Review(
            reviewer=by,
            reviewer_id=by.id,  # who has voted is looked at before this is written
            principal=voice.principal,
            principal_id=voice.principal.id,
            verdict=verdict,
            reason=saying.comment.strip(),
            content_hash=stage.request.content_hash,
            revision=stage.request.revision,
            conditions=[condition.strip() for condition in saying.conditions if condition.strip()],
            checklist=[task for task in stage.template.get("checklist", ()) if task in saying.checklist],
            files=forms.files_in(stage.request.answers),
            step_up_method=saying.step_up,
            step_up_at=now() if saying.step_up else None,
        )
    )


def _with(voice: Voice, by: User, saying: Approval) -> dict[str, Any]:
    """What the record says beside the verdict: the revision, for whom, what was weighed, and on what conditions."""
    told: dict[str, Any] = {"revision": voice.stage.request.revision}
    if voice.principal.id != by.id:
        told["for"] = voice.principal.email
    if stated := weighed_in(voice.stage):
        told["stated"] = stated
    if files := forms.files_in(voice.stage.request.answers):
        told["files"] = [f"{file['name']}, version {file['version']}" for file in files]
    if saying.conditions:
        told["conditions"] = list(saying.conditions)
    return told


def _what_happened(request: AccessRequest) -> str:
    reviewers = [stage.reviewer.display_name for stage in request.stages if stage.reviewer is not None]
    by = f" by {' and '.join(reviewers)}" if reviewers and request.status is not RequestStatus.WITHDRAWN else ""
    return f"{request.number} has already been {request.status}{by}. Nothing was changed."
