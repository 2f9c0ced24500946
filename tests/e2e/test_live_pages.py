"""Every page of the Live Portal: accessible in light and dark, no sideways scrolling, no complaint of the browser."""

import pytest

from tests.e2e.looking import faults_here, faults_of
from tests.e2e.test_main_job import CONSUMER, put_in_cart, submit

pytestmark = [pytest.mark.e2e, pytest.mark.appearance]
PRODUCT = "/catalogues/marlquay/payments"
PAGES = {
    "": [
        *["/", "/catalogues", "/catalogues?q=nothing+like+that", "/catalogues?view=list", "/catalogues/marlquay"],
        *[PRODUCT, f"{PRODUCT}/documentation", f"{PRODUCT}/documentation/1", f"{PRODUCT}/reference"],
        *["/api-reference", "/api-reference/full", "/login", "/register", "/reset", "/confirm", "/nothing-here!"],
    ],
    CONSUMER: [
        *["/", "/cart", "/requests?status=rejected", "/requests", "/requests/*", "+/edit"],
        *["/apps", "/apps/*", "+/keys", "./certificates", "./transfer", "./edit", "/apps/new"],
        *["/apps", "/apps/*", "+/access/*", "/apps", "/apps/*", "+/credentials/*"],
        *["./test", "./renew", "./plan", "./clients", "./terms"],
        *["/account", "/account/email", "/account/tokens", "/account/password", "/admin/!"],
    ],
    "second@acme.example": ["/apps", "/cart", "/emergency-access", "/emergency-access/*"],
}


@pytest.fixture(scope="module", autouse=True)
def lived_in(sitting):
    """Access approved by a plan, a request that is pending, and a cart."""
    with sitting(CONSUMER) as page:
        for plan, app_name in (("Sandbox", "Counter"), ("Gold", "Returns desk")):
            put_in_cart(page, "Returns", plan)
            submit(page, app_name, reason="To see the pages" + " endlessly" + "ly" * 300)
        put_in_cart(page, "Shipments", "Gold")


@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.split("@")[0] or "stranger")
def test_P3_P4_pages_are_accessible_in_both_themes_and_fit_a_narrow_screen(person, email):
    page = person(email, bypass_csp=True)

    assert not faults_of(page, PAGES[email])


def test_the_page_that_tests_a_credential_is_like_that_before_and_after_an_answer(person):
    page = person(CONSUMER, bypass_csp=True)
    page.goto("/apps")
    page.get_by_role("link", name="Counter").click()
    page.get_by_role("link", name="Test Sandbox").click()
    found = faults_here(page)
    page.get_by_label("Client secret", exact=True).fill("pcs_wrong")
    page.get_by_role("button", name="Ask for a token").click()
    page.get_by_text("401 invalid_client").wait_for()

    assert not found + faults_here(page)


def test_C7_a_form_that_outlived_its_session_is_kept_on_a_page_like_that(person):
    page = person(CONSUMER, bypass_csp=True)
    page.goto("/apps/new")
    page.get_by_label("Name").fill("Typed for an hour")
    page.context.clear_cookies()
    page.locator("main form").get_by_role("button").last.click()
    page.get_by_role("heading", name="You have been signed out").wait_for()

    assert not faults_here(page)
