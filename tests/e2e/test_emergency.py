"""An emergency in a real browser: set beforehand, taken at night, loud at once, reviewed, refused and lifted."""

import re
import time

import pytest
import requests
from playwright.sync_api import expect

from tests.e2e.patience import PATIENCE

pytestmark = pytest.mark.e2e
ADMINISTRATOR, SECURITY, OWNER = "admin@portico.example", "security@portico.example", "owner@portico.example"
ENGINEER, PASSWORD = "outsider@globex.example", "portico-demo"


def test_glass_is_broken_everybody_is_told_and_the_debt_is_not_paid(portico, person):
    administrator = person(ADMINISTRATOR)
    administrator.goto("/admin/")
    administrator.get_by_role("link", name="Break-glass").click()
    administrator.get_by_role("link", name="New envelope").click()
    administrator.get_by_label("API product").select_option(label="Payments")
    administrator.get_by_role("button", name="Next").click()
    administrator.get_by_label("Name").fill("Refunds on holidays")
    administrator.get_by_label("Plan").select_option(label="Gold")
    administrator.get_by_label("refunds:write").check()
    administrator.get_by_label("Minutes at most").fill("20")
    administrator.get_by_label("People").fill(ENGINEER)
    administrator.get_by_role("button", name="Set envelope").click()
    expect(administrator.get_by_text("The envelope is set.")).to_be_visible()

    engineer = person(ENGINEER)
    engineer.goto("/apps/new")
    engineer.get_by_label("Name").fill("Refund rescue")
    engineer.locator("main form").get_by_role("button").last.click()
    engineer.goto("/apps")
    engineer.get_by_role("link", name="Emergency access").click()
    engineer.get_by_role("link", name=re.compile("Use it")).click()
    engineer.get_by_label("Developer app").select_option(label="Refund rescue")
    engineer.get_by_label("Minutes").fill("10")
    engineer.get_by_label("Reason").fill("Refunds hang.")
    engineer.get_by_label("Current password").fill("wrong")
    engineer.get_by_role("button", name="Break the glass").click()
    expect(engineer.locator(".error-summary")).to_contain_text("That is not your current password.")
    expect(engineer.get_by_label("Reason")).to_have_value("Refunds hang.")
    engineer.get_by_label("Current password").fill(PASSWORD)
    engineer.get_by_role("button", name="Break the glass").click()
    expect(engineer.get_by_text("Refund rescue has emergency access now.")).to_be_visible()

    engineer.get_by_role("button", name="Reveal secret").click()
    expect(engineer.locator("#secret")).to_be_visible()
    engineer.wait_for_load_state()
    client_id, secret = re.search(r"pci_\w{21}", engineer.content()), re.search(r"pcs_\w{49}", engineer.content())
    assert client_id is not None
    assert secret is not None

    def token():
        credentials = (client_id[0], secret[0])
        return requests.post(
            f"{portico.url}/oauth/token", {"grant_type": "client_credentials"}, auth=credentials, timeout=60
        )

    answer = token()
    assert answer.status_code == 200
    assert answer.json()["scope"] == "refunds:write"
    assert answer.json()["expires_in"] <= 600
    for address in (ADMINISTRATOR, SECURITY, OWNER, ENGINEER):
        assert "Refunds hang." in str(mail_called(portico, address, "EMERGENCY ACCESS"))

    reviewer = person(SECURITY)
    reviewer.goto("/admin/")
    expect(reviewer.locator("#emergencies")).to_contain_text("1 emergency access stands")
    reviewer.locator("#emergencies").get_by_role("link").click()
    expect(reviewer.locator("#break-glass")).to_contain_text("this access was taken in an emergency")
    reviewer.locator("#decide").get_by_label("Reason").fill("Refunds worked all the time.")
    reviewer.locator("#decide").get_by_role("button", name="Reject").click()
    expect(reviewer.locator("#messages")).to_contain_text("rejected")

    assert token().status_code == 401
    assert mail_called(portico, ENGINEER, "You may not use emergency access any more")
    engineer.goto("/emergency-access")
    expect(engineer.get_by_text("Refunds worked all the time.")).to_be_visible()
    administrator.goto("/admin/break-glass")
    administrator.get_by_role("link", name=re.compile("^Lift")).click()
    administrator.get_by_label("Reason").fill("We have spoken.")
    administrator.get_by_role("button", name="Lift the bar").click()
    engineer.goto("/emergency-access")
    expect(engineer.get_by_role("link", name=re.compile("Use it"))).to_be_visible()


def mail_called(portico, address, subject):
    """The one mail to this address whose subject begins so; waits for it, whatever else arrives before."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        found = [mail for mail in portico.mails_to(address) if mail.subject.startswith(subject)]
        if found:
            (mail,) = found
            return mail
        time.sleep(0.2)
    raise AssertionError(f"{address} got no mail called {subject}")
