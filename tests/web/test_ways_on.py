"""No dead ends: where people land by accident or are done, a link leads on."""

from __future__ import annotations

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import fill_cart, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(
    ("address", "above"),
    [("/cart/submit", "/cart"), ("/catalogues/x/submit", None), ("/apps/1/credentials/1/reveal", "/apps/1")],
)
def test_the_address_of_a_form_leads_to_its_page(browser, address, above):
    page = browser(make_user()).get(address)

    links = {str(link["href"]) for link in page.soup.select(".error-ways a")}
    if above:
        assert page.status == 405
        assert links == {above}
    else:
        assert page.status == 404


def test_a_sign_out_by_address_leads_nowhere_and_changes_nothing(browser):
    here = browser(make_user())

    assert here.get("/logout").status == 405
    assert here.get("/account").status == 200


@pytest.mark.parametrize(("role", "sees"), [(RoleName.API_OWNER, True), (RoleName.CONSUMER, False)])
def test_the_way_to_the_admin_portal_is_in_plain_sight_for_those_who_may(browser, role, sees):
    header = browser(make_user(role)).get("/").soup.select(".site-header .to-admin")

    assert bool(header) is sees


def test_T33_a_pending_request_says_where_its_state_is_and_leads_there(browser):
    request = make_request()

    page = browser(request.requester).get(f"/requests/{request.number}")

    assert "My Apps" in page.text(".notice")
    assert page.soup.select_one(f".notice a[href='/apps/{request.app_id}']")


def test_a_withdrawn_request_says_how_to_ask_again(browser):
    request = make_request()
    with transaction():
        access.withdraw(request, by=request.requester)

    page = browser(request.requester).get(f"/requests/{request.number}")

    assert page.soup.select_one(".notice a[href='/catalogues']")


def test_a_missing_reason_in_the_cart_links_to_its_field(browser):
    person, plan = make_user(), make_plan(reason_required=True)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Submit request", **{"App name": "Shop"})

    assert page.status == 422
    assert page.soup.select_one(".error-summary a[href='#reason']")
    assert page.soup.select_one("#reason")


def test_what_was_typed_in_lines_is_shown_in_lines(browser):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner, reason="One\nTwo")
    asked = browser(owner).get(f"/admin/access-requests/{request.number}").soup.select_one("p.typed")
    assert asked.get_text() == "One\nTwo"

    with transaction():
        access.reject(request, by=owner, reason="Three\nFour")
    told = browser(request.requester).get(f"/requests/{request.number}").soup.select_one(".notice p.typed")

    assert told.get_text() == "Three\nFour"
