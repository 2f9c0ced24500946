"""Making access requests of the cart."""

import pytest

from portal import access
from portal.access import AccessRequest, RequestStatus
from portal.accounts import RoleName
from portal.apps import DeveloperApp
from portal.db import transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_catalogue,
    make_plan,
    make_product,
    make_user,
)
from tests.web.live.cart.forms import NEW_APP, number_of

pytestmark = pytest.mark.usefixtures("app")


def test_T30_the_app_is_made_in_the_cart_with_the_request(browser, person, plan):
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    fill_cart(person, make_product("Payments", plans=[plan], owners=[owner]), plan=plan)

    page = browser(person).get("/cart").press("Submit request", Reason="For the shop", **NEW_APP)

    (request,) = access.requests_of(person)
    assert page.path == f"/requests/{request.number}"
    assert f"Your request {request.number} has been submitted and awaits Ingrid." in page.text("#messages")
    assert (request.app.name, request.reason) == ("Checkout", "For the shop")
    assert request.app.redirect_urls == ["https://a.example/x"]
    assert request.status is RequestStatus.PENDING
    assert not access.cart_of(person)


def test_T30_an_own_app_is_chosen(browser, person, plan):
    make_app(person, "Billing")
    chosen = make_app(person, "Checkout")
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    browser(person).get("/cart").press("Submit request", **{"Developer app": chosen.id})

    assert [request.app.name for request in access.requests_of(person)] == ["Checkout"]
    assert number_of(DeveloperApp) == 2


def test_a_plan_that_approves_by_itself_says_so_afterwards(browser, person):
    fill_cart(person, make_product(plans=[free := make_plan(auto_approve=True)]), plan=free)

    page = browser(person).get("/cart").press("Submit request", **NEW_APP)

    assert "approved at once: you find the credential in the app Checkout" in page.text("#messages")


def test_T34_only_the_persons_own_cart_is_emptied(browser, person, plan):
    product, other = make_product(plans=[plan]), make_user()
    for each in (person, other):
        fill_cart(each, product, plan=plan)

    browser(person).get("/cart").press("Submit request", **NEW_APP)

    assert (len(access.cart_of(person)), len(access.cart_of(other))) == (0, 1)


def test_T28_a_second_submit_of_the_same_page_says_that_it_was_done(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")

    page.press("Submit request", **NEW_APP)
    second = page.press("Submit request", **NEW_APP)

    assert second.status == 422
    assert "submitted or emptied already" in second.text()
    assert second.soup.select_one("main a[href='/requests']")
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (1, 1)


def test_T28_a_cart_that_changed_in_another_tab_is_not_submitted_unseen(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")
    fill_cart(person, make_product("Slipped in", plans=[plan]), plan=plan)

    second = page.press("Submit request", **NEW_APP)

    assert second.status == 422
    assert "has changed since this page was shown" in second.text("#cart-problems")
    assert second.field("App name")["value"] == "Checkout"
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (0, 0)


def test_R7_a_plan_that_changed_after_the_page_was_shown_is_not_accepted_unseen(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")
    with transaction():
        plan.quota_requests = 10

    assert page.press("Submit request", **NEW_APP).status == 422
    assert number_of(AccessRequest) == 0


def test_T25_products_of_two_catalogues_make_two_requests_and_the_page_says_so(browser, person, plan):
    partners = make_catalogue("Partners")
    fill_cart(
        person,
        make_product("Payments", plans=[plan]),
        make_product("Customs", plans=[plan], catalogue=partners),
        plan=plan,
    )

    page = browser(person).get("/cart")
    assert "This cart makes 2 requests" in page.text("#products")
    assert page.texts(".cart-group") == ["General", "Partners"]
    after = page.press("Submit request", **NEW_APP)

    made = access.requests_of(person)
    assert after.path == "/requests"
    assert [r.catalogue_name for r in made] == ["Partners", "General"]
    assert f"Your requests {made[1].number} and {made[0].number} have been submitted and await" in after.text(
        "#messages"
    )
    assert len({r.batch for r in made}) == 1
