"""The cart page, and changing what is in the cart."""

import pytest

from portal import access, apps
from portal.accounts import Organisation, RoleName
from portal.db import db, transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_catalogue,
    make_plan,
    make_product,
    make_user,
)
from tests.support.queries import count_queries
from tests.web.live.cart.forms import NEW_APP

pytestmark = pytest.mark.usefixtures("app")


# --- looking ---------------------------------------------------------------------------------------------------------


def test_T21_an_empty_cart_says_so_and_has_no_submit_button(browser, person):
    page = browser(person).get("/cart")

    assert "There is nothing in your cart" in page.text()
    assert not page.has_button("Submit request")


def test_T22_the_cart_shows_products_plan_and_what_will_happen(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), plan=plan)

    page = browser(person).get("/cart")

    assert "Payments" in page.text("#products")
    assert "50,000 requests a month" in page.text("#plan")
    assert "10 requests a second" in page.text("#plan")
    assert "365 days" in page.text("#plan")
    assert "approval" in page.text("#plan")
    assert page.has_button("Remove Payments")


def test_a_cart_belongs_to_its_person(browser, plan):
    fill_cart(make_user(), make_product("Somebody's", plans=[plan]), plan=plan)

    page = browser(make_user()).get("/cart")

    assert "Somebody's" not in page.text()


@pytest.mark.parametrize("role", [RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR])
def test_who_asks_for_nothing_has_no_cart(browser, role):
    assert browser(make_user(role)).get("/cart").status == 403


def test_T31_a_person_of_the_default_organisation_does_not_choose_who_sees_the_app(browser, plan):
    loner = make_user(organisation="Independent")
    with transaction():
        db.session.get(Organisation, loner.organisation_id).is_default = True
    fill_cart(loner, make_product(plans=[plan]), plan=plan)

    page = browser(loner).get("/cart")
    assert not page.soup.select("[name=visibility]")
    page.press("Submit request", **NEW_APP)

    assert [app.visibility for app in apps.apps_of(loner)] == ["personal"]


def test_the_number_of_queries_does_not_grow_with_the_cart(browser, person, plan):
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = browser(person)
    here.get("/cart")
    with count_queries() as one:
        here.get("/cart")
    fill_cart(person, *[make_product(plans=[plan]) for _ in range(8)], plan=plan)
    for _ in range(4):
        make_app(person)

    with count_queries() as many:
        here.get("/cart")

    assert len(many) == len(one), "\n".join(many)


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_product_is_removed(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Remove Payments")

    assert page.path == "/cart"
    assert "Removed from your cart: Payments." in page.text("#messages")
    assert [item.product.name for item in access.cart_of(person)] == ["Weather"]


def test_removing_keeps_what_was_typed(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Remove Payments", Reason="For the shop", **NEW_APP)

    assert page.field("Reason").get_text().strip() == "For the shop"
    assert page.field("App name")["value"] == "Checkout"


def test_T27_A3_somebody_elses_items_stay(browser, plan):
    fill_cart(other := make_user(), make_product(plans=[plan]), plan=plan)
    item = access.cart_of(other)[0]

    page = browser(make_user()).forge("/cart/remove", {"item": str(item.id)})

    assert "not in your cart" in page.text("#messages")
    assert len(access.cart_of(other)) == 1


def test_T24_one_plan_is_chosen_for_the_whole_cart(browser, person, plan):
    silver = make_plan("Silver")
    products = make_product(plans=[plan, silver]), make_product(plans=[plan, silver])
    fill_cart(person, *products, plan=plan)

    page = browser(person).get("/cart").press("Change plan", **{"Plan for the whole cart": silver.id})

    assert "Silver" in page.text("#plan")
    assert {item.plan.name for item in access.cart_of(person)} == {"Silver"}


def test_T24_a_plan_that_is_not_offered_for_all_is_refused(browser, person, plan):
    other = make_catalogue()
    silver = make_plan("Silver")
    make_product(plans=[silver], catalogue=other)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    page = browser(person).forge("/cart/plan", {"plan": silver.id})

    assert page.status == 409
    assert {item.plan.name for item in access.cart_of(person)} == {"Gold"}
