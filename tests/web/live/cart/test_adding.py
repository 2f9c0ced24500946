"""Putting products in the cart."""

import pytest

from portal import access
from portal.access import AccessRequest, CartItem
from portal.accounts import RoleName
from portal.apps import DeveloperApp
from portal.catalog import ProductState, offers_of
from portal.db import transaction
from tests.support.builders import (
    fill_cart,
    make_plan,
    make_product,
    make_user,
)
from tests.web.live.cart.forms import number_of, offer_of

pytestmark = pytest.mark.usefixtures("app")


def test_T19_a_product_is_put_in_the_cart_and_the_cart_is_one_click_away(browser, person, plan):
    product = make_product("Payments", plans=[plan])

    page = browser(person).forge("/cart/add", offer_of(product))

    assert page.path == "/cart"
    assert "Payments is in your cart." in page.text("#messages")
    assert page.text("#item-" + str(access.cart_of(person)[0].id)).startswith("Payments")


def test_T20_the_cart_link_shows_how_much_is_in_it(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), make_product(plans=[plan]), plan=plan)

    assert browser(person).get("/cart").text("#cart-link").startswith("Cart 2")


def test_adding_goes_back_to_the_product_page_it_came_from(browser, person, plan):
    data = offer_of(make_product(plans=[plan]))

    answer = browser(person).forge("/cart/add", {**data, "back": "/catalogues/general/x"}, follow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/catalogues/general/x")


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example/catalogues/",
        "/catalogues/\\evil",
        "/catalogues/\r\nX: y",
        "/apps",
        "javascript:1",
    ],
)
def test_E1_adding_never_leads_elsewhere(browser, person, plan, back):
    data = offer_of(make_product(plans=[plan]))

    answer = browser(person).forge("/cart/add", {**data, "back": back}, follow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/cart")


def test_adding_by_htmx_answers_with_the_way_to_the_cart_and_its_new_count(browser, person, plan):
    page = browser(person).forge("/cart/add", offer_of(make_product("Payments", plans=[plan])), htmx=True)

    assert page.status == 200
    assert "Payments is in your cart on the plan Gold" in page.text("[id^=cart-added]")
    assert page.soup.select_one("[id^=cart-added] a[href='/cart']")
    assert page.text("#cart-link").startswith("Cart 1")


def test_adding_twice_keeps_one_and_T26_takes_the_new_plan(browser, person, plan):
    silver = make_plan("Silver")
    product = make_product(plans=[plan, silver])
    here = browser(person)

    for offer in offers_of(product):
        here.forge("/cart/add", {"product": product.id, "plan": offer.plan.id, "catalogue": offer.catalogue.id})

    assert [item.plan.name for item in access.cart_of(person)] == ["Silver"]


def test_T12_an_api_owner_and_an_auditor_cannot_add(browser, plan):
    data = offer_of(make_product(plans=[plan]))

    for role in (RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR):
        assert browser(make_user(role)).forge("/cart/add", data).status == 403

    assert number_of(CartItem) == 0


def test_T12_a_stranger_is_asked_to_sign_in(browser, plan):
    page = browser().forge("/cart/add", offer_of(make_product(plans=[plan])))

    assert page.asks_to_sign_in
    assert number_of(CartItem) == 0


@pytest.mark.parametrize("state", [ProductState.DRAFT, ProductState.RETIRED])
def test_T59_B13_what_is_not_offered_cannot_be_added(browser, person, plan, state):
    data = offer_of(product := make_product("Hidden", plans=[plan]))
    with transaction():
        product.state = state

    page = browser(person).forge("/cart/add", data)

    assert page.status == 409
    assert "not offered" in page.text()
    assert "Hidden" not in page.text()
    assert number_of(CartItem) == 0


@pytest.mark.parametrize(
    "wrong", ["", "0", "-1", "01", "1e3", "x", "1 OR 1=1", str(2**31), str(2**63 - 1), str(2**63), "9" * 30, "１"]
)
def test_A6_ids_out_of_range_put_nothing_in_the_cart(browser, person, plan, wrong):
    data = offer_of(make_product(plans=[plan]))
    here = browser(person)

    for name in data:
        assert here.forge("/cart/add", {**data, name: wrong}).status == 409
    assert here.forge("/cart/remove", {"item": wrong}).status == 200
    assert here.forge("/cart/plan", {"plan": wrong}).status == 409

    assert number_of(CartItem) == 0


def test_B11_GET_changes_nothing(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = browser(person)

    for path in ("/cart/add", "/cart/remove", "/cart/plan", "/cart/submit"):
        assert here.get(path).status == 405

    assert len(access.cart_of(person)) == 1


@pytest.mark.parametrize("path", ["/cart/add", "/cart/remove", "/cart/plan", "/cart/submit"])
def test_C1_a_form_without_a_valid_token_is_refused(browser, person, plan, path):
    product = make_product(plans=[plan])
    fill_cart(person, product, plan=plan)
    here = browser(person)

    for token in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
        page = here.post(path, {**offer_of(product), "item": "1", "app": "new", "app_name": "X", **token})
        assert page.status == 400

    assert len(access.cart_of(person)) == 1
    assert number_of(AccessRequest) == number_of(DeveloperApp) == 0
