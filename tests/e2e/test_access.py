"""Access after approval, in a real browser: suspended and undone, put on another plan, and seen from both portals."""

import pytest
from playwright.sync_api import expect

from tests.e2e.looking import faults_here, faults_of
from tests.e2e.test_main_job import put_in_cart, submit

pytestmark = [pytest.mark.e2e, pytest.mark.appearance]
CONSUMER, OWNER = "outsider@globex.example", "owner@portico.example"


@pytest.fixture(scope="module", autouse=True)
def lived_in(sitting):
    """Access that a plan approved."""
    with sitting(CONSUMER) as page:
        put_in_cart(page, "Loyalty", "Sandbox")
        submit(page, "Loyalty desk", reason="To see the pages")


def test_C77_P3_P4_suspended_undone_and_put_on_another_plan(person):
    here = person(CONSUMER, bypass_csp=True)
    here.goto("/apps")
    here.get_by_role("link", name="Loyalty desk").click()
    here.get_by_role("link", name="Loyalty", exact=True).click()
    found = faults_here(here)

    here.get_by_role("button", name="Suspend access").click()
    question = here.get_by_role("dialog")
    question.get_by_label("Reason").fill("A key may be in wrong hands.")
    found += faults_here(here)
    question.get_by_role("button", name="Suspend access").click()
    expect(here.get_by_text("Suspended: it opens nothing now")).to_be_visible()
    found += faults_here(here)
    here.get_by_role("button", name="Undo").click()
    expect(here.get_by_text("The access to Loyalty works again.")).to_be_visible()

    here.get_by_role("link", name="Loyalty desk").click()
    here.get_by_role("link", name="Change plan of").click()
    found += faults_here(here)
    here.get_by_role("link", name="Choose Bronze").click()
    found += faults_here(here)
    here.get_by_label("Reason").fill("We grow.")
    here.get_by_role("button", name="Ask for Bronze").click()
    expect(here.get_by_text("The old plan holds until then.")).to_be_visible()
    here.goto("/apps")
    here.get_by_role("link", name="Loyalty desk").click()
    expect(here.get_by_text("(current)")).to_be_visible()
    found += faults_here(here)

    assert not found


def test_P3_P4_the_register_and_the_page_of_an_access(person):
    page = person(OWNER, bypass_csp=True)

    assert not faults_of(page, ["/admin/access?show=ended", "/admin/access", "/admin/access/*", "+/plan"])
