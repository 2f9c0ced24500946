"""Emergencies at the same moment: two glasses, a refused debt against its end, an envelope that closes."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from sqlalchemy import select

from portal import access
from portal.access import (
    Grant,
    GrantState,
    RequestStatus,
)
from portal.accounts import RoleName
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.service.access.racing import (
    ROUNDS,
    do,
    number_of,
    only_refusals,
    person_of,
    request_of,
)
from tests.support.builders import (
    make_app,
    make_plan,
    make_product,
    make_user,
)
from tests.support.threads import errors_in, race

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


@pytest.fixture
def seen():
    """How often each end was reached: printed when many rounds are run."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"{sum(counted.values())} rounds: {dict(counted)}")  # noqa: T201


@pytest.fixture
def envelopes():
    """Two envelopes for one engineer, a reviewer for the debt, and an administrator."""
    reviewer, admin = make_user(RoleName.SECURITY_REVIEWER), make_user(RoleName.ADMINISTRATOR)
    engineer, plan = make_user(), make_plan()
    made = []
    for _ in range(2):
        product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
        with transaction():
            envelope = access.set_envelope(
                access.EnvelopeTerms(
                    name="Night",
                    product=product,
                    plan=plan,
                    scopes=product.scope_names,
                    most_minutes=60,
                    people=[person_of(engineer.id)],
                ),
                by=person_of(admin.id),
            )
        made.append(envelope.id)
    return made, engineer.id, reviewer.id, admin.id


def free_app(engineer_id, number=0):
    """One of the engineer's apps that has no access now; what the last round left is taken away."""
    engineer = person_of(engineer_id)
    apps = db.session.scalars(select(DeveloperApp).where(DeveloperApp.owner_id == engineer_id)).all()
    app = apps[number] if len(apps) > number else make_app(engineer)
    for grant in access.grants_of(app):
        if grant.state is GrantState.ACTIVE:
            with transaction():
                access.revoke_access(grant, by=person_of(engineer_id), reason="Over.")
    return app.id


def break_glass(envelope_id, app_id, engineer_id):
    with transaction():
        envelope, app = access.find_envelope(envelope_id), db.session.get(DeveloperApp, app_id)
        saying = {"reason": "Down.", "minutes": 30, "step_up": "password"}
        return access.break_glass(envelope, app, by=person_of(engineer_id), **saying).id


def break_one(envelope_ids, app_ids, engineer_id, number):
    return break_glass(envelope_ids[number], app_ids[number], engineer_id)


def test_breaking_the_glass_of_two_envelopes_at_once_is_one_debt(envelopes, seen):
    keys, engineer_id, reviewer_id, _ = envelopes
    for _ in range(ROUNDS):
        apps = [free_app(engineer_id, number) for number in range(2)]

        results = race(2, partial(break_one, keys, apps, engineer_id))

        assert len(only_refusals(results)) == 1
        (debt,) = [result for result in results if isinstance(result, int)]
        do(access.approve, debt, reviewer_id, comment="It was right.")
        seen["one"] += 1


def test_refusing_a_debt_against_revoking_its_access_ends_it_once(envelopes, seen):
    keys, engineer_id, reviewer_id, admin_id = envelopes
    for turn in range(ROUNDS):
        app_id = free_app(engineer_id)
        debt = break_glass(keys[0], app_id, engineer_id)
        (grant_id,) = db.session.scalars(select(Grant.id).where(Grant.request_id == debt)).all()

        def act(number, debt=debt, grant_id=grant_id, turn=turn):
            if number == 0:
                return do(access.reject, debt, reviewer_id, reason="There was no emergency.")
            with transaction():
                grant, by = db.session.get(Grant, grant_id), person_of(engineer_id if turn % 2 else admin_id)
                if number == 1:
                    return access.revoke_access(grant, by=by, reason="It is over.")
                return access.revoke_credential(grant.credential, by=by, reason="It is over.")

        results = race(3, act)

        only_refusals(results)
        db.session.rollback()
        assert not isinstance(results[0], Exception)
        assert request_of(debt).status is RequestStatus.REJECTED
        grant = db.session.get(Grant, grant_id)
        assert grant.state is GrantState.REVOKED
        assert not db.session.get(Credential, grant.credential_id).is_live
        about = AuditEvent.subject_type == "access_grant", AuditEvent.subject_id == grant_id
        assert number_of(AuditEvent, *about, AuditEvent.kind == EventKind.ACCESS_REVOKED) == 1
        bar = access.bar_of(person_of(engineer_id))
        with transaction():
            access.lift_bar(access.find_bar(bar.id), by=person_of(admin_id), reason="Again.")
        seen["refused first" if not errors_in(results[1:]) else "one of three"] += 1


def test_breaking_the_glass_against_its_envelope_being_closed_leaves_all_or_nothing(envelopes, seen):
    keys, engineer_id, reviewer_id, admin_id = envelopes
    for _ in range(ROUNDS):
        app_id = free_app(engineer_id)

        def act(number, app_id=app_id):
            if number:
                with transaction():
                    return access.close_envelope(access.find_envelope(keys[0]), by=person_of(admin_id))
            return break_glass(keys[0], app_id, engineer_id)

        results = race(2, act)

        only_refusals(results)
        db.session.rollback()
        standing = number_of(Grant, Grant.app_id == app_id, Grant.state == GrantState.ACTIVE)
        assert standing == (0 if isinstance(results[0], Exception) else 1)
        if not isinstance(results[0], Exception):
            do(access.approve, results[0].id if hasattr(results[0], "id") else results[0], reviewer_id, comment="Fine.")
        with transaction():
            db.session.get(access.Envelope, keys[0]).is_open = True
        seen["broken" if standing else "closed"] += 1
