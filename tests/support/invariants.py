"""What is true of every request at every moment, whatever has happened to it (I1 to I12 of the domain model)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from portal import access
from portal.access import (
    AccessRequest,
    AssigneeState,
    Clarification,
    Grant,
    GrantState,
    PolicyDecision,
    QuestionState,
    RequestItem,
    RequestKind,
    RequestStatus,
    Review,
    ReviewStage,
    StageAssignee,
    StageState,
    Verdict,
)
from portal.access.staffing import circle_of, is_asked
from portal.accounts import User
from portal.db import db
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.schedule import Timer, TimerState

OPEN_STATES = {StageState.OPEN, StageState.PAUSED}
UNANSWERED = {StageState.WAITING, *OPEN_STATES}
ENDS = {
    EventKind.REQUEST_APPROVED: RequestStatus.APPROVED,
    EventKind.REQUEST_REJECTED: RequestStatus.REJECTED,
    EventKind.REQUEST_WITHDRAWN: RequestStatus.WITHDRAWN,
    EventKind.REQUEST_EXPIRED: RequestStatus.EXPIRED,
    EventKind.REQUEST_DENIED: RequestStatus.DENIED,
}
MUST_BE_TOLD = {EventKind.REQUEST_APPROVED: "approve", EventKind.REQUEST_REJECTED: "reject"}
STAGE_ENDS = {
    StageState.REJECTED: EventKind.STAGE_REJECTED,
    StageState.EXPIRED: EventKind.STAGE_EXPIRED,
    StageState.SKIPPED: EventKind.STAGE_SKIPPED,
}


class Facts:
    """Everything that the checks look at, read at once."""

    def __init__(self) -> None:
        db.session.rollback()
        whole = (
            selectinload(AccessRequest.items).selectinload(RequestItem.product),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.assignees).selectinload(StageAssignee.user),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.reviews).selectinload(Review.reviewer),
        )
        self.requests = _all(select(AccessRequest).options(*whole).order_by(AccessRequest.id))
        self.grants = _all(select(Grant))
        self.people = _all(select(User).order_by(User.id))
        self.decisions = {d.request_id: d for d in _all(select(PolicyDecision).order_by(PolicyDecision.revision))}
        self.events: dict[tuple[str, int | None], list[AuditEvent]] = {}
        for event in _all(select(AuditEvent).order_by(AuditEvent.id)):
            self.events.setdefault((event.subject_type, event.subject_id), []).append(event)
        rows = db.session.execute(select(OutboxMessage.event_id, OutboxMessage.kind, OutboxMessage.dedup)).all()
        self.told = {(row.event_id, row.kind) for row in rows}
        self.told_of = {row.event_id for row in rows}
        self.asking = {q.stage_id for q in _all(select(Clarification)) if q.state is QuestionState.OPEN}
        live = [timer for timer in _all(select(Timer)) if timer.state in {TimerState.ARMED, TimerState.HELD}]
        self.timers = {(t.subject_id, t.kind): t.state for t in live if t.subject_type == "review_stage"}

    def kinds(self, subject: Any) -> list[EventKind]:
        """What was recorded about this thing."""
        return [event.kind for event in self.events.get((subject.__tablename__, subject.id), [])]


def hold(*, noticed: bool = True) -> Facts:
    """Check all of it. ``noticed`` says that whatever changed who may answer was followed by staffing anew."""
    facts = Facts()
    for request in facts.requests:
        _stands_together(request)
        _ended_once(request, facts)
        _votes_are_sound(request)
        for stage in request.stages:
            _clock_follows(stage, facts)
            _waits_for_the_right(stage, facts.people, noticed=noticed)
            _recorded(stage, facts)
        if request.is_pending:
            _is_not_stuck(request)
    pending = [request for request in facts.requests if request.is_pending]
    if pending and (turn := access.who_can_act(pending[-1])).person is not None:
        assert access.find_request(pending[-1].number, seen_by=turn.person) is not None  # C29: whose turn it is sees it
    for grant in facts.grants:
        _was_approved(grant, facts)
    _asked_once(facts.requests)
    _held_once(facts.grants)
    return facts


def _stands_together(request: AccessRequest) -> None:
    """Status and stages say the same, and stages come in their order."""
    states = [stage.state for stage in request.stages]
    if not request.is_pending:
        assert not UNANSWERED & set(states), (request.status, states)
        assert not any(item.is_open for item in request.items)
        return
    assert OPEN_STATES & set(states), states
    assert not {StageState.REJECTED, StageState.EXPIRED, StageState.CANCELLED} & set(states), states
    first = min(stage.position for stage in request.stages if stage.state in OPEN_STATES)
    assert all(stage.position >= first for stage in request.stages if stage.state is StageState.WAITING)
    assert all(stage.position == first for stage in request.stages if stage.state is StageState.OPEN)


def _ended_once(request: AccessRequest, facts: Facts) -> None:
    """I11, I12: one event for each end, and a message where somebody must be told."""
    events = facts.events.get(("access_request", request.id), [])
    ends = [ENDS[event.kind] for event in events if event.kind in ENDS]
    assert ends == ([] if request.is_pending else [request.status]), (ends, request.status)
    for event in events:
        if event.kind in MUST_BE_TOLD and request.kind is not RequestKind.BREAK_GLASS:  # which has mails of its own
            assert (event.id, MUST_BE_TOLD[event.kind]) in facts.told
    begun = EventKind.GLASS_BROKEN if request.kind is RequestKind.BREAK_GLASS else EventKind.REQUEST_SUBMITTED
    assert [event.kind for event in events].count(begun) == 1


def _votes_are_sound(request: AccessRequest) -> None:
    """I4, I5: nobody decides their own, and nobody's vote counts twice, whoever gave it."""
    for stage in request.stages:
        used: Counter[int] = Counter()
        for review in stage.reviews:
            assert request.requester_id not in {review.reviewer_id, review.principal_id}
            if review.voided_at is None:
                used.update({review.reviewer_id, review.principal_id})
        assert all(number == 1 for number in used.values()), used
        if stage.state is StageState.APPROVED:
            assert _has_its_quorum(stage)


