"""Real threads at once, on both databases: one thing happens, once, and everybody is told the truth."""

import pytest
from sqlalchemy import func, select

from portal import access, credentials
from portal.access import AccessRequest, Grant, RequestStatus
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.db import db, transaction
from portal.errors import Conflict, NotAllowed
from portal.events import AuditEvent, EventKind, OutboxMessage
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


def number_of(model, *where):
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


def submit_for(person_id, app_id, **kwargs):
    with transaction():
        made = access.submit(db.session.get(DeveloperApp, app_id), by=db.session.get(User, person_id), **kwargs)
        return [request.number for request in made]


def decide(act, request_id, person_id, **kwargs):
    with transaction():
        asked = db.session.get(AccessRequest, request_id)
        return act(asked, by=db.session.get(User, person_id), **kwargs).status


def test_T28_R2_ten_parallel_submits_make_one_request():
    person, plan = make_user(), make_plan()
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    ids = person.id, make_app(person).id

    results = race(10, lambda _: submit_for(*ids))

    assert len([r for r in results if isinstance(r, list)]) == 1
    assert all(isinstance(error, access.CartRejected) for error in errors_in(results))
    assert all("already" in str(error) for error in errors_in(results))
    assert number_of(AccessRequest) == 1


def test_R2_parallel_submits_for_two_apps_make_one_request():
    person, plan = make_user(), make_plan()
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    person_id, app_ids = person.id, [make_app(person).id, make_app(person).id]

    race(8, lambda number: submit_for(person_id, app_ids[number % 2]))

    assert number_of(AccessRequest) == 1


def test_R6_a_plan_that_approves_by_itself_submitted_eight_times_makes_one_credential():
    person, plan = make_user(), make_plan(auto_approve=True)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    ids = person.id, make_app(person).id

    race(8, lambda _: submit_for(*ids))

    assert (number_of(AccessRequest), number_of(Credential), number_of(Grant)) == (1, 1, 1)


def test_T36_parallel_submits_never_exceed_the_allowance():
    person, plan = make_user(), make_plan(allowance_requests=2)
    products = [make_product(plans=[plan]) for _ in range(6)]
    apps = [make_app(person).id for _ in products]
    person_id, plan_id, product_ids = person.id, plan.id, [p.id for p in products]

    def fill_and_submit(number):
        from portal.catalog import find_offer

        with transaction():
            owner = db.session.get(User, person_id)
            catalogue_id = access_catalogue_id()
            access.add_to_cart(find_offer(product_ids[number], plan_id, catalogue_id), by=owner)
            for item in access.cart_of(owner):
                if item.product_id != product_ids[number]:
                    db.session.delete(item)
            db.session.flush()
            access.submit(db.session.get(DeveloperApp, apps[number]), by=owner)

    results = race(6, fill_and_submit)

    assert number_of(AccessRequest) == 2
    assert all("quota exceeded" in str(error) for error in errors_in(results))


def access_catalogue_id():
    from portal.catalog import Catalogue

    return db.session.scalar(select(Catalogue.id))


def test_R3_one_approval_of_eight_at_once_counts():
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    ids, owner_id = request.id, owner.id

    results = race(8, lambda _: decide(access.approve, ids, owner_id))

    assert results.count(RequestStatus.APPROVED) == 1
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert all("already been approved" in str(error) for error in errors_in(results))
    assert (number_of(Credential), number_of(Grant)) == (1, 1)
    assert number_of(AuditEvent, AuditEvent.kind == EventKind.REQUEST_APPROVED) == 1
    told = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "approve")).all()
    assert len(told) == len({message.recipient for message in told})


@pytest.mark.parametrize("turn", range(3))
def test_R4_of_approve_and_reject_at_once_one_wins_and_the_other_is_told(turn):
    first, second = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    plan = make_plan()
    request = make_request(None, make_product(plans=[plan], owners=[first, second]), plan=plan)
    request_id, first_id, second_id = request.id, first.id, second.id

    def answer(number):
        if number % 2:
            return decide(access.reject, request_id, second_id, reason="Not now.")
        return decide(access.approve, request_id, first_id)

    results = race(6, answer)

    (winner,) = [r for r in results if isinstance(r, RequestStatus)]
    assert all(isinstance(e, Conflict) and f"already been {winner}" in str(e) for e in errors_in(results))
    request = db.session.get(AccessRequest, request_id)
    assert request.status is winner
    assert number_of(Grant) == (1 if winner is RequestStatus.APPROVED else 0)


