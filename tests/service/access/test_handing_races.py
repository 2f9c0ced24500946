"""An app that changes hands, and people who leave, while others act on it: nobody waits for ever, nothing is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest

from portal import access, accounts
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan
from portal.db import db, transaction
from tests.service.access.racing import ROUNDS, Scene, do, only_refusals, person_of, request_of, settled
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.threads import race

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


@pytest.fixture
def seen():
    """How often each end was reached: printed when many rounds are run."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"{sum(counted.values())} rounds: {dict(counted)}")  # noqa: T201


def app_of(key):
    return db.session.get(DeveloperApp, key)


def give(app_id, to_id, by_id):
    with transaction():
        app = app_of(app_id)
        mark = access.impact_of(app).mark
        return access.transfer_app(app, person_of(to_id), by=person_of(by_id), reason="Moves.", seen=mark).id


@pytest.fixture
def pair():
    """Two people of one organisation, an administrator, and a product on a plan that an owner approves."""
    people = [make_user(), make_user(), make_user(RoleName.ADMINISTRATOR), make_user(RoleName.API_OWNER)]
    plan = make_plan()
    product = make_product(plans=[plan], owners=[people[3]])
    return [person.id for person in people], product.id, plan.id


def test_giving_an_app_back_against_a_request_for_it_by_whom_it_is_given_to(pair, seen):
    (one, two, admin, _), product_id, plan_id = pair
    for _ in range(ROUNDS):
        app_id = make_app(person_of(two)).id
        fill_cart(person_of(one), db.session.get(ApiProduct, product_id), plan=db.session.get(Plan, plan_id))

        def act(number, app_id=app_id):
            if number:
                return give(app_id, one, admin)
            with transaction():
                (made,) = access.submit(app_of(app_id), by=person_of(one), reason="We need it.")
                return made.id

        results = race(2, act)

        only_refusals(results)
        assert app_of(app_id).owner_id == one
        seen["asked" if isinstance(results[0], int) else "refused"] += 1
        with transaction():
            access.delete_app(app_of(app_id), by=person_of(one))
            access.empty_cart(person_of(one))


@pytest.mark.parametrize("change", ["account closed", "roles taken"])
def test_a_reviewer_who_goes_while_they_approve_holds_up_nobody(monkeypatch, change):
    from portal.access import decide, narrowing

    owner, other, admin = (
        make_user(RoleName.API_OWNER),
        make_user(RoleName.API_OWNER),
        make_user(RoleName.ADMINISTRATOR),
    )
    owner_id, admin_id, asked = owner.id, admin.id, Scene(owner, other).ask()
    begun, narrow = threading.Event(), narrowing.narrow

    def slowly(*args, **kwargs):
        begun.set()  # the request is held, and the answer not written yet
        time.sleep(0.5)
        return narrow(*args, **kwargs)

    monkeypatch.setattr(decide, "narrow", slowly)

    def act(number):
        if number == 0:
            return do(access.approve, asked, owner_id)
        begun.wait(5)
        with transaction():
            gone, by = person_of(owner_id), person_of(admin_id)
            if change == "account closed":
                accounts.deactivate(gone, by=by)
            else:
                accounts.change_roles(gone, [RoleName.CONSUMER], by=by)
            return access.restaff([request_of(asked)])

    assert only_refusals(race(2, act)) == []
    assert settled(asked).status is RequestStatus.APPROVED
