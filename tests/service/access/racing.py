"""What the races have in common: how often they are run, whom they are between, and what is true after each."""

from __future__ import annotations

import os

from sqlalchemy import func, select

from portal import access
from portal.access import (
    AccessRequest,
    Grant,
    RequestStatus,
    ReviewStage,
    StageAssignee,
    StageState,
)
from portal.accounts import User
from portal.db import db, transaction
from portal.errors import PortalError
from portal.events import AuditEvent, EventKind
from portal.schedule import Timer, TimerState
from tests.support.builders import (
    fill_cart,
    make_app,
    make_plan,
    make_product,
    make_user,
)
from tests.support.threads import errors_in

ROUNDS = int(os.environ.get("PORTICO_RACE_ROUNDS", "4"))
ENDS = {
    EventKind.REQUEST_APPROVED: RequestStatus.APPROVED,
    EventKind.REQUEST_REJECTED: RequestStatus.REJECTED,
    EventKind.REQUEST_WITHDRAWN: RequestStatus.WITHDRAWN,
    EventKind.REQUEST_EXPIRED: RequestStatus.EXPIRED,
    EventKind.REQUEST_DENIED: RequestStatus.DENIED,
}


class Scene:
    """People who ask, again and again, for one product; each request is for an app of its own."""

    def __init__(self, *owners: User) -> None:
        self.plan = make_plan()
        self.product = make_product(plans=[self.plan], owners=list(owners))
        self.asked, self.requester_id = 0, 0

    def ask(self) -> int:
        """A new request, by its key; now and then of somebody else, since nobody may have apps without end."""
        if self.asked % 25 == 0:
            self.requester_id = make_user().id
        self.asked += 1
        person = db.session.get(User, self.requester_id)
        app = make_app(person)
        fill_cart(person, self.product, plan=self.plan)
        with transaction():
            (request,) = access.submit(app, by=db.session.get(User, self.requester_id), reason="We need it.")
        return request.id


def person_of(key):
    return db.session.get(User, key)


def request_of(key):
    return db.session.get(AccessRequest, key)


def do(act, request_id, person_id, *args, **kwargs):
    """One contender's act, in a transaction of its own."""
    with transaction():
        return act(request_of(request_id), *args, by=person_of(person_id), **kwargs)


def approve_as(request_id, people, number):
    """One of these people says yes."""
    return do(access.approve, request_id, people[number])


def stage_of(request_id, key="owner"):
    return db.session.scalar(select(ReviewStage).where(ReviewStage.request_id == request_id, ReviewStage.key == key))


def number_of(model, *where):
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


def events_of(request_id, *kinds):
    about = AuditEvent.subject_type == "access_request", AuditEvent.subject_id == request_id
    return db.session.scalars(select(AuditEvent.kind).where(*about, AuditEvent.kind.in_(kinds))).all()


def settled(request_id):
    """What is true of a request whatever has just happened to it, and how it stands: nothing stuck, nothing twice."""
    db.session.rollback()
    request = request_of(request_id)
    ended = [ENDS[kind] for kind in events_of(request_id, *ENDS)]
    states = {stage.state for stage in request.stages}
    grants = number_of(Grant, Grant.request_id == request_id)
    if request.is_pending:
        assert ended == []
        assert grants == 0
        assert states & {StageState.OPEN, StageState.PAUSED}
        turn = access.who_can_act(request)
        assert turn.person is not None or turn.alarm
    else:
        assert ended == [request.status]
        assert not states & {StageState.WAITING, StageState.OPEN, StageState.PAUSED}
        assert grants == (1 if request.status is RequestStatus.APPROVED else 0)
        assert not number_of(StageAssignee, StageAssignee.request_id == request_id, StageAssignee.waits)
        keys = [stage.id for stage in request.stages]
        assert not number_of(Timer, Timer.subject_id.in_(keys), Timer.state.in_([TimerState.ARMED, TimerState.HELD]))
    if request.status is RequestStatus.APPROVED:
        assert states <= {StageState.APPROVED, StageState.SKIPPED}
    return request


def only_refusals(results):
    """Whoever lost was told so in words: no broken constraint, no deadlock, no lost update."""
    errors = errors_in(results)
    assert all(isinstance(error, PortalError) for error in errors), errors
    return errors
