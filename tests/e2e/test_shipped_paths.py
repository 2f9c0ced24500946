"""The paths of the shipped policy in a real browser; what an owner alone decides is the main job."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import CONSUMER, OWNER, mail_about, put_in_cart

pytestmark = pytest.mark.e2e
SECURITY, LEGAL, SPONSOR = "security@portico.example", "legal@portico.example", "sponsor@portico.example"
PARTNER = "partner@fjordline.example"


def submit_in(page: Page, environment: str, app_name: str) -> str:
    """Submit the cart for a new app in this environment; gives the request's number."""
    page.goto("/cart")
    choice = page.get_by_label("Developer app", exact=True)
    if choice.count():
        choice.select_option(label="A new app")
    page.get_by_label("App name").fill(app_name)
    page.get_by_label("Environment").select_option(label=environment)
    page.get_by_label(re.compile("^Reason")).fill("We ship what our customers order.")
    page.get_by_role("button", name="Submit request").click()
    expect(page).to_have_url(re.compile(r"/requests/AR-\d{4}-\d{6}"))
    return page.url.rsplit("/", 1)[1]


def approve(page: Page, number: str) -> None:
    """Say yes on the request's page."""
    page.goto(f"/admin/access-requests/{number}")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#messages")).to_contain_text(re.compile("is approved|Your approval"))


def test_C65_production_passes_the_owner_and_then_security(portico, person):
    consumer = person(CONSUMER)
    put_in_cart(consumer, "Payments", "Gold")
    number = submit_in(consumer, "Production", "Production shop")
    expect(consumer.locator("main")).to_contain_text("Security approval")
    security = person(SECURITY)
    security.goto(f"/admin/access-requests/{number}")
    expect(security.get_by_role("button", name="Approve", exact=True)).to_have_count(0)  # not their turn yet

    approve(person(OWNER), number)
    assert number in mail_about(portico, SECURITY, number).text
    consumer.goto(f"/requests/{number}")
    expect(consumer.locator("main")).to_contain_text("Pending security approval")
    approve(security, number)

    consumer.goto(f"/requests/{number}")
    expect(consumer.locator("#request-status")).to_contain_text("Approved")
    assert number in mail_about(portico, CONSUMER, number).text


def test_C66_C67_a_partner_needs_security_legal_and_its_sponsor_side_by_side(portico, person):
    partner = person(PARTNER)
    put_in_cart(partner, "Payments", "Gold")
    number = submit_in(partner, "Test", "Partner shop")

    approve(person(OWNER), number)
    for reviewer in (LEGAL, SPONSOR, SECURITY):
        partner.goto(f"/requests/{number}")
        expect(partner.locator("#request-status")).not_to_contain_text("Approved")
        assert number in mail_about(portico, reviewer, number).text
        approve(person(reviewer), number)

    partner.goto(f"/requests/{number}")
    expect(partner.locator("#request-status")).to_contain_text("Approved")
