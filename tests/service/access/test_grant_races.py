"""Access under real threads, on both databases: what was revoked stays revoked, what is suspended opens nothing.

A few rounds of each race run always; PORTICO_RACE_ROUNDS asks for more.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from sqlalchemy import func, select

from portal import access, credentials
from portal.access import AccessRequest, Grant, GrantState, RequestStatus
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import Plan
from portal.credentials import Credential
from portal.db import db, transaction
from portal.errors import PortalError
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.threads import errors_in, race

ROUNDS = int(os.environ.get("PORTICO_RACE_ROUNDS", "4"))
pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


class Scene:
    """An owner with two plans and two products; every round has an app of its own that holds both."""

    def __init__(self) -> None:
        owner = make_user(RoleName.API_OWNER)
        self.silver, self.gold = make_plan(auto_approve=True, credential_lifetime_days=30), make_plan()
        self.products = [make_product(plans=[self.silver, self.gold], owners=[owner]) for _ in range(2)]
        self.owner = owner.id
        self.gold_id, self.silver_id = self.gold.id, self.silver.id

    def begin(self) -> dict[str, int]:
        """A new app with access to both products, by keys."""
        person = make_user()
        silver = db.session.get(Plan, self.silver_id)
        request = make_request(person, *self.products, plan=silver, app=make_app(person))
        with transaction():
            self.secret = credentials.reveal(request.credential, by=person).secret
        grants = access.grants_of(request.app)
        return {
            "person": person.id,
            "app": request.app_id,
            "credential": request.credential_id,
            "grant": grants[0].id,
            "other": grants[1].id,
        }

    def ask(self, kept: dict[str, int]) -> int:
        """Ask for the other plan; the request waits for the owner."""
        with transaction():
            return access.ask_plan_change(
                db.session.get(Credential, kept["credential"]),
                db.session.get(Plan, self.gold_id),
                by=db.session.get(User, kept["person"]),
                reason="We grow.",
            ).id

    def approve(self, request_id):
        with transaction():
            return access.approve(db.session.get(AccessRequest, request_id), by=db.session.get(User, self.owner))

    def on_grant(self, act, grant_id, by=None):
        with transaction():
            return act(db.session.get(Grant, grant_id), by=db.session.get(User, by or self.owner), reason="Misuse.")


@pytest.fixture
def seen():
    """How often each end was reached: printed when many rounds are run."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"{sum(counted.values())} rounds: {dict(counted)}")  # noqa: T201


def only_refusals(results):
    """Whoever lost was told so in words: no broken constraint, no deadlock, no lost update."""
    errors = errors_in(results)
    assert all(isinstance(error, PortalError) for error in errors), errors
    return errors


def held(kept):
    """What the app holds now, and what is true of it whatever has happened."""
    db.session.rollback()
    db.session.expire_all()
    grants = db.session.scalars(select(Grant).where(Grant.app_id == kept["app"]).order_by(Grant.id)).all()
    standing = [grant for grant in grants if grant.is_held]
    assert len(standing) == len({grant.product_id for grant in standing})
    credential = db.session.get(Credential, kept["credential"])
    assert {grant.plan_id for grant in standing} <= {credential.plan_id}
    for grant in grants:
        kinds = db.session.scalars(
            select(AuditEvent.kind).where(AuditEvent.subject_type == "access_grant", AuditEvent.subject_id == grant.id)
        ).all()
        assert kinds.count(EventKind.ACCESS_GRANTED) == 1
        assert kinds.count(EventKind.ACCESS_REVOKED) == (grant.state is GrantState.REVOKED)
        assert kinds.count(EventKind.ACCESS_SUPERSEDED) == (grant.state is GrantState.SUPERSEDED)
        suspended = kinds.count(EventKind.ACCESS_SUSPENDED) - kinds.count(EventKind.ACCESS_RESUMED)
        assert suspended == (grant.state is GrantState.SUSPENDED) or not grant.is_held
    opened = access.find_entitlement(credential.client_id)
    wanted = {s for g in standing if g.state is GrantState.ACTIVE for s in g.scopes}
    assert (opened.scopes if opened.is_live else set()) == (wanted if opened.is_live else set())
    return standing


