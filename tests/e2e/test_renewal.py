"""Access that ends soon, from the mail to the renewal, in a real browser: the secret works all the time."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import requests
from playwright.sync_api import expect
from sqlalchemy import text

from tests.e2e.looking import faults_here
from tests.e2e.patience import stop
from tests.e2e.test_emergency import mail_called
from tests.e2e.test_main_job import put_in_cart, reveal, submit
from tests.support.smtp import wait_until

pytestmark = pytest.mark.e2e
CONSUMER, OWNER = "second@acme.example", "owner@portico.example"


def test_the_mail_leads_to_the_renewal_and_the_secret_goes_on(portico, person):
    consumer, owner = person(CONSUMER), person(OWNER)
    put_in_cart(consumer, "Shipments", "Gold")
    number = submit(consumer, "Pallet prices", "We quote pallets.")
    approve(owner, number)
    client = reveal(consumer, "Pallet prices")
    assert token(portico, client) == 200

    let_it_end_in(portico, client[0], timedelta(days=6, hours=20))
    mail = mail_called(portico, CONSUMER, "Pallet prices: access to Shipments ends in 7 days")

    consumer.goto(re.search(r"http\S+/renew", mail.text)[0])
    expect(consumer.get_by_label("Reason")).to_have_value("We quote pallets.")
    expect(consumer.locator("#outlook")).to_contain_text("One answer is needed")
    looking = person(CONSUMER, bypass_csp=True, reduced_motion="reduce")
    looking.goto(consumer.url)
    assert not faults_here(looking)
    consumer.get_by_role("button", name="Request renewal").click()
    expect(consumer.locator("#messages")).to_contain_text("Your access goes on to its end meanwhile")
    renewal = consumer.get_by_role("heading", level=1).inner_text()
    assert token(portico, client) == 200

    owner.goto(f"/admin/access-requests/{renewal}")
    expect(owner.locator("#renewal")).to_contain_text(number)
    approve(owner, renewal)
    expect(consumer.get_by_text("goes on with the same client id and secret")).to_be_visible()  # without reloading
    assert token(portico, client) == 200
    consumer.goto("/apps")
    consumer.get_by_role("link", name="Pallet prices").first.click()
    expect(consumer.locator("#credentials")).not_to_contain_text("Renew it to go on")
    wait_until(lambda: any("with the same client id and secret" in mail.text for mail in approvals(portico)))


def approvals(portico):
    mails = portico.mails_to(CONSUMER)
    return [mail for mail in mails if mail.subject.startswith("Approved: Shipments for Pallet prices")]


def approve(owner, number):
    owner.goto(f"/admin/access-requests/{number}")
    owner.locator("#decide").get_by_role("button", name="Approve").click()
    expect(owner.locator("#messages")).to_contain_text("approved")


def token(portico, client) -> int:
    asked = {"grant_type": "client_credentials"}
    return requests.post(f"{portico.url}/oauth/token", asked, auth=client, timeout=60).status_code


def let_it_end_in(portico, client_id, left):
    """Turn back the years for one credential; then a worker is started, which looks at all that ends soon."""
    end = datetime.now(UTC) + left
    values = {"client": client_id, "end": end, "start": end - timedelta(days=365)}
    if not portico.environment["PORTICO_DATABASE_URL"]:  # then it is SQLite
        values |= {name: values[name].strftime("%Y-%m-%d %H:%M:%S.%f") for name in ("end", "start")}
    with portico.database() as connection:
        mine = "(select id from credential where client_id = :client)"
        connection.execute(text("update credential set expires_at = :end where client_id = :client"), values)
        dates = f"update access_grant set starts_at = :start, ends_at = :end where credential_id = {mine}"
        connection.execute(text(dates), values)
    environment = {**os.environ, **portico.environment, "PORTICO_DEMO": "true", "PORTICO_BASE_URL": portico.url}
    worker = subprocess.Popen([sys.executable, "-m", "portal.cli", "worker"], env=environment)
    try:
        mail_called(portico, CONSUMER, "Pallet prices: access to")
    finally:
        stop(worker)