def _has_its_quorum(stage: ReviewStage) -> bool:
    """Counted anew, and more simply than the engine does."""
    live = [review for review in stage.reviews if review.voided_at is None]
    assert all(review.verdict is Verdict.APPROVE for review in live)
    quorum = stage.template.get("quorum", {})
    number, mode = int(quorum.get("n", 1)), quorum.get("mode", "total")
    if mode == "per_group":
        return len(live) >= number * len(stage.template["sources"])
    return len(live) >= (number if mode == "total" else 1)


def _clock_follows(stage: ReviewStage, facts: Facts) -> None:
    """An open stage will run out one day; one that is over has no timer left."""
    timers = {kind: state for (stage_id, kind), state in facts.timers.items() if stage_id == stage.id}
    if stage.state is StageState.OPEN:
        assert timers.get("expire") is TimerState.ARMED, timers
        assert stage.due_at is not None
    elif stage.state is StageState.PAUSED:
        assert timers.get("answer_expire") is TimerState.ARMED, timers
        assert stage.id in facts.asking
    else:
        assert not timers, (stage.state, timers)
        assert stage.alarm == ""


def _waits_for_the_right(stage: ReviewStage, people: Iterable[User], *, noticed: bool) -> None:
    """The flags by which queues are found are the truth."""
    waits = {assignee.user_id for assignee in stage.assignees if assignee.waits}
    if stage.state is not StageState.OPEN:
        assert not waits
        return
    active = {assignee.user_id for assignee in stage.assignees if assignee.state is AssigneeState.ACTIVE}
    assert waits == active - stage.answered_by, (waits, active, stage.answered_by)
    if noticed:
        circle = circle_of(stage)
        truth = {p.id for p in people if is_asked(stage, p, circle)} - stage.answered_by
        assert waits == truth, (waits, truth)


