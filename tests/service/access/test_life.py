"""The whole life of requests, at random: people come and go, policies change, time passes, and I1 to I12 hold.

A few lives are lived always; PORTICO_LIVES and PORTICO_LIFE_STEPS ask for more and for longer ones.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, nullcontext
from datetime import date, timedelta
from unittest.mock import patch

import pytest
import time_machine
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from portal import access, accounts
from portal.access import (
    AccessRequest,
    Approval,
    AssigneeState,
    Clarification,
    Delegation,
    Grant,
    Narrowing,
    QuestionState,
    RequestStatus,
    ReviewStage,
    StageAssignee,
    StageState,
)
from portal.accounts import ReviewerGroup, RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import close_connections, db, now, transaction
from portal.errors import PortalError
from portal.events import EventKind, record
from portal.policies import PolicyState, PolicyVersion
from tests.service.access.world import (
    EXPOSURES,
    MONDAY,
    POLICIES,
    ROLES,
    WAYS_ON,
    any_number,
    ask_for,
    make_world,
    mostly,
)
from tests.support.builders import make_user
from tests.support.invariants import hold

LIVES = int(os.environ.get("PORTICO_LIVES", "4"))
STEPS = int(os.environ.get("PORTICO_LIFE_STEPS", "20"))


class Life(RuleBasedStateMachine):
    """Everything that can befall requests. Refusals are answers too; anything else that is raised is a defect."""

    begin = staticmethod(lambda: None)  # set by the test: a clean world

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(MONDAY, tick=False)
        self.travelling = self.clock.start()
        self.begin()
        self.noticed = True
        self.people = list(db.session.scalars(select(User.id).order_by(User.id)))
        self.seen = ""

    def teardown(self) -> None:
        db.session.remove()
        self.clock.stop()

    # --- choosing ---

    def person(self, number: int) -> User:
        return db.session.get(User, self.people[number % len(self.people)])

    def one_of(self, model, number, *where):
        found = db.session.scalars(select(model).where(*where).order_by(model.id)).unique().all()
        return found[number % len(found)] if found else None

    def pending(self, number: int) -> AccessRequest | None:
        return self.one_of(AccessRequest, number, AccessRequest.status == RequestStatus.PENDING)

    def reviewer(self, request: AccessRequest, number: int) -> User:
        """Mostly somebody who can answer; now and then anybody."""
        people = [self.person(n) for n in range(len(self.people))]
        able = [person for person in people if person.active and access.voices_in(request, person)]
        return able[number % len(able)] if able and number % 5 else self.person(number)

    def act(self, function):
        """Do something as the web would: in a transaction, where a refusal changes nothing."""
        try:
            with transaction():
                return function()
        except PortalError:
            return None

    # --- asking ---

    @rule(who=any_number, what=any_number, where=some.sampled_from(Environment), risk=some.sampled_from(EXPOSURES))
    def submit(self, who, what, where, risk):
        app = self.one_of(DeveloperApp, who, DeveloperApp.deleted_at.is_(None))
        if app is None:
            return
        products = db.session.scalars(select(ApiProduct).order_by(ApiProduct.id)).all()
        chosen = [products[:1], products[1:], products][what % 3]
        plan = self.one_of(Plan, what // 3)
        self.act(lambda: ask_for(app, chosen, plan, where, risk))

    @rule(which=any_number, words=some.integers(0, 3), risk=some.sampled_from((None, *EXPOSURES)))
    def edit(self, which, words, risk):
        if request := self.pending(which):
            answers = {"risk": risk} if risk else None
            reason = f"For us, {words}." if words else None
            self.act(lambda: access.edit(request, by=request.requester, reason=reason, answers=answers))

    @rule(which=any_number, who=any_number)
    def withdraw(self, which, who):
        if (request := self.pending(which)) and who % 3 == 0:
            by = request.requester if who % 4 else self.person(who)
            self.act(lambda: access.withdraw(request, by=by))

    @rule(which=any_number)
    def delete_app(self, which):
        app = self.one_of(DeveloperApp, which, DeveloperApp.deleted_at.is_(None))
        if app is not None and which % 4 == 0:
            self.act(lambda: access.delete_app(app, by=app.owner))

    # --- answering ---

    @rule(which=any_number, who=any_number, less=some.integers(0, 6), stale=some.booleans())
    def approve(self, which, who, less, stale):
        request = self.pending(which)
        if request is None:
            return
        by, seen = self.reviewer(request, who), self.seen if stale else request.content_hash
        wrong = seen not in {"", request.content_hash}
        saying = Approval("Yes.", less=self.narrowing(request, less), checklist=["done"], conditions=["Be kind."])
        before = {review.id for stage in request.stages for review in stage.reviews}
        given = self.act(lambda: access.approve(request, by=by, seen=seen, saying=saying))
        if given is not None:
            assert not wrong
            assert by.active
            mine = [r for stage in request.stages for r in stage.reviews if r.id not in before]
            assert mine
            assert {r.reviewer_id for r in mine} == {by.id}
            assert {r.content_hash for r in mine} == {request.content_hash}

    def narrowing(self, request: AccessRequest, less: int) -> Narrowing:
        items = request.standing_items
        if less == 1 and len(items) > 1:
            return Narrowing(declined={items[0].product_id: "Not this."})
        if less == 2:
            return Narrowing(scopes={items[-1].product_id: frozenset(items[-1].granted_scopes[:1])})
        if less == 3:
            return Narrowing(until=date(2027, 1, 5))
        if less == 4 and (lower := access.lower_plans(request)):
            return Narrowing(plan=lower[0])
        return Narrowing()

    @rule(which=any_number, who=any_number)
    def approve_several(self, which, who):
        requests = list(db.session.scalars(select(AccessRequest).order_by(AccessRequest.id.desc()).limit(5)))
        if requests:
            by = self.reviewer(requests[which % len(requests)], who)
            seen = {request.number: request.content_hash for request in requests}
            self.act(lambda: access.approve_many(requests, by=by, comment="Yes.", seen=seen))

    @rule(which=any_number, who=any_number)
    def reject(self, which, who):
        if (request := self.pending(which)) and who % 3 == 0:
            by = self.reviewer(request, who)
            self.act(lambda: access.reject(request, by=by, reason="No."))

    @rule(which=any_number)
    def look_at_a_page(self, which):
        if request := self.pending(which):
            self.seen = request.content_hash

    @rule(which=any_number, who=any_number)
    def ask(self, which, who):
        if request := self.pending(which):
            by = self.reviewer(request, who)
            self.act(lambda: access.ask(request, by=by, question="Why?"))

    @rule(which=any_number, back=some.booleans())
    def answer(self, which, back):
        question = self.one_of(Clarification, which, Clarification.state == QuestionState.OPEN)
        if question is not None and back:
            self.act(lambda: access.take_back(question, by=question.asked_by))
        elif question is not None:
            self.act(lambda: access.answer(question, by=question.request.requester, text="Because."))

    @rule(
        which=any_number,
        who=any_number,
        to=any_number,
        what=some.sampled_from(WAYS_ON),
    )
    def pass_on(self, which, who, to, what):
        assignee = self.one_of(StageAssignee, which, StageAssignee.state == AssigneeState.ACTIVE)
        if assignee is None or assignee.stage.state is not StageState.OPEN:
            return
        request, stage_id = assignee.stage.request, assignee.stage_id
        by, taker = assignee.user if who % 4 else self.person(who), self.person(to)
        if what == "recuse":
            self.act(lambda: access.recuse(request, by=by, stage_id=stage_id, reason="Mine."))
        elif what == "reassign":
            self.act(lambda: access.reassign(request, taker, by=by, stage_id=stage_id))
        elif what == "claim":
            self.act(lambda: access.claim(request, by=by, stage_id=stage_id))
        else:
            self.act(lambda: access.release(request, by=by, stage_id=stage_id))

    @rule(which=any_number, who=any_number, key=some.sampled_from(("board", "panel", "legal", "everyone", "security")))
    def add_stage(self, which, who, key):
        if request := self.pending(which):
            by = self.reviewer(request, who)
            self.act(lambda: access.add_stage(request, key, by=by, because="To be sure."))

    @rule(who=any_number, to=any_number, days=some.integers(1, 20))
    def delegate(self, who, to, days):
        by, taker = self.person(who), self.person(to)
        self.act(lambda: access.delegate(taker, by=by, starts_at=now(), ends_at=now() + timedelta(days=days)))

    @rule(which=any_number)
    def end_delegation(self, which):
        if made := self.one_of(Delegation, which, Delegation.ended_at.is_(None)):
            self.act(lambda: access.end_delegation(made, by=made.from_user))

    # --- people ---

    def changed(self, noticed: bool, change):
        """Make a change whose stages follow at once; or, as where there are too many, only when the clock comes by."""

        def do():
            with nullcontext() if noticed else patch("portal.access.changes.restaff_for"):
                change()
            return True

        if self.act(do) and not noticed:
            self.noticed = False

    @rule(who=any_number, noticed=mostly)
    def go_or_come_back(self, who, noticed):
        person, admin = self.person(who), self.one_of(User, 0, User.name == "Root")
        act = accounts.deactivate if person.active else accounts.reactivate
        self.changed(noticed, lambda: act(person, by=admin))

    @rule(who=any_number, role=some.sampled_from(ROLES), noticed=mostly)
    def change_role(self, who, role, noticed):
        person, admin = self.person(who), self.one_of(User, 0, User.name == "Root")
        roles = person.role_names ^ {role}
        if roles:
            self.changed(noticed, lambda: accounts.change_roles(person, roles, by=admin))

    @rule(who=any_number, key=some.sampled_from(("board", "legal")), noticed=mostly)
    def join_or_leave(self, who, key, noticed):
        person = self.person(who)
        group = self.one_of(ReviewerGroup, 0, ReviewerGroup.key == key)
        members = {member.id: member for member in group.members}
        members.pop(person.id) if person.id in members else members.update({person.id: person})
        wanted = list(members.values())
        self.changed(noticed, lambda: accounts.set_members(group, wanted, by=None))

    @rule(who=any_number, which=any_number, noticed=mostly)
    def change_owners(self, who, which, noticed):
        person, product = self.person(who), self.one_of(ApiProduct, which)

        def change():
            owners = {owner.id: owner for owner in product.owners}
            owners.pop(person.id) if person.id in owners else owners.update({person.id: person})
            product.owners = list(owners.values())
            record(EventKind.PRODUCT_CHANGED, subject=product, by=None, after={"owners": product.owners})

        self.changed(noticed, change)

    @rule()
    def look_after(self):
        after = 0
        while True:
            with transaction():
                after = access.look_after(after)
            if not after:
                break
        self.noticed = True

    # --- policies, time, emergencies ---

    @rule(which=some.integers(0, len(POLICIES)))
    def change_policy(self, which):
        def do():
            for version in db.session.scalars(select(PolicyVersion)):
                version.state = PolicyState.RETIRED
            db.session.flush()
            if which:
                self.one_of(PolicyVersion, which - 1).state = PolicyState.ACTIVE

        self.act(do)

    @rule(hours=some.sampled_from((1, 9, 24, 24, 72, 24 * 8, 24 * 30)))
    def wait(self, hours):
        approved = select(AccessRequest.id).where(AccessRequest.status == RequestStatus.APPROVED)
        stages = select(ReviewStage.id).where(ReviewStage.state == StageState.APPROVED)
        before = [set(db.session.scalars(query)) for query in (approved, stages)]
        self.travelling.shift(timedelta(hours=hours))
        db.session.rollback()
        for stage_id in access.stages_due():
            with transaction():
                access.keep_time(stage_id)
        with transaction():
            access.end_expired()
        assert [set(db.session.scalars(query)) for query in (approved, stages)] == before  # I10

    @rule(which=any_number)
    def break_glass(self, which):
        envelope = self.one_of(access.Envelope, 0)
        person = envelope.people[0]
        app = self.one_of(DeveloperApp, which, DeveloperApp.owner_id == person.id)
        if app is not None and person.active:
            saying = {"reason": "Down.", "minutes": 200, "step_up": "password"}
            self.act(lambda: access.break_glass(envelope, app, by=person, **saying))

    @rule(which=any_number, who=any_number)
    def revoke(self, which, who):
        if grant := self.one_of(Grant, which):
            by = grant.app.owner if who % 2 else self.person(who)
            self.act(lambda: access.revoke_access(grant, by=by, reason="Over."))

    @rule(who=any_number)
    def lift_bar(self, who):
        if bar := self.one_of(access.BreakGlassBar, 0):
            self.act(lambda: access.lift_bar(bar, by=self.person(who), reason="Again."))

    @invariant()
    def all_of_it_holds(self):
        hold(noticed=self.noticed)


def live(lives: int, steps: int) -> None:
    chosen = settings(
        max_examples=lives,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if "PORTICO_LIFE_SHRINK" in os.environ else (Phase.generate,),
        derandomize="PORTICO_LIVES" not in os.environ,
        database=None,
        print_blob=True,
    )
    run_state_machine_as_test(Life, settings=chosen)


@pytest.mark.usefixtures("app")
@pytest.mark.timeout(300 + 30 * LIVES)
def test_I1_to_I12_hold_through_whole_lives(installation, tmp_path, monkeypatch):
    make_user(RoleName.ADMINISTRATOR, name="Root")
    with time_machine.travel(MONDAY, tick=False):
        make_world()
    db.session.remove()
    if installation.database == "sqlite":
        kept = tmp_path / "world.sqlite3"
        with closing(sqlite3.connect(installation.file)) as source, closing(sqlite3.connect(kept)) as target:
            source.backup(target)

        def begin():
            db.session.remove()
            with closing(sqlite3.connect(kept)) as source, closing(sqlite3.connect(installation.file)) as target:
                target.execute("pragma synchronous = off")
                source.backup(target)
    else:

        def begin():
            db.session.remove()
            installation.empty()
            make_user(RoleName.ADMINISTRATOR, name="Root")
            make_world()

    monkeypatch.setattr(Life, "begin", staticmethod(begin))
    live(*((LIVES, STEPS) if installation.database == "sqlite" else (max(2, LIVES // 20), STEPS)))
    close_connections()