@pytest.mark.parametrize("turn", range(3))
def test_of_approve_and_withdraw_at_once_one_wins(turn):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    request_id, owner_id, requester_id = request.id, owner.id, request.requester_id

    def act(number):
        if number % 2:
            return decide(access.withdraw, request_id, requester_id)
        return decide(access.approve, request_id, owner_id)

    results = race(4, act)

    (winner,) = [r for r in results if isinstance(r, RequestStatus)]
    assert all(isinstance(e, Conflict) for e in errors_in(results))
    assert number_of(Grant) == (1 if winner is RequestStatus.APPROVED else 0)


def test_H1_a_secret_revealed_by_eight_at_once_is_shown_to_one():
    request = make_request(plan=make_plan(auto_approve=True))
    credential_id, person_id = request.credential_id, request.requester_id

    def reveal(_):
        with transaction():
            credential = db.session.get(Credential, credential_id)
            return credentials.reveal(credential, by=db.session.get(User, person_id)).secret

    results = race(8, reveal)

    (secret,) = [r for r in results if isinstance(r, str)]
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert credentials.secret_matches(secret, db.session.get(Credential, credential_id).secret_hash)


def test_R12_after_rotations_at_once_one_of_the_shown_secrets_works():
    request = make_request(plan=make_plan(auto_approve=True))
    credential_id, person_id = request.credential_id, request.requester_id
    with transaction():
        credentials.reveal(request.credential, by=request.requester)

    def rotate(_):
        with transaction():
            credential = db.session.get(Credential, credential_id)
            return credentials.rotate(credential, by=db.session.get(User, person_id)).secret

    results = race(4, rotate)

    shown = [r for r in results if isinstance(r, str)]
    stored = db.session.get(Credential, credential_id).secret_hash
    assert len([secret for secret in shown if credentials.secret_matches(secret, stored)]) == 1


@pytest.mark.parametrize("turn", range(3))
def test_R7_an_app_deleted_while_its_request_is_approved_keeps_nothing_open(turn):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    request_id, owner_id, requester_id, app_id = request.id, owner.id, request.requester_id, request.app_id

    def act(number):
        if number == 0:
            return decide(access.approve, request_id, owner_id)
        with transaction():
            return access.delete_app(db.session.get(DeveloperApp, app_id), by=db.session.get(User, requester_id))

    results = race(2, act)

    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert not db.session.get(DeveloperApp, app_id).is_live
    assert number_of(AccessRequest, AccessRequest.status == RequestStatus.PENDING) == 0
    assert not [g for g in db.session.scalars(select(Grant)) if g.is_live]
    assert not [c for c in db.session.scalars(select(Credential)) if c.is_live]


@pytest.mark.parametrize("turn", range(3))
def test_R7_an_app_deleted_while_the_cart_is_submitted_for_it_has_no_pending_request(turn):
    person, plan = make_user(), make_plan()
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    person_id, app_id = person.id, make_app(person).id

    def act(number):
        if number == 0:
            return submit_for(person_id, app_id)
        with transaction():
            return access.delete_app(db.session.get(DeveloperApp, app_id), by=db.session.get(User, person_id))

    results = race(2, act)

    assert all(isinstance(error, NotAllowed) for error in errors_in(results))
    assert number_of(AccessRequest, AccessRequest.status == RequestStatus.PENDING) == 0


def test_a_product_put_in_the_cart_by_eight_at_once_is_there_once():
    from portal.catalog import find_offer

    person, plan = make_user(), make_plan()
    product = make_product(plans=[plan])
    person_id, product_id, plan_id = person.id, product.id, plan.id

    def add(_):
        with transaction():
            offer = find_offer(product_id, plan_id, access_catalogue_id())
            access.add_to_cart(offer, by=db.session.get(User, person_id))

    results = race(8, add)

    assert not errors_in(results)
    assert len(access.cart_of(db.session.get(User, person_id))) == 1
