"""C130 at random: a product gets stricter and looser, approvals are asked for, given, refused and forgotten."""

import os
from datetime import timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from sqlalchemy import select

from portal import access, catalog
from portal.access import AccessRequest, Cause, Grant, GrantState, RequestKind, RequestStatus
from portal.catalog import Classification
from portal.db import db, now, transaction
from portal.errors import PortalError
from portal.events import EventKind
from tests.service.access.test_reapproving import MONDAY, Scene, approve, reject, resume, suspend
from tests.support.ends import keep_time, mails, recorded
from tests.support.invariants import hold

LIVES = int(os.environ.get("PORTICO_LIVES", "4"))
MOVES = (
    "give",
    "raise",
    "lower",
    "press",
    "press",
    "approve",
    "reject",
    "suspend",
    "resume",
    "revoke",
    "days",
    "weeks",
)
pytestmark = pytest.mark.timeout(300 + 30 * LIVES)


class Life(Scene):
    """One thing after another; refusals are answers too, and anything else that is raised is a defect."""

    def move(self, name, number):
        try:
            getattr(self, f"do_{name}")(number)
        except PortalError:
            db.session.rollback()
        self.check()

    def held(self, number):
        found = db.session.scalars(select(Grant).where(Grant.state.in_(access.HELD_STATES)).order_by(Grant.id)).all()
        return found[number % len(found)] if found else self.grant

    def asked(self, number):
        pending = AccessRequest.status == RequestStatus.PENDING
        found = db.session.scalars(select(AccessRequest).where(pending).order_by(AccessRequest.id)).all()
        return found[number % len(found)] if found else None

    def do_give(self, number):
        delicate = self.product.classification is Classification.RESTRICTED
        self.do_lower(number)
        self.given()
        if delicate:
            self.raise_classification()

    def do_raise(self, _number):
        self.raise_classification()

    def do_lower(self, _number):
        with transaction():
            catalog.change_product(self.product, {"classification": Classification.INTERNAL}, by=self.owner)

    def do_press(self, number):
        lacking = {gap.grant.id for gap in access.gaps_of(self.product).to_ask}
        asked = self.press(days=1 + number)
        assert {grant.id for request in asked for grant in access.grants_renewed_by(request)} == lacking
        assert self.press() == []

    def do_approve(self, number):
        if request := self.asked(number):
            approve(request, self.guard)

    def do_reject(self, number):
        if request := self.asked(number):
            reject(request, self.guard)
            assert not any(grant.is_held for grant in access.grants_renewed_by(request))

    def do_suspend(self, number):
        suspend(self.held(number), self.owner)

    def do_resume(self, number):
        resume(self.held(number), self.owner)

    def do_revoke(self, number):
        grant = self.held(number)
        with transaction():
            access.revoke_access(grant, by=self.owner, reason="Over.")

    def do_days(self, number):
        self.pass_time(timedelta(days=1 + number % 4))

    def do_weeks(self, number):
        self.pass_time(timedelta(weeks=1 + number % 3))

    def pass_time(self, span):
        self.clock.shift(span)
        db.session.rollback()
        before = {grant.id: self.opens(grant) for grant in db.session.scalars(select(Grant))}
        keep_time()
        after = {grant.id: self.opens(grant) for grant in db.session.scalars(select(Grant))}
        assert after == before  # the worker only writes down what is true already

    def check(self):
        facts = hold()
        for grant in facts.grants:
            stopped = grant.suspended_cause is Cause.NOT_REAPPROVED
            assert not (stopped and grant.state is GrantState.ACTIVE)
            if grant.is_held and grant.reapprove_by is not None and grant.reapprove_by <= now():
                assert grant.id not in self.opened_by(grant)
        kinds = [request.kind for request in facts.requests]
        assert (
            kinds.count(RequestKind.REAPPROVAL) == len(recorded(EventKind.REAPPROVAL_ASKED)) == len(mails("reapproval"))
        )

    def opened_by(self, grant):
        return {opening.grant_id for opening in access.find_entitlement(grant.credential.client_id).openings}


@pytest.mark.usefixtures("app")
def test_I1_to_I12_hold_whatever_befalls_an_approval_that_is_asked_for_again(installation):
    @given(some.lists(some.tuples(some.sampled_from(MOVES), some.integers(0, 20)), min_size=12, max_size=25))
    @settings(
        max_examples=LIVES if installation.database == "sqlite" else max(1, LIVES // 4),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        derandomize="PORTICO_LIVES" not in os.environ,
        database=None,
    )
    def live(moves):
        with time_machine.travel(MONDAY, tick=False) as clock:
            db.session.remove()
            installation.empty()
            life = Life()
            life.clock = clock
            life.do_raise(0)
            life.do_press(3)
            for name, number in moves:
                life.move(name, number)

    live()
