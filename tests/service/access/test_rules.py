"""What stands in the way of a request, at submission and at approval, and what ends access."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import access
from portal.access import Category, Grant, RequestStatus
from portal.accounts import RoleName
from portal.catalog import AuthMethod, PlanState, ProductState
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def submit(person, app, **kwargs):
    with transaction():
        return access.submit(app, by=person, **kwargs)


def rejected(person, app, **kwargs):
    with pytest.raises(access.CartRejected) as refusal:
        submit(person, app, **kwargs)
    return [problem.category for problem in refusal.value.problems]


def test_every_problem_is_named_at_once():
    person, strict, other = make_user(), make_plan(reason_required=True), make_plan()
    fill_cart(person, make_product(plans=[strict]), plan=strict)
    fill_cart(person, make_product(plans=[other], auth_method=AuthMethod.API_KEY), plan=other)

    assert rejected(person, make_app(person)) == [Category.PRODUCT, Category.PLAN, Category.REASON]


def test_T35_only_the_owner_of_an_app_asks_for_it():
    person, plan = make_user(), make_plan()
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    with pytest.raises(NotAllowed):
        submit(person, make_app(make_user(), visibility="organisation"))


def test_an_app_does_not_ask_twice_for_the_same(owner):
    first = make_request(owner=owner)
    fill_cart(first.requester, *first.products, plan=first.plan)

    assert rejected(first.requester, first.app) == [Category.APP]


def test_expired_access_does_not_stand_in_the_way_of_asking_again():
    plan = make_plan(auto_approve=True, credential_lifetime_days=1)
    first = make_request(plan=plan)
    with transaction():
        for grant in access.grants_of(first.app):
            grant.ends_at = grant.credential.expires_at = now() - timedelta(seconds=1)
    fill_cart(first.requester, *first.products, plan=plan)

    (second,) = submit(first.requester, first.app)

    assert second.status is RequestStatus.APPROVED
    assert [g.status for g in access.grants_of(first.app)] == ["Active", "Expired"]


def test_the_cart_is_bounded():
    person, plan = make_user(), make_plan()
    products = [make_product(plans=[plan]) for _ in range(access.MOST_ITEMS + 1)]
    fill_cart(person, *products[:-1], plan=plan)

    with pytest.raises(Conflict, match="which is the most"):
        fill_cart(person, products[-1], plan=plan)


def test_T24_use_plan_names_the_products_without_it():
    person, gold, silver = make_user(), make_plan("Gold"), make_plan("Silver")
    fill_cart(person, make_product("Payments", plans=[gold]), plan=gold)

    with pytest.raises(Invalid, match="Silver is not offered for Payments"), transaction():
        access.use_plan(silver, by=person)


def test_T36_other_peoples_requests_do_not_count():
    plan = make_plan(allowance_requests=1)
    make_request(plan=plan)

    assert access.allowance_left(plan, by=make_user()) == 1


def test_T36_two_catalogues_need_two_of_the_allowance():
    from tests.support.builders import make_catalogue

    person, plan = make_user(), make_plan(allowance_requests=1)
    fill_cart(person, make_product(plans=[plan]), make_product(plans=[plan], catalogue=make_catalogue()), plan=plan)

    assert rejected(person, make_app(person)) == [Category.PLAN]
    assert not access.requests_of(person)


# --- between submission and approval (R7) ----------------------------------------------------------------------------


def approve(request, owner):
    with transaction():
        access.approve(request, by=owner)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: setattr(r.products[0], "state", ProductState.RETIRED), "has been retired"),
        (lambda r: setattr(r.products[0], "auth_method", AuthMethod.API_KEY), "another authentication method"),
        (lambda r: setattr(r.plan, "state", PlanState.RETIRED), "plan .* has been retired"),
        (lambda r: setattr(r.requester, "active", False), "account .* is closed"),
    ],
)
def test_R7_what_has_ended_meanwhile_is_not_approved(owner, change, message):
    request = make_request(owner=owner)
    with transaction():
        change(request)

    with pytest.raises(Conflict, match=message):
        approve(request, owner)

    assert request.status is RequestStatus.PENDING
    assert not db.session.scalars(select(Grant)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda r: setattr(r.plan, "state", PlanState.CLOSED),
        lambda r: setattr(r.plan, "quota_requests", 1),
        lambda r: setattr(r.products[0], "state", ProductState.DEPRECATED),
    ],
)
def test_R7_what_only_changed_is_approved_on_the_terms_that_were_shown(owner, change):
    request = make_request(owner=owner)
    terms = dict(request.terms)
    with transaction():
        change(request)

    approve(request, owner)

    assert request.status is RequestStatus.APPROVED
    assert request.terms == terms


def test_R7_scopes_are_granted_as_they_were_asked_for(owner):
    request = make_request(owner=owner)
    asked = list(request.items[0].scopes)
    with transaction():
        request.products[0].scopes = [{"name": "everything", "description": ""}]

    approve(request, owner)

    assert access.grants_of(request.app)[0].scopes == asked


def test_R8_a_plan_that_stops_approving_by_itself_does_not_touch_what_was_approved():
    plan = make_plan(auto_approve=True)
    request = make_request(plan=plan)
    with transaction():
        plan.auto_approve = False

    assert request.status is RequestStatus.APPROVED
    assert make_request(plan=plan).status is RequestStatus.PENDING


# --- ending ----------------------------------------------------------------------------------------------------------


def test_T55_a_deleted_apps_history_stays(owner):
    request = make_request(plan=make_plan(auto_approve=True))
    with transaction():
        access.delete_app(request.app, by=request.requester)

    assert request.status is RequestStatus.APPROVED  # what was decided stays decided
    assert [g.status for g in access.grants_of(request.app)] == ["Revoked"]
    assert access.requests_of(request.requester) == [request]


def test_only_the_owner_and_people_with_the_right_revoke_access(owner):
    request = make_request(plan=make_plan(auto_approve=True))
    (grant,), stranger, administrator = access.grants_of(request.app), make_user(), make_user(RoleName.ADMINISTRATOR)

    with pytest.raises(NotAllowed), transaction():
        access.revoke_access(grant, by=stranger, reason="")

    with transaction():
        access.revoke_access(grant, by=administrator, reason="Misuse.")
    assert grant.revoked_reason == "Misuse."
    assert not access.find_entitlement(request.credential.client_id).is_live


def test_the_history_says_each_thing_once(owner):
    request = make_request(owner=owner)
    with transaction():
        access.approve(request, by=owner, comment="Welcome.")

    told = access.history_of(request)

    assert [entry.title for entry in told] == ["Approved", f"Sent for approval to {owner.display_name}", "Submitted"]
    assert [entry.text for entry in told].count("Welcome.") == 1
    assert told[0].by == owner.display_name


def test_with_nobody_left_to_ask_an_administrator_is_named(owner):
    request = make_request(owner=owner)
    with transaction():
        owner.active = False

    assert access.awaited(request.open_stages[0]) == "an administrator"
