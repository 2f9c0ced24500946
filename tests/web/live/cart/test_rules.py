"""What keeps a cart from being submitted, each with a way out."""

import pytest
from sqlalchemy import select

from portal import access
from portal.access import AccessRequest, RequestStatus
from portal.apps import DeveloperApp
from portal.catalog import AuthMethod, Catalogue, PlanState, ProductState
from portal.db import db, transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_plan,
    make_product,
    make_request,
    make_user,
)
from tests.web.live.cart.forms import NEW_APP, number_of

pytestmark = pytest.mark.usefixtures("app")


def test_T23_two_authentication_methods_are_explained_with_a_way_out(browser, person, plan):
    first = make_product("Payments", plans=[plan])
    second = make_product("Weather", plans=[plan], auth_method=AuthMethod.API_KEY)
    fill_cart(person, first, second, plan=plan)
    make_app(person)

    page = browser(person).get("/cart")
    refused = page.press("Submit request")
    assert refused.status == 422
    problem = refused.text("#cart-problems")
    assert "same authentication method" in problem
    assert "Payments (OAuth 2.0 client credentials)" in problem
    assert "Weather (API key)" in problem
    mended = refused.press("Remove Weather", within="#cart-problems")

    assert not mended.soup.select("#cart-problems")
    assert mended.press("Submit request").path.startswith("/requests/")


def test_T24_two_plans_are_explained_with_a_way_out(browser, person, plan):
    silver = make_plan("Silver")
    first, second = make_product("Payments", plans=[plan, silver]), make_product("Weather", plans=[plan, silver])
    fill_cart(person, first, plan=plan)
    fill_cart(person, second, plan=silver)

    refused = browser(person).get("/cart").press("Submit request", **NEW_APP)
    assert refused.status == 422
    assert "Payments (Gold); Weather (Silver)" in refused.text("#cart-problems")
    mended = refused.press("Use Silver for all", within="#cart-problems")

    assert mended.field("App name")["value"] == "Checkout"
    assert mended.press("Submit request").path.startswith("/requests/")
    assert {r.plan.name for r in access.requests_of(person)} == {"Silver"}


def test_R7_a_retired_product_is_explained_with_a_way_out(browser, person, plan):
    gone, stays = make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan])
    fill_cart(person, gone, stays, plan=plan)
    with transaction():
        gone.move_to(ProductState.RETIRED)

    page = browser(person).get("/cart")
    assert "Payments has been retired." in page.text("#cart-problems")

    assert page.press("Remove Payments", within="#cart-problems").press("Submit request", **NEW_APP).status == 200
    assert [r.products[0].name for r in access.requests_of(person)] == ["Weather"]


def test_R7_a_plan_that_is_no_longer_offered_is_explained_with_a_way_out(browser, person, plan):
    silver = make_plan("Silver")
    fill_cart(person, make_product("Payments", plans=[plan, silver]), plan=plan)
    with transaction():
        plan.state = PlanState.CLOSED

    page = browser(person).get("/cart")
    assert "Gold is no longer offered for Payments in General." in page.text("#cart-problems")

    page.press("Use Silver for all", within="#cart-problems").press("Submit request", **NEW_APP)
    assert [r.plan.name for r in access.requests_of(person)] == ["Silver"]


def test_T5_a_product_taken_out_of_its_catalogue_cannot_be_submitted(browser, person, plan):
    product = make_product("Payments", plans=[plan])
    fill_cart(person, product, plan=plan)
    page = browser(person).get("/cart")
    with transaction():
        catalogue = db.session.scalar(select(Catalogue))
        catalogue.products.remove(product)

    assert page.press("Submit request", **NEW_APP).status == 422
    assert number_of(AccessRequest) == 0


