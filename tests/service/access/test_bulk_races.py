"""Decisions about many requests at once, against each other and against the requesters (R2, R4, C143)."""

from __future__ import annotations

from collections import Counter

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan
from portal.db import db, transaction
from tests.service.access.racing import ROUNDS, Scene, do, only_refusals, person_of, request_of, settled
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.threads import race

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


def approve_all(keys, person_id, seen=None):
    with transaction():
        return access.approve_many([request_of(key) for key in keys], by=person_of(person_id), seen=seen)


def reject_all(keys, person_id):
    with transaction():
        return access.reject_many([request_of(key) for key in keys], by=person_of(person_id), reason="Not now.")


def test_two_who_decide_the_same_many_at_once_decide_each_once():
    first, second = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    scene, ids = Scene(first, second), (first.id, second.id)
    for _ in range(ROUNDS):
        asked = [scene.ask() for _ in range(3)]

        def act(number, asked=asked):
            return (reject_all if number % 2 else approve_all)(asked[:: 1 - 2 * (number // 2)], ids[number % 2])

        results = race(4, act)

        assert only_refusals(results) == []
        done = Counter(outcome.number for outcomes in results for outcome in outcomes if outcome.done)
        assert sorted(done.values()) == [1, 1, 1]
        assert {settled(key).status for key in asked} <= {RequestStatus.APPROVED, RequestStatus.REJECTED}


def test_many_approved_against_their_being_changed_and_withdrawn_give_nothing_unseen():
    owner = make_user(RoleName.API_OWNER)
    scene, owner_id = Scene(owner), owner.id
    for _ in range(ROUNDS):
        asked = [scene.ask() for _ in range(2)]
        if scene.asked % 25 == 1:
            continue  # the two are of two people
        seen = {request_of(key).number: request_of(key).content_hash for key in asked}

        def act(number, asked=asked, seen=seen):
            if number == 0:
                return approve_all(asked, owner_id, seen)
            if number == 1:
                return do(access.edit, asked[0], scene.requester_id, reason="For something else.")
            return do(access.withdraw, asked[1], scene.requester_id)

        only_refusals(race(3, act))

        edited, withdrawn = settled(asked[0]), settled(asked[1])
        assert (edited.status is RequestStatus.APPROVED) == (edited.reason == "We need it.")
        assert withdrawn.status in {RequestStatus.APPROVED, RequestStatus.WITHDRAWN}


def test_many_that_add_to_the_same_credentials_the_other_way_round_hold_up_nobody():
    owners = [make_user(RoleName.API_OWNER) for _ in range(2)]
    ids = [owner.id for owner in owners]
    plan = make_plan()
    products = [make_product(plans=[plan], owners=owners) for _ in range(3)]
    product_ids, plan_id = [product.id for product in products], plan.id
    for _ in range(ROUNDS):
        held = [_held(product_ids[0], plan_id, ids[0]) for _ in range(2)]
        one, two = _add(held[0], product_ids[1], plan_id), _add(held[1], product_ids[1], plan_id)
        three, four = _add(held[0], product_ids[2], plan_id), _add(held[1], product_ids[2], plan_id)
        turns = [(one, four), (two, three)]

        def act(number, turns=turns):
            return approve_all(turns[number], ids[number])

        results = race(2, act)

        assert only_refusals(results) == []
        assert all(outcome.done for outcomes in results for outcome in outcomes)
        assert {settled(key).status for key in (one, two, three, four)} == {RequestStatus.APPROVED}


def _held(product_id, plan_id, owner_id):
    """An app with access to a product, by its key."""
    product, plan, person = db.session.get(ApiProduct, product_id), db.session.get(Plan, plan_id), make_user()
    request = make_request(person, product, plan=plan, app=make_app(person))
    with transaction():
        access.approve(request, by=db.session.get(User, owner_id))
    return request.id


def _add(request_id, product_id, plan_id):
    """A request for one more product on the credential that this request got."""
    held = request_of(request_id)
    app_id, person_id = held.app_id, held.requester_id
    fill_cart(
        db.session.get(User, person_id), db.session.get(ApiProduct, product_id), plan=db.session.get(Plan, plan_id)
    )
    with transaction():
        held = request_of(request_id)
        (made,) = access.submit(
            db.session.get(DeveloperApp, app_id), by=person_of(person_id), credential=held.credential, reason="More."
        )
    return made.id