def _recorded(stage: ReviewStage, facts: Facts) -> None:
    kinds = facts.kinds(stage)
    if stage.state in STAGE_ENDS:
        assert kinds.count(STAGE_ENDS[stage.state]) == 1, kinds
    if stage.state is StageState.APPROVED:
        last = [k for k in kinds if k in {EventKind.STAGE_APPROVED, EventKind.STAGE_OPENED}][-1]
        assert last is EventKind.STAGE_APPROVED
    if stage.state in OPEN_STATES:
        assert EventKind.STAGE_OPENED in kinds
    if stage.request.kind is RequestKind.BREAK_GLASS:  # an emergency has a mail of its own, to more people
        loud = [e for e in facts.events[("access_request", stage.request_id)] if e.kind is EventKind.GLASS_BROKEN]
        assert loud[0].id in facts.told_of
        return
    for event in facts.events.get(("review_stage", stage.id), []):
        if event.kind is EventKind.STAGE_OPENED and event.after.get("asked"):
            assert event.id in facts.told_of, event.after


def _is_not_stuck(request: AccessRequest) -> None:
    """One real person who can act now, or an alarm that says why there is none."""
    turn = access.who_can_act(request)
    assert turn is not None
    if turn.person is None:
        assert turn.alarm
        return
    assert turn.person.active
    if turn.stage.state is StageState.PAUSED:
        assert turn.person.id == request.requester_id
        return
    assert turn.person.id != request.requester_id
    assert turn.stage in [voice.stage for voice in access.voices_in(request, turn.person)]
    assert turn.by_when is not None


def _was_approved(grant: Grant, facts: Facts) -> None:
    """I3, I7: no access without every stage that the last decision asked for, and never more than was approved."""
    request = next(r for r in facts.requests if r.id == grant.request_id)
    item = next(i for i in request.items if i.product_id == grant.product_id)
    assert set(grant.scopes) <= set(item.granted_scopes) <= set(item.scopes)
    assert set(grant.scopes) <= set(request.plan.scopes_for(item.product))
    assert not item.declined
    kinds = facts.kinds(grant)
    assert kinds.count(EventKind.ACCESS_GRANTED) == 1
    assert kinds.count(EventKind.ACCESS_REVOKED) == (grant.state is GrantState.REVOKED), (kinds, grant.state)
    if request.kind is RequestKind.BREAK_GLASS:
        ended = request.status in {RequestStatus.REJECTED, RequestStatus.EXPIRED, RequestStatus.WITHDRAWN}
        assert not (ended and grant.is_live)
        return
    assert request.status is RequestStatus.APPROVED
    assert {stage.state for stage in request.stages} <= {StageState.APPROVED, StageState.SKIPPED}
    approved = {stage.key for stage in request.stages if stage.state is StageState.APPROVED}
    left = {item.product_id for item in request.items if not item.declined}
    approved |= {
        s.key for s in request.stages if s.product_ids and not left & set(s.product_ids)
    }  # about none of these
    decision = facts.decisions[request.id]
    assert decision.outcome != "deny"
    assert set(decision.stages) <= approved, (decision.stages, approved)


def _asked_once(requests: Iterable[AccessRequest]) -> None:
    """I1."""
    places = [(i.app_id, i.product_id, i.environment) for r in requests for i in r.items if i.is_open]
    assert len(places) == len(set(places))


def _held_once(grants: Iterable[Grant]) -> None:
    """I2."""
    places = [(g.app_id, g.product_id, g.environment) for g in grants if g.state in access.HELD_STATES]
    assert len(places) == len(set(places))


def _all(query: Any) -> list[Any]:
    return list(db.session.scalars(query.execution_options(populate_existing=True)).unique())
