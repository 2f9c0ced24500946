"""Asking for approvals again, with real threads: once, and never together with what ends the access."""

import os
from datetime import timedelta

import pytest

from portal import access, catalog
from portal.access import AccessRequest, Grant, GrantState, RequestKind, RequestStatus
from portal.accounts import User
from portal.catalog import ApiProduct, Classification
from portal.credentials import Credential
from portal.db import db, now, transaction
from portal.errors import Conflict, PortalError
from portal.events import EventKind
from tests.service.access.test_reapproving import Scene
from tests.support.ends import mails, recorded
from tests.support.invariants import hold as hold_invariants
from tests.support.threads import errors_in, race

DAYS = timedelta(days=14)
ROUNDS = int(os.environ.get("PORTICO_RACE_ROUNDS", "3"))
pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 10 * ROUNDS)]


@pytest.fixture
def scene():
    return Scene()


def press(product_id, owner_id):
    with transaction():
        product = db.session.get(ApiProduct, product_id)
        asked = access.ask_again(product, by=db.session.get(User, owner_id), last_day=now().date() + DAYS)
        return [request.id for request in asked]


def lower(scene):
    with transaction():
        catalog.change_product(scene.product, {"classification": Classification.INTERNAL}, by=scene.owner)


def only_refusals(results):
    found = errors_in(results)
    assert all(isinstance(error, PortalError) for error in found), found
    return found


def test_pressed_by_two_at_once_each_access_is_asked_about_once(scene):
    product_id, owner_id = scene.product.id, scene.owner.id
    for number in range(ROUNDS):
        lower(scene)
        for _ in range(3):
            scene.given()
        scene.raise_classification()
        before = len(access.gaps_of(scene.product).to_ask)

        results = race(2, lambda _: press(product_id, owner_id))

        assert only_refusals(results) == []
        assert sorted(map(len, results)) == [0, before]
        assert len(recorded(EventKind.REAPPROVAL_ASKED)) == len(mails("reapproval")) == 1 + 3 * (number + 1)
    hold_invariants()


def test_asking_again_against_a_renewal_there_is_one_request(scene):
    for _ in range(ROUNDS):
        lower(scene)
        grant = scene.given()
        scene.raise_classification()
        product_id, credential_id, owner_id = scene.product.id, grant.credential_id, scene.owner.id

        def renew(credential_id=credential_id):
            with transaction():
                credential = db.session.get(Credential, credential_id)
                return access.renew(credential, by=credential.app.owner, days=(365,)).id

        def act(number, product_id=product_id, owner_id=owner_id, renew=renew):
            return press(product_id, owner_id) if number else renew()

        only_refusals(race(2, act))

        (gap,) = [gap for gap in access.gaps_of(scene.product).found if gap.grant.id == grant.id]
        assert gap.pending.is_pending
    hold_invariants()


def test_approving_again_against_revoking_the_access_goes_on_or_has_ended(scene):
    guard_id, owner_id = scene.guard.id, scene.owner.id
    for _ in range(ROUNDS):
        lower(scene)
        grant_id = scene.given().id
        scene.raise_classification()
        asked = {
            access.grants_renewed_by(db.session.get(AccessRequest, key))[0].id: key
            for key in press(scene.product.id, owner_id)
        }
        request_id = asked[grant_id]

        def approve(request_id=request_id):
            with transaction():
                access.approve(db.session.get(AccessRequest, request_id), by=db.session.get(User, guard_id))

        def revoke(grant_id=grant_id):
            with transaction():
                access.revoke_access(db.session.get(Grant, grant_id), by=db.session.get(User, owner_id), reason="No.")

        approved, revoked = race(2, lambda number: (revoke if number else approve)())

        only_refusals([approved, revoked])
        request, old = db.session.get(AccessRequest, request_id), db.session.get(Grant, grant_id)
        assert request.kind is RequestKind.REAPPROVAL
        if isinstance(approved, Conflict):
            assert (request.status, old.state, access.grants_from(request)) == (
                RequestStatus.PENDING,
                GrantState.REVOKED,
                [],
            )
        else:
            assert isinstance(revoked, Conflict)
            assert (request.status, old.state) == (RequestStatus.APPROVED, GrantState.SUPERSEDED)
            assert [grant.state for grant in access.grants_from(request)] == [GrantState.ACTIVE]
    hold_invariants()
