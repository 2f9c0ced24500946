"""Secrets in a real browser: terms of use, two secrets at a time that both get tokens, and the end of the old one."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.e2e.looking import faults_here
from tests.e2e.test_main_job import CONSUMER, put_in_cart, submit

pytestmark = pytest.mark.e2e
ADMINISTRATOR, PRODUCT, APP = "admin@portico.example", "Loyalty", "Points desk"


def secret_on(page: Page) -> str:
    expect(page.locator("#secret")).to_be_visible()
    page.wait_for_load_state()
    found = re.search(r"pcs_[0-9A-Za-z]{49}", page.content())
    assert found is not None
    return found[0]


def open_app(page: Page) -> None:
    page.goto("/apps")
    page.get_by_role("link", name=APP).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(APP)


def status_with(url: str, client_id: str, secret: str) -> int:
    grant = {"grant_type": "client_credentials"}
    return requests.post(f"{url}/oauth/token", data=grant, auth=(client_id, secret), timeout=60).status_code


def publish(page: Page, text: str, number: int) -> None:
    page.goto(f"/admin/products?q={PRODUCT}")
    page.locator("main").get_by_role("link", name=re.compile(PRODUCT)).first.click()
    page.get_by_role("link", name="Terms of use").click()
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#terms-preview")).to_contain_text("Call it for your own programs")
    page.get_by_role("button", name=f"Publish version {number}").click()
    expect(page.get_by_text(f"Version {number} is in force.")).to_be_visible()


@pytest.fixture(scope="module")
def revealed(sitting) -> tuple[str, str]:
    """Client id and secret of an app, revealed after the terms of use were read and accepted."""
    with sitting(ADMINISTRATOR) as page:
        publish(page, "# Fair use\n\nCall it for **your own** programs.", 1)
    with sitting(CONSUMER) as page:
        put_in_cart(page, PRODUCT, "Sandbox")
        submit(page, APP, reason="To rotate")
        open_app(page)
        page.get_by_role("link", name=re.compile("Read the terms of use")).click()
        page.get_by_label(re.compile(r"I accept the terms of use of .*, version 1")).check()
        page.get_by_role("button", name="Reveal secret").click()
        secret = secret_on(page)
        return re.search(r"pci_[0-9A-Za-z]{21}", page.content())[0], secret


def test_C72_C101_a_secret_is_rotated_without_an_outage(portico, person, revealed):
    (client_id, first), page = revealed, person(CONSUMER)
    open_app(page)
    page.get_by_role("link", name="Rotate secret").click()
    page.get_by_label("stays good for 3 days").check()
    page.get_by_role("button", name="Rotate secret").click()
    second = secret_on(page)
    assert [status_with(portico.url, client_id, secret) for secret in (first, second)] == [200, 200]

    open_app(page)
    expect(page.get_by_text("The old secret is still good")).to_be_visible()
    page.get_by_role("button", name="End the old secret now").click()
    page.get_by_role("button", name="End the old secret", exact=True).click()
    expect(page.get_by_text("Only the new one works now.")).to_be_visible()
    assert [status_with(portico.url, client_id, secret) for secret in (first, second)] == [401, 200]


@pytest.mark.appearance
def test_P3_P4_the_pages_of_secrets_are_accessible_in_both_themes_and_fit_a_narrow_screen(person, revealed):
    page = person(CONSUMER, bypass_csp=True)
    open_app(page)
    faults = faults_here(page)
    page.get_by_role("link", name="Rotate secret").click()
    faults += faults_here(page)
    page.get_by_role("button", name="Rotate secret").click()
    expect(page.locator("#secret")).to_be_visible()
    faults += faults_here(page)
    open_app(page)
    faults += faults_here(page)
    publisher = person(ADMINISTRATOR, bypass_csp=True)
    publish(publisher, "# Fair use\n\nCall it for **your own** programs, and be kind.", 2)
    faults += faults_here(publisher)
    open_app(page)
    page.get_by_role("link", name="Read and accept them").click()
    faults += faults_here(page)

    assert not faults
