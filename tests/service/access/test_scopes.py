"""C85, I7: never more than was approved, never more approved than asked for, never more asked for than the plan opens.

Random lives of apps, with narrowing, other plans, renewals, products that are added, and plans and products that change
meanwhile. What was asked for and allowed is kept here by the test itself, and compared with the tables.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from portal import access, credentials
from portal.access import AccessRequest, Approval, Grant, GrantState, Narrowing, RequestKind
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan, offers_of
from portal.credentials import Credential
from portal.db import db, transaction
from portal.errors import PortalError
from tests.support.builders import make_app, make_catalogue, make_plan, make_product, make_user

LIVES = int(os.environ.get("PORTICO_LIVES", "5"))
STEPS = int(os.environ.get("PORTICO_LIFE_STEPS", "40"))
pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 20 * LIVES)]
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
SCOPES = ("read", "write", "delete", "admin")
ACTS = (
    *(["ask"] * 3 + ["approve"] * 4 + ["narrow"] * 4 + ["change_plan"] * 4 + ["renew"] * 4 + ["resume"] * 4),
    *("reject", "revoke", "suspend", "edit_plan", "edit_product", "wait", "sweep"),
)


class Life:
    """One app in a house of its own, with everybody who acts on it. What happens is chosen by the seed."""

    def __init__(self, seed: int, clock: Any) -> None:
        self.dice, self.clock = random.Random(seed), clock
        self.owner, self.person = make_user(RoleName.API_OWNER).id, make_user().id
        shelf = make_catalogue()
        days = {"free": None, "silver": 30, "gold": 90}
        plans = [make_plan(credential_lifetime_days=each, auto_approve=name == "free") for name, each in days.items()]
        products = [
            make_product(plans=plans, owners=[self.user(self.owner)], catalogue=shelf, scopes=SCOPES) for _ in range(3)
        ]
        self.plans = [plan.id for plan in plans]
        self.products = [product.id for product in products]
        self.app = make_app(self.user(self.person)).id
        self.allowed: dict[int, dict[int, set[str]]] = {}
        self.lifetimes: dict[int, int | None] = {}
        self.done: Counter[str] = Counter()

    def user(self, key):
        return db.session.get(User, key)

    def step(self) -> None:
        """Do something at random. A refusal is an answer too; then something else is tried."""
        known = {request.id for request in db.session.query(AccessRequest)}
        plans = {key: self.open_scopes(key) for key in self.plans}
        lifetimes = {key: db.session.get(Plan, key).credential_lifetime_days for key in self.plans}
        for name in self.dice.sample(ACTS, 5):
            try:
                getattr(self, name)()
            except (PortalError, IndexError):
                db.session.rollback()
            else:
                self.done[name] += 1
                break
        for request in db.session.query(AccessRequest).filter(AccessRequest.id.not_in(known)):
            self.allowed[request.id] = plans[request.plan_id]
            self.lifetimes[request.id] = lifetimes[request.plan_id]

    def open_scopes(self, plan_id):
        """What this plan opens of each product at this moment."""
        plan = db.session.get(Plan, plan_id)
        return {key: set(plan.scopes_for(db.session.get(ApiProduct, key))) for key in self.products}

    def pending(self):
        asked = db.session.query(AccessRequest).filter_by(app_id=self.app)
        return self.dice.choice([request for request in asked if request.is_pending])

    def grant(self, state):
        return self.dice.choice(db.session.query(Grant).filter_by(app_id=self.app, state=state).all())

    def credential(self):
        live = [c for c in db.session.query(Credential).filter_by(app_id=self.app) if c.is_live]
        return self.dice.choice(live)

    def ask(self):
        wanted = self.dice.sample(self.products, self.dice.randint(1, 2))
        plan_id = self.dice.choice(self.plans)
        credential = self.credential().id if self.dice.random() < 0.4 else None
        with transaction():
            person = self.user(self.person)
            access.empty_cart(person)
            for key in wanted:
                offers = offers_of(db.session.get(ApiProduct, key))
                access.add_to_cart(next(o for o in offers if o.plan.id == plan_id), by=person)
            chosen = db.session.get(Credential, credential) if credential else None
            access.submit(db.session.get(DeveloperApp, self.app), by=person, reason="So.", credential=chosen)

    def approve(self):
        with transaction():
            access.approve(self.pending(), by=self.user(self.owner))

    def narrow(self):
        with transaction():
            request = self.pending()
            left = {
                item.product_id: frozenset(self.dice.sample(item.granted_scopes, self.dice.randint(1, 2)))
                for item in request.standing_items
                if len(item.granted_scopes) > 1
            }
            until = date(2026, 11, 16) + timedelta(days=self.dice.randint(1, 60)) if self.dice.random() < 0.2 else None
            less = Narrowing(scopes=left, until=until)
            access.approve(request, by=self.user(self.owner), saying=Approval(less=less))

    def reject(self):
        with transaction():
            access.reject(self.pending(), by=self.user(self.owner), reason="No.")

    def change_plan(self):
        with transaction():
            plan = db.session.get(Plan, self.dice.choice(self.plans))
            by = self.user(self.dice.choice([self.person, self.owner]))
            access.ask_plan_change(self.credential(), plan, by=by, reason="So.")

    def renew(self):
        with transaction():
            access.renew(self.credential(), by=self.user(self.person), days=(), reason="So.")

    def revoke(self):
        with transaction():
            access.revoke_access(self.grant(GrantState.ACTIVE), by=self.user(self.owner), reason="So.")

    def suspend(self):
        with transaction():
            access.suspend_access(self.grant(GrantState.ACTIVE), by=self.user(self.owner), reason="So.")

    def resume(self):
        with transaction():
            access.resume_access(self.grant(GrantState.SUSPENDED), by=self.user(self.owner))

    def edit_plan(self):
        names = [f"{db.session.get(ApiProduct, key).slug}:{s}" for key in self.products for s in SCOPES]
        with transaction():
            plan = db.session.get(Plan, self.dice.choice(self.plans))
            plan.scopes = self.dice.sample(names, self.dice.randint(4, len(names))) if self.dice.random() < 0.7 else []

    def edit_product(self):
        with transaction():
            product = db.session.get(ApiProduct, self.dice.choice(self.products))
            some = self.dice.sample(SCOPES, self.dice.randint(2, 4))
            product.scopes = [{"name": f"{product.slug}:{s}", "description": s} for s in some]

    def wait(self):
        self.clock.shift(timedelta(days=self.dice.randint(1, 20)))

    def sweep(self):
        with transaction():
            credentials.expire_if_over()
            access.end_expired()

    def check(self) -> None:
        """What is true of all access at every moment, from the tables."""
        db.session.rollback()
        db.session.expire_all()
        items = {(i.request_id, i.product_id): i for r in db.session.query(AccessRequest) for i in r.items}
        grants = db.session.query(Grant).filter_by(app_id=self.app).order_by(Grant.id).all()
        for grant in grants:
            item = items[grant.request_id, grant.product_id]
            approved, asked = set(item.granted_scopes), set(item.scopes)
            allowed = self.allowed[grant.request_id][grant.product_id]
            assert set(grant.scopes) <= approved <= asked <= allowed, (grant.scopes, approved, asked, allowed)
            assert access.is_as_approved(grant)
            assert grant.terms["scopes"] == grant.scopes
            days = self.lifetimes[grant.request_id]
            assert days is None or grant.ends_at <= grant.starts_at + timedelta(days=days)
            if grant.request.kind in {RequestKind.RENEWAL, RequestKind.PLAN_CHANGE}:
                assert grant.renews_id is not None
        held = [(g.product_id, g.environment) for g in grants if g.state in {GrantState.ACTIVE, GrantState.SUSPENDED}]
        assert len(held) == len(set(held))
        followed = Counter(grant.renews_id for grant in grants if grant.renews_id is not None)
        assert set(followed.values()) <= {1}
        superseded = {grant.id for grant in grants if grant.state is GrantState.SUPERSEDED}
        assert superseded <= set(followed)
        self._opens_what_is_granted(grants)

    def _opens_what_is_granted(self, grants) -> None:
        """I15: what a token would get is what the active grants of its credential say, and nothing else."""
        for credential in db.session.query(Credential).filter_by(app_id=self.app):
            entitlement = access.find_entitlement(credential.client_id)
            if not entitlement.is_live:
                continue
            mine = [grant for grant in grants if grant.credential_id == credential.id and grant.is_live]
            assert entitlement.scopes == {scope for grant in mine for scope in grant.scopes}
            assert {grant.plan_id for grant in mine} <= {credential.plan_id}


def test_C85_I7_scopes_of_a_grant_are_within_approved_within_asked_within_the_plan():
    done: Counter[str] = Counter()
    for seed in range(LIVES):
        with time_machine.travel(MONDAY, tick=False) as clock:
            life = Life(seed, clock)
            for _ in range(STEPS):
                life.step()
                life.check()
            done += life.done
    print(f"{LIVES} lives: {dict(done)}")  # noqa: T201
    assert all(done[act] for act in ("narrow", "change_plan", "renew", "suspend", "resume")), done
    query = "SELECT r.kind FROM access_grant g JOIN access_request r ON r.id = g.request_id"
    kinds = {kind for (kind,) in db.session.execute(text(query))}
    assert {"new", "renewal", "plan_change"} <= kinds
