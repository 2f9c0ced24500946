"""Approving less than was asked: what counts as less, and what a reviewer can leave out."""

import pytest

from portal import access
from portal.access import Approval, Narrowing
from portal.accounts import RoleName
from portal.catalog import PERIODS, ProductState
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.policies import requests_a_day
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def test_I7_a_plan_that_counts_by_the_hour_is_compared_by_what_it_allows_in_a_day(owner):
    thousand_a_day = make_plan(quota_requests=1_000, quota_period="day")
    more = make_plan(quota_requests=100, quota_period="hour")
    less = make_plan(quota_requests=10, quota_period="hour")
    request = make_request(None, make_product(plans=[thousand_a_day, more, less], owners=[owner]), plan=thousand_a_day)

    assert access.lower_plans(request) == [less]


@pytest.mark.parametrize("period", PERIODS)
def test_every_period_that_a_plan_can_have_is_known(period):
    assert requests_a_day(1, period)


def test_C57_what_was_retired_meanwhile_can_be_declined_and_the_rest_approved(owner):
    plan = make_plan()
    stays, goes = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    request = make_request(None, stays, goes, plan=plan)
    with transaction() as session:
        session.merge(goes).state = ProductState.RETIRED

    with transaction():
        less = Narrowing(declined={goes.id: "It is gone."})
        access.approve(request, by=owner, saying=Approval(less=less))

    assert [grant.product_id for grant in access.grants_of(request.app)] == [stays.id]


def test_why_a_line_is_declined_has_to_fit_into_a_mail(owner):
    plan = make_plan()
    stays, goes = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    request = make_request(None, stays, goes, plan=plan)

    with pytest.raises(Invalid, match="in 4000 characters") as refusal, transaction():
        access.approve(request, by=owner, saying=Approval(less=Narrowing(declined={goes.id: "x" * 4001})))

    assert refusal.value.field == "products"
    assert request.is_pending


def test_only_what_the_stage_lists_is_kept_as_done(owner):
    request = make_request(owner=owner)

    with transaction():
        access.approve(request, by=owner, saying=Approval(checklist=["Everything else as well"]))

    assert request.stages[0].reviews[0].checklist == []


@pytest.mark.parametrize(
    ("retired", "told"),
    [
        ([0], "A has been retired since .* was submitted. Decline that line and approve the rest, or reject it all"),
        ([0, 1], "A and B have been retired since .* was submitted. Decline those lines and approve the rest"),
        ([0, 1, 2], "A, B and C have been retired since .* was submitted. Reject it with a reason."),
    ],
)
def test_who_approves_what_was_retired_meanwhile_is_told_what_can_be_done(owner, retired, told):
    plan = make_plan()
    products = [make_product(name, plans=[plan], owners=[owner]) for name in "ABC"]
    request = make_request(None, *products, plan=plan)
    with transaction() as session:
        for number in retired:
            session.merge(products[number]).state = ProductState.RETIRED

    with pytest.raises(Conflict, match=told), transaction():
        access.approve(request, by=owner)
