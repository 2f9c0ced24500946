"""Answering a request: approve, reject, withdraw, and what follows from the last answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from portal.access.grants import cancel_unanswered, close_as_withdrawn, provision
from portal.access.locking import lock_request, lock_requests
from portal.access.models import AccessRequest, RequestStatus, ReviewStage, StageState
from portal.accounts import Right, User
from portal.db import db
from portal.errors import Conflict, Invalid, NotAllowed, PortalError
from portal.events import EventKind, record
from portal.policies import may_answer

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
    if request.open_stages:
        return
    waiting = [stage for stage in request.stages if stage.state is StageState.WAITING]
    if not waiting:
        _approve(request, by, comment)
        return
    for stage in waiting:
        if stage.position == waiting[0].position:
            stage.open()
            asked = [assignee.user.email for assignee in stage.assignees]
            record(EventKind.STAGE_OPENED, subject=stage, by=None, reason=stage.because, after={"asked": asked})


def approve(request: AccessRequest, *, by: User, comment: str = "", seen: str = "") -> AccessRequest:
    """Give this reviewer's yes. ``seen`` is the content hash of what was on the screen.

    Raises NotAllowed when it is not this person's turn, Conflict when the request has been decided or has changed.
    """
    return _say_yes(lock_request(request), by, comment, seen)


def _say_yes(locked: AccessRequest, by: User, comment: str, seen: str = "") -> AccessRequest:
    mine = _stages_to_answer(locked, by, comment, seen)
    for stage in mine:
        stage.close(StageState.APPROVED, by=by, comment=comment.strip())
        record(EventKind.STAGE_APPROVED, subject=stage, by=by, reason=comment.strip())
    settle(locked, by=by, comment=comment.strip())
    return locked


def reject(request: AccessRequest, *, by: User, reason: str, seen: str = "") -> AccessRequest:
    """Give this reviewer's no, which closes the request. Raises Invalid without a reason, and as ``approve`` does."""
    if not reason.strip():
        raise Invalid("Give a reason: the requester will read it.", field="reason")
    return _say_no(lock_request(request), by, reason, seen)


def _say_no(locked: AccessRequest, by: User, reason: str, seen: str = "") -> AccessRequest:
    mine = _stages_to_answer(locked, by, reason, seen)
    for stage in mine:
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
    return [
        stage
        for stage in request.open_stages
        if may_answer(person, assigned=[a.user for a in stage.assignees], requester=request.requester)
    ]


def _what_happened(request: AccessRequest) -> str:
    reviewers = [stage.reviewer.display_name for stage in request.stages if stage.reviewer is not None]
    by = f" by {' and '.join(reviewers)}" if reviewers and request.status is not RequestStatus.WITHDRAWN else ""
    return f"{request.number} has already been {request.status}{by}. Nothing was changed."
