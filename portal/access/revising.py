"""Changing a request while it is reviewed: a new revision, judged anew, that voids exactly the answers it touches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portal import policies
from portal.access.asking import decision_for, record_decision, stage_from
from portal.access.decide import settle
from portal.access.ending import close_refused
from portal.access.form import revised_answers, revised_origins
from portal.access.locking import lock_request
from portal.access.models import AccessRequest, RequestKind, RequestStatus
from portal.access.review import ReviewStage, StageState
from portal.access.rules import reason_fault
from portal.access.staffing import skip
from portal.access.terms import content_hash, last_decision
from portal.accounts import User
from portal.db import db, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record

_ANSWERABLE = frozenset({StageState.APPROVED, StageState.OPEN, StageState.PAUSED})
_STILL_COUNTS = _ANSWERABLE | {StageState.WAITING}
NO_LONGER_NEEDED = "The request was changed and no longer needs it."


def edit(
    request: AccessRequest, *, by: User, reason: str | None = None, answers: Mapping[str, Any] | None = None
) -> AccessRequest:
    """Change the reason or the answers of one's own pending request.

    The policy judges the new revision. Answers that reviewers gave are void where what they look at has changed, and
    only there; stages that are needed now are added, and those no longer needed are skipped. Raises NotAllowed for
    somebody else's request, Conflict when it has been decided.
    """
    locked = lock_request(request)
    if locked.requester_id != by.id:
        raise NotAllowed("Only the person who made a request can change it.")
    if not locked.is_pending:
        raise Conflict(f"{locked.number} has already been {locked.status}. Nothing was changed.")
    if locked.kind is RequestKind.BREAK_GLASS:
        raise Conflict("What was said in an emergency stays as it was said.")
    if reason is not None and (fault := reason_fault(locked.plan, reason)):
        raise Invalid(fault, field="reason")
    if answers is not None:
        answers = revised_answers(locked, answers, by=by)
    changed = _apply(locked, reason, answers)
    if not changed:
        return locked
    last = last_decision(locked)
    locked.revision += 1
    locked.content_hash = content_hash(locked)
    decision = decision_for(locked)
    record(EventKind.REQUEST_EDITED, subject=locked, by=by, after={"revision": locked.revision, "changed": changed})
    record_decision(locked, decision)
    if decision.denied:
        close_refused(locked, RequestStatus.DENIED, by=None, reason=decision.because)
        record(EventKind.REQUEST_DENIED, subject=locked, by=None, reason=decision.because)
        return locked
    _follow(locked, decision, _differences(last.facts if last is not None else [], decision.facts) | set(changed))
    settle(locked, by=None, comment=decision.because)
    return locked


def _apply(request: AccessRequest, reason: str | None, answers: Mapping[str, Any] | None) -> list[str]:
    changed = []
    if reason is not None and reason.strip() != request.reason:
        request.reason = reason.strip()
        changed.append("reason")
    if answers is not None and dict(answers) != request.answers:
        keys = request.answers.keys() | answers.keys()
        changed += sorted(key for key in keys if request.answers.get(key) != answers.get(key))
        request.answer_origins = revised_origins(request, answers)
        request.answers = dict(answers)
    return changed


def _differences(before: list[dict[str, Any]], after: tuple[dict[str, Any], ...]) -> set[str]:
    """The attributes whose values differ; neither the clock nor the place is a change that somebody made."""
    found, known = set(), {facts.get("product.slug"): facts for facts in before}
    for new in after:  # a product that was declined meanwhile has changed nothing for the others
        old = known.get(new.get("product.slug"), {})
        found |= {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return {name for name in found if not name.startswith(("time.", "network."))}


def _follow(request: AccessRequest, decision: policies.Decision, changed: set[str]) -> None:
    """Bring the stages in line with the new decision."""
    touched = policies.touched_by(changed, [item.product_id for item in request.items])
    standing = {item.product_id for item in request.standing_items}
    needed = {(spec.key, spec.product_ids): spec for spec in decision.stages}
    for stage in request.stages:
        if stage.state not in _STILL_COUNTS:  # skipped by an earlier edit: if it is needed again, it is asked anew
            continue
        spec = needed.pop((stage.key, tuple(key for key in stage.product_ids if key in standing)), None)
        if spec is None and stage.added_by_id is None:
            skip(stage, NO_LONGER_NEEDED)
        elif stage.state in _ANSWERABLE and (stage.key in touched or stage.added_by_id is not None):
            _void(stage, request)
    request.stages.extend(stage_from(spec) for spec in needed.values())
    db.session.flush()


def _void(stage: ReviewStage, request: AccessRequest) -> None:
    """Take back the answers that were given here; the same people are asked again when it is the stage's turn."""
    voided = stage.live_reviews
    for review in voided:
        review.voided_at, review.voided_by_revision = now(), request.revision
    if stage.state is StageState.APPROVED:
        stage.reviewer, stage.comment, stage.decided_at = None, "", None
        stage.move_to(StageState.WAITING)  # for its turn: an earlier stage may be open again as well
    elif stage.state is StageState.OPEN:
        for assignee in stage.active_assignees:
            assignee.waits = True
    if voided:
        told = {"voided": [review.reviewer.email for review in voided], "revision": request.revision}
        record(EventKind.REVIEW_VOIDED, subject=stage, by=None, after=told)