def test_approving_another_plan_against_revoking_never_gives_the_revoked_again(seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()
        asked = scene.ask(kept)

        def contend(number, kept=kept, asked=asked):
            if number:
                return scene.on_grant(access.revoke_access, kept["grant"])
            return scene.approve(asked)

        results = race(2, contend)

        only_refusals(results)
        standing = held(kept)
        assert not isinstance(results[0], Exception)
        revoked = db.session.get(Grant, kept["grant"])
        if revoked.state is GrantState.REVOKED:
            assert [grant.product_id for grant in standing] != []
            assert revoked.product_id not in {grant.product_id for grant in standing}
            seen["revoked first"] += 1
        else:  # it was replaced before: whoever wanted to revoke it was told that it is not what stands now
            assert revoked.state is GrantState.SUPERSEDED
            assert len(standing) == 2
            assert isinstance(results[1], PortalError)
            seen["replaced first"] += 1
        assert {grant.plan_id for grant in standing} == {scene.gold_id}


def test_approving_another_plan_against_revoking_the_credential_leaves_nothing_alive(seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()
        asked = scene.ask(kept)

        def contend(number, kept=kept, asked=asked):
            if not number:
                return scene.approve(asked)
            with transaction():
                credential = db.session.get(Credential, kept["credential"])
                return access.revoke_credential(credential, by=db.session.get(User, scene.owner), reason="Leaked.")

        results = race(2, contend)

        only_refusals(results)
        assert not isinstance(results[1], Exception)
        assert held(kept) == []
        seen["approved first" if not isinstance(results[0], Exception) else "revoked first"] += 1


def test_suspending_against_another_plan_is_never_lost(seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()
        asked = scene.ask(kept)

        def contend(number, kept=kept, asked=asked):
            if number:
                return scene.on_grant(access.suspend_access, kept["grant"])
            return scene.approve(asked)

        results = race(2, contend)

        assert len(only_refusals(results)) == 1
        standing = held(kept)
        suspended = [grant for grant in standing if grant.state is GrantState.SUSPENDED]
        assert len(suspended) == (not isinstance(results[1], Exception))
        seen["suspended" if suspended else "replaced"] += 1


def test_suspending_against_tokens_lets_none_through_afterwards(app, seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()
        client_id, secret = db.session.get(Credential, kept["credential"]).client_id, scene.secret
        scope = db.session.get(Grant, kept["grant"]).scopes[0]
        both = [kept["grant"], kept["other"]]

        def contend(number, both=both, client_id=client_id, secret=secret, scope=scope):
            if number < 2:
                scene.on_grant(access.suspend_access, both[number])
                return access.entitlement_for(client_id, secret).scopes
            return [scope in access.entitlement_for(client_id, secret).scopes for _ in range(20)]

        results = race(4, contend)

        assert only_refusals(results) == []
        assert access.entitlement_for(client_id, secret).scopes == frozenset()
        assert scope not in results[0]  # whoever suspended it sees at once that it is
        for answers in results[2:]:
            assert answers == sorted(answers, reverse=True)  # once it was refused, it stays refused
        seen["suspended"] += 1


def test_resuming_against_revoking_ends_revoked(seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()
        scene.on_grant(access.suspend_access, kept["grant"])

        def contend(number, kept=kept):
            return scene.on_grant(access.revoke_access if number else access.resume_access, kept["grant"])

        results = race(2, contend)

        only_refusals(results)
        held(kept)
        assert not isinstance(results[1], Exception)
        assert db.session.get(Grant, kept["grant"]).state is GrantState.REVOKED
        seen["resumed first" if not isinstance(results[0], Exception) else "revoked first"] += 1


def test_of_four_who_suspend_at_once_one_does(seen):
    scene = Scene()
    for _ in range(ROUNDS):
        kept = scene.begin()

        def suspend(_number, kept=kept):
            return scene.on_grant(access.suspend_access, kept["grant"])

        results = race(4, suspend)

        assert len(only_refusals(results)) == 3
        held(kept)
        seen["suspended"] += 1


def test_two_plan_changes_and_a_product_more_at_once_are_one_of_them(seen):
    scene = Scene()
    third = make_product(plans=[scene.silver], owners=[db.session.get(User, scene.owner)]).id
    for _ in range(ROUNDS):
        kept = scene.begin()
        person, product = db.session.get(User, kept["person"]), db.session.get(type(scene.products[0]), third)
        fill_cart(person, product, plan=db.session.get(Plan, scene.silver_id))
        with transaction():
            db.session.get(Plan, scene.silver_id).auto_approve = False

        def contend(number, kept=kept):
            if number < 2:
                return scene.ask(kept)
            with transaction():
                credential = db.session.get(Credential, kept["credential"])
                app, by = db.session.get(DeveloperApp, kept["app"]), db.session.get(User, kept["person"])
                return access.submit(app, by=by, credential=credential, reason="One more.")

        results = race(3, contend)

        only_refusals(results)
        waiting = select(func.count()).where(
            AccessRequest.app_id == kept["app"], AccessRequest.status == RequestStatus.PENDING
        )
        assert db.session.scalar(waiting) == 1
        held(kept)
        seen["changed" if isinstance(results[2], Exception) else "added"] += 1
        with transaction():
            db.session.get(Plan, scene.silver_id).auto_approve = True
