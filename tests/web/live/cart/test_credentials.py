"""Which credential the products of the cart are added to."""

import pytest
from sqlalchemy import select

from portal import access
from portal.access import AccessRequest
from portal.credentials import Credential
from portal.db import db, transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_plan,
    make_product,
    make_request,
)
from tests.web.live.cart.forms import number_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def held(person):
    """An app with a credential on a plan that approves by itself, and another product to add to it."""
    free = make_plan("Free", auto_approve=True)
    request = make_request(person, make_product("Payments", plans=[free]), plan=free)
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    return request


def test_T42_T45_products_are_added_to_a_compatible_credential(browser, person, held):
    page = browser(person).get("/cart")
    assert held.app.name in page.text("#credential-choice")

    page.press("Submit request", credential=held.credential_id)

    assert number_of(Credential) == 1
    assert {g.product.name for g in access.grants_of(held.app)} == {"Payments", "Weather"}
    assert {g.credential_id for g in access.grants_of(held.app)} == {held.credential_id}


def test_a_new_credential_can_be_named(browser, person, held):
    browser(person).get("/cart").press("Submit request", **{"Credential name": "Night job"})

    names = set(db.session.scalars(select(Credential.name)))
    assert names == {"Free", "Night job"}


def test_T43_T44_with_another_plan_the_page_says_that_no_credential_fits(browser, person, held):
    other = make_plan("Other")
    with transaction():
        access.empty_cart(person)
    fill_cart(person, make_product(plans=[other]), plan=other)

    page = browser(person).get("/cart")

    assert not page.soup.select("[name=credential][type=radio]")
    assert "None of your existing ones can take these products" in page.text("#credential-choice")


def test_T35_a_credential_of_somebody_else_is_refused(browser, person, plan):
    foreign = make_request(plan=make_plan(auto_approve=True)).credential_id
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    refused = browser(person).get("/cart").press("Submit request", credential=foreign)

    assert refused.status == 422
    assert "cannot take these products" in refused.text("#cart-problems")
    assert number_of(AccessRequest, AccessRequest.requester_id == person.id) == 0


def test_T42_a_credential_of_another_own_app_is_refused_in_words(browser, person, held):
    other = make_app(person, "Other app")

    refused = (
        browser(person)
        .get("/cart")
        .press("Submit request", **{"Developer app": other.id, "credential": held.credential_id})
    )

    assert refused.status == 422
    assert "belongs to another app than Other app" in refused.text("#cart-problems")


def test_by_htmx_the_choice_of_credentials_follows_the_app(browser, person, held):
    other, here = make_app(person, "Zebra"), browser(person)

    with_one = here.get(f"/cart?app={held.app_id}", htmx=True)
    without = here.get(f"/cart?app={other.id}", htmx=True)

    assert "<html" not in with_one.html
    assert held.credential.client_id in with_one.text("#credential-choice")
    assert held.credential.client_id not in without.text("#credential-choice")
