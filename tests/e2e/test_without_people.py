"""The pages of programs that need no secret, or register themselves: accessible, in both themes, on any screen."""

import pytest
from joserfc.jwk import ECKey

from tests.e2e.looking import faults_here
from tests.e2e.test_main_job import CONSUMER, put_in_cart, submit

pytestmark = [pytest.mark.e2e, pytest.mark.appearance]


@pytest.fixture(scope="module", autouse=True)
def lived_in(sitting):
    """An app with access that a plan approved, whose secret nobody has revealed."""
    with sitting(CONSUMER) as page:
        put_in_cart(page, "Returns", "Sandbox")
        submit(page, "Build runners", reason="To see the pages")


def test_P3_P4_from_a_key_to_registered_clients(person):
    page, found = person(CONSUMER, bypass_csp=True, reduced_motion="reduce"), []
    page.goto("/apps")
    page.get_by_role("link", name="Build runners").click()
    app = page.url

    page.get_by_role("link", name="Use without a secret").first.click()
    found += faults_here(page)
    page.get_by_role("link", name="public key").click()
    page.get_by_label("Public key").fill(ECKey.generate_key("P-256").as_pem(private=False).decode())
    page.get_by_role("button", name="Register key").click()
    page.goto(app)
    page.get_by_role("link", name="Use without a secret").first.click()
    found += faults_here(page)
    page.get_by_role("button", name="Use without a secret").click()
    page.get_by_role("link", name="Registered clients").first.click()
    found += faults_here(page)
    page.get_by_role("button", name="Make a token").click()
    found += faults_here(page)
    assert "pit_" in page.content()
    page.get_by_role("link", name="Done").click()
    found += faults_here(page)

    assert page.get_by_role("button", name="Withdraw token").count() == 1
    assert not found
