"""Answering a request: approve, reject, withdraw, and what follows from the last answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from portal.access import quorum
from portal.access.grants import cancel_unanswered, close_as_withdrawn, provision
from portal.access.locking import lock_request, lock_requests
from portal.access.models import AccessRequest, RequestStatus
from portal.access.review import Review, ReviewStage, StageState, Verdict
from portal.access.staffing import may_answer, open_stage
from portal.accounts import Right, User
from portal.db import db
from portal.errors import Conflict, Invalid, NotAllowed, PortalError
from portal.events import EventKind, record

MOST_AT_ONCE = 100
LONGEST_COMMENT = 4000


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
    if any(stage.state in {StageState.OPEN, StageState.PAUSED} for stage in request.stages):
        return
    waiting = [stage for stage in request.stages if stage.state is StageState.WAITING]
    if not waiting:
        _approve(request, by, comment)
        return
    for stage in waiting:
        if stage.position == waiting[0].position:
            open_stage(stage)


def approve(request: AccessRequest, *, by: User, comment: str = "", seen: str = "") -> AccessRequest:
    """Give this reviewer's yes. ``seen`` is the content hash of what was on the screen.

    Raises NotAllowed when it is not this person's turn, Conflict when the request has been decided or has changed.
    """
    return _say_yes(lock_request(request), by, comment, seen)


def _say_yes(locked: AccessRequest, by: User, comment: str, seen: str = "") -> AccessRequest:
    for stage in _stages_to_answer(locked, by, comment, seen):
        _add_review(stage, Verdict.APPROVE, by, comment)
        if quorum.is_met(stage):
            stage.close(StageState.APPROVED, by=by, comment=comment.strip())
            record(EventKind.STAGE_APPROVED, subject=stage, by=by, reason=comment.strip())
        else:
            after = {"given": quorum.given(stage), "needed": quorum.needed(stage)}
            record(EventKind.STAGE_VOTED, subject=stage, by=by, reason=comment.strip(), after=after)
    settle(locked, by=by, comment=comment.strip())
    return locked


def reject(request: AccessRequest, *, by: User, reason: str, seen: str = "") -> AccessRequest:
    """Give this reviewer's no, which closes the request. Raises Invalid without a reason, and as ``approve`` does."""
    if not reason.strip():
        raise Invalid("Give a reason: the requester will read it.", field="reason")
    return _say_no(lock_request(request), by, reason, seen)


def _say_no(locked: AccessRequest, by: User, reason: str, seen: str = "") -> AccessRequest:
    for stage in _stages_to_answer(locked, by, reason, seen):
        _add_review(stage, Verdict.REJECT, by, reason)
        stage.close(StageState.REJECTED, by=by, comment=reason.strip())
        record(EventKind.STAGE_REJECTED, subject=stage, by=by, reason=reason.strip())
    cancel_unanswered(locked)
    locked.move_to(RequestStatus.REJECTED)
    record(EventKind.REQUEST_REJECTED, subject=locked, by=by, reason=reason.strip())
    return locked


def withdraw(request: AccessRequest, *, by: User) -> AccessRequest:
    """Take back one's own request. Raises NotAllowed for somebody else's, Conflict when it has been decided."""
    locked = lock_request(request)
    if locked.requester_id != by.id:
        raise NotAllowed("Only the person who made a request can withdraw it.")
    if not locked.is_pending:
        raise Conflict(_what_happened(locked))
    close_as_withdrawn(locked, by=by)
    return locked


def approve_many(requests: Sequence[AccessRequest], *, by: User, comment: str = "") -> list[Outcome]:
    """Approve each request that this person may approve, each judged alone; one line for each (C143)."""
    return _each(requests, lambda locked: _say_yes(locked, by, comment), "approved")


def reject_many(requests: Sequence[AccessRequest], *, by: User, reason: str) -> list[Outcome]:
    """Reject each request that this person may reject, with one reason; one line for each (C143)."""
    if not reason.strip():
        raise Invalid("Give a reason: the requesters will read it.", field="reason")
    return _each(requests, lambda locked: _say_no(locked, by, reason), "rejected")


def may_decide(request: AccessRequest, person: User) -> bool:
    """Whether this person can answer an open stage of this request now."""
    return request.is_pending and person.may(Right.DECIDE_REQUESTS) and bool(_stages_for(request, person))


def _each(requests: Sequence[AccessRequest], act: Callable[[AccessRequest], AccessRequest], word: str) -> list[Outcome]:
    if len(requests) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} requests can be decided at once.")
    outcomes = []
    for request in lock_requests(requests):
        number = request.number
        try:
            with db.session.begin_nested():
                act(request)
            outcomes.append(Outcome(number, f"{word.capitalize()}.", done=True))
        except PortalError as refusal:
            outcomes.append(Outcome(number, refusal.message, done=False))
    return outcomes


def _approve(request: AccessRequest, by: User | None, comment: str) -> None:
    try:
        with db.session.begin_nested():
            provision(request, by=by)
    except IntegrityError as error:
        raise Conflict(f"{request.app.name} already has access to one of these products.") from error
    request.move_to(RequestStatus.APPROVED)
    record(
        EventKind.REQUEST_APPROVED, subject=request, by=by, reason=comment, after={"automatic": request.auto_approved}
    )


def _stages_to_answer(locked: AccessRequest, by: User, comment: str, seen: str) -> list[ReviewStage]:
    if len(comment) > LONGEST_COMMENT:
        raise Invalid(f"The text is longer than {LONGEST_COMMENT} characters.", field="comment")
    if locked.requester_id == by.id:
        raise NotAllowed("Nobody decides their own request.")
    if not locked.is_pending:
        raise Conflict(_what_happened(locked))
    if seen and seen != locked.content_hash:
        raise Conflict(f"{locked.number} has changed since this page was shown. Look at it again before you decide.")
    mine = _stages_for(locked, by)
    if not (by.may(Right.DECIDE_REQUESTS) and mine):
        raise NotAllowed(f"{locked.number} does not wait for your answer.")
    return mine


def _stages_for(request: AccessRequest, person: User) -> list[ReviewStage]:
    """The open stages that this person may answer and has not answered yet."""
    return [
        stage
        for stage in request.open_stages
        if person.id not in {review.reviewer_id for review in stage.live_reviews} and may_answer(stage, person)
    ]


def _add_review(stage: ReviewStage, verdict: Verdict, by: User, reason: str) -> None:
    """Keep what somebody said, bound to what they saw (I6); from now on the stage no longer waits for them."""
    for assignee in stage.assignees:
        if assignee.user_id == by.id:
            assignee.waits = False
    stage.reviews.append(
        Review(
            reviewer=by,
            principal=by,
            verdict=verdict,
            reason=reason.strip(),
            content_hash=stage.request.content_hash,
            revision=stage.request.revision,
        )
    )
    db.session.flush()


def _what_happened(request: AccessRequest) -> str:
    reviewers = [stage.reviewer.display_name for stage in request.stages if stage.reviewer is not None]
    by = f" by {' and '.join(reviewers)}" if reviewers and request.status is not RequestStatus.WITHDRAWN else ""
    return f"{request.number} has already been {request.status}{by}. Nothing was changed."