def test_T36_a_used_up_allowance_is_explained_with_a_way_out(browser, person):
    partner, silver = make_plan("Partner", allowance_requests=1, allowance_days=30), make_plan("Silver")
    make_request(person, make_product(plans=[partner, silver]), plan=partner)
    fill_cart(person, make_product(plans=[partner, silver]), plan=partner)

    page = browser(person).get("/cart").press("Submit request", **{"Developer app": "new", **NEW_APP})
    assert page.status == 422
    assert "Plan access quota exceeded: Partner allows 1 request in 30 days" in page.text("#cart-problems")
    assert number_of(DeveloperApp) == 1  # a new app is no way round, and none is left behind

    page.press("Use Silver for all", within="#cart-problems").press("Submit request")
    assert {r.plan.name for r in access.requests_of(person)} == {"Partner", "Silver"}


def test_T35_somebody_elses_app_is_refused_with_everything_kept(browser, person, plan):
    foreign = make_app(make_user(), visibility="organisation")
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")

    refused = page.press("Submit request", **{"Developer app": foreign.id, "Reason": "Mine now"})

    assert refused.status == 422
    assert "Choose one of your own apps" in refused.text("#cart-problems")
    assert refused.field("Reason").get_text().strip() == "Mine now"
    assert number_of(AccessRequest) == 0


def test_an_app_that_has_the_access_already_is_explained_with_a_way_out(browser, person, plan):
    product, other = make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan])
    app = make_request(person, product, plan=plan).app
    fill_cart(person, product, other, plan=plan)

    refused = browser(person).get("/cart").press("Submit request", **{"Developer app": app.id})
    assert f"{app.name} already has a pending request for Payments." in refused.text("#cart-problems")

    refused.press("Remove Payments", within="#cart-problems").press("Submit request")
    assert number_of(AccessRequest) == 2


def test_T32_a_reason_is_demanded_where_the_plan_asks_for_it_and_nothing_typed_is_lost(browser, person):
    strict = make_plan("Strict", reason_required=True)
    fill_cart(person, make_product(plans=[strict]), plan=strict)

    page = browser(person).get("/cart")
    assert "Strict asks for it" in page.text("#reason-hint")
    refused = page.press("Submit request", **NEW_APP)

    assert refused.status == 422
    assert "Strict asks for a reason" in refused.text("#cart-problems")
    assert (refused.field("App name")["value"], refused.field("Redirect URLs")["value"]) == (
        "Checkout",
        "https://a.example/x",
    )
    assert refused.field("Description").get_text().strip() == "Pays for things"
    assert number_of(DeveloperApp) == 0
    assert refused.press("Submit request", Reason="For the shop").path.startswith("/requests/")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"App name": ""}, "Give the app a name."),
        ({"App name": "x" * 121}, "120 characters"),
        ({"App name": "taken"}, "You already have an app called taken."),
        ({"Redirect URLs": "ftp://x"}, "not an absolute http or https address"),
        ({"Redirect URLs": "https://ok.example, //x"}, "//x is not an absolute"),
        ({"Redirect URLs": "http://[::1"}, "not an absolute http or https address"),
        ({"Redirect URLs": "https://a.example/#x"}, "without a fragment"),
        ({"Description": "x" * 4001}, "4000 characters"),
        ({"Reason": "x" * 4001}, "4000 characters"),
        ({"Credential name": "x" * 121}, "120 characters"),
    ],
)
def test_T32_wrong_input_is_explained_and_makes_no_app(browser, person, plan, typed, message):
    make_app(person, "Taken")
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    refused = browser(person).get("/cart").press("Submit request", **{"Developer app": "new", **NEW_APP, **typed})

    assert refused.status == 422
    assert message in refused.text("#cart-problems")
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (0, 1)


def test_B2_fields_that_the_page_does_not_offer_are_ignored(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    other = make_user()

    browser(person).forge(
        "/cart/submit",
        {"app": "new", "app_name": "Mine", "status": "approved", "state": "approved", "auto_approved": "1", "id": "77"}
        | {"requester_id": str(other.id), "owner_id": str(other.id), "user_id": str(other.id), "by": str(other.id)},
    )

    (request,) = access.requests_of(person)
    assert request.status is RequestStatus.PENDING
    assert request.app.owner_id == person.id
    assert not request.auto_approved
