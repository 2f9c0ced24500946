"""A cart that the policy denies: the message says so, and promises no credential."""

import pytest

from portal import access
from portal.access import RequestStatus
from tests.support.builders import fill_cart, make_app, make_catalogue, make_plan, make_policy, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
DENIAL = {
    "key": "never",
    "because": "Nobody gets this.",
    "when": {"attribute": "environment", "is": "one_of", "value": ["dev", "test", "prod"]},
    "then": {"outcome": "deny"},
}


@pytest.fixture
def person():
    person = make_user()
    make_app(person, "Checkout")
    return person


def test_a_denied_request_is_told_as_that_with_the_way_to_its_reason(browser, person):
    make_policy(DENIAL)
    fill_cart(person, make_product(plans=[plan := make_plan()]), plan=plan)

    page = browser(person).get("/cart").press("Submit request")

    (request,) = access.requests_of(person)
    assert request.status is RequestStatus.DENIED
    assert f"{request.number} has been submitted and denied by policy: its page says why." in page.text("#messages")
    assert "credential" not in page.text("#messages")
    assert "Nobody gets this." in page.text("main")


def test_several_denied_requests_are_told_together(browser, person):
    make_policy(DENIAL)
    plan, other = make_plan(), make_catalogue()
    products = [make_product(plans=[plan]), make_product(plans=[plan], catalogue=other)]
    fill_cart(person, *products, plan=plan)

    page = browser(person).get("/cart").press("Submit request")

    assert "have been submitted and denied by policy: their pages say why." in page.text("#messages")
