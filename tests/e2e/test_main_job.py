"""The main job in a real browser: browse, cart, request, decide, issue, tell; ending with a token and with mails."""

import re
import time

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient
from playwright.sync_api import Page, expect
from requests_oauthlib import OAuth2Session

from tests.e2e.patience import PATIENCE
from tests.support.smtp import Received

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("loopback_without_tls")]
CONSUMER, OWNER, PLANS = "consumer@acme.example", "owner@portico.example", "plans@portico.example"


@pytest.fixture
def loopback_without_tls(monkeypatch):
    """oauthlib insists on https; these tests talk to this machine."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def put_in_cart(page: Page, product: str, plan: str) -> None:
    """Find a product by search and put it on a plan in the cart."""
    page.goto(f"/catalogues?q={product}")
    page.get_by_role("link", name=re.compile("^More info")).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(product)
    page.wait_for_load_state()
    if not page.get_by_role("button", name=re.compile("Access with this Plan")).first.is_visible():
        page.get_by_role("link", name="Plans", exact=True).first.click()
    card = page.locator("li, section, article", has=page.get_by_role("heading", name=plan)).last
    card.get_by_role("button", name=re.compile("Access with this Plan")).click()
    expect(page.get_by_text("is in your cart").first).to_be_visible()


def submit(page: Page, app_name: str, reason: str = "") -> str:
    """Submit the cart for a new app; gives the request's number."""
    page.goto("/cart")
    choice = page.get_by_label("Developer app", exact=True)
    if choice.count():
        choice.select_option(label="A new app")
    page.get_by_label("App name").fill(app_name)
    if reason:
        page.get_by_label(re.compile("^Reason")).fill(reason)
    page.get_by_role("button", name="Submit request").click()
    expect(page).to_have_url(re.compile(r"/requests/AR-\d{4}-\d{6}"))
    return page.url.rsplit("/", 1)[1]


def reveal(page: Page, app_name: str) -> tuple[str, str]:
    """Open the app and reveal its secret: client id and secret."""
    page.goto("/apps")
    page.get_by_role("link", name=app_name).first.click()
    page.get_by_role("button", name=re.compile("Reveal")).first.click()
    expect(page.locator("#secret")).to_be_visible()
    page.wait_for_load_state()
    text = page.locator("body").inner_text() + " ".join(
        page.locator("input").evaluate_all("fields => fields.map(f => f.value)")
    )
    client_id = re.search(r"pci_[0-9A-Za-z]{21}", text)
    secret = re.search(r"pcs_[0-9A-Za-z]{49}", text)
    if secret is None:
        secret = re.search(r"pcs_[0-9A-Za-z]{49}", page.content())
    assert client_id is not None
    assert secret is not None
    return client_id[0], secret[0]


def fetch_tokens(url: str, client_id: str, secret: str) -> dict[str, object]:
    """Fetch a token with two independent clients; gives the answer to introspection of the first."""
    metadata = requests.get(f"{url}/.well-known/oauth-authorization-server", timeout=60).json()
    session = OAuth2Session(client=BackendApplicationClient(client_id))
    token = session.fetch_token(metadata["token_endpoint"], client_id=client_id, client_secret=secret)
    assert AuthlibSession(client_id, secret).fetch_token(metadata["token_endpoint"])["token_type"] == "Bearer"
    answer = requests.post(
        metadata["introspection_endpoint"], data={"token": token["access_token"]}, auth=(client_id, secret), timeout=60
    )
    return dict(answer.json())


def mail_about(portico, address: str, words: str) -> Received:
    """The newest mail to this address that has these words in it; waits for it."""
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        found = [mail for mail in portico.mails_to(address) if words in mail.text]
        if found:
            return found[-1]
        time.sleep(0.2)
    raise AssertionError(f"{address} got no mail about {words}")


def approve_in_menu(page: Page, number: str, *, scripts: bool) -> None:
    """Approve from the queue's three-dot menu; with scripts the row changes, without them the request's page opens."""
    page.goto("/admin/")
    page.get_by_role("link", name=re.compile("^Access Requests")).first.click()
    expect(page).to_have_url(re.compile("/admin/access-requests"))
    row = page.get_by_role("row", name=re.compile(number))
    row.get_by_role("button", name="Actions").click()
    row.get_by_role("button", name="Approve").click()
    row.get_by_role("dialog", name=f"Approve {number}?").get_by_role("button", name="Approve").click()
    answered = page.get_by_role("row", name=re.compile(number)) if scripts else page.locator("main")
    expect(answered).to_contain_text("Approved")


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_by_hand_approval_from_the_catalogue_to_a_token(portico, person, scripts):
    app_name = f"Checkout {'with' if scripts else 'without'} scripts"
    consumer = person(CONSUMER, java_script_enabled=scripts)
    put_in_cart(consumer, "Payments", "Gold")
    number = submit(consumer, app_name, reason="Checkout of the web shop")
    expect(consumer.locator("main")).to_contain_text("Pending")

    told = mail_about(portico, OWNER, number)
    for word in (app_name, "Gold", "Checkout of the web shop", f"{portico.url}/admin/access-requests/{number}"):
        assert word in told.text

    owner = person(OWNER, java_script_enabled=scripts)
    approve_in_menu(owner, number, scripts=scripts)

    client_id, secret = reveal(consumer, app_name)
    introspected = fetch_tokens(portico.url, client_id, secret)
    assert introspected["active"] is True
    assert "payments" in str(introspected["aud"])

    decision = mail_about(portico, CONSUMER, app_name)
    assert "Gold" in decision.text
    assert secret.encode() not in decision.content
    consumer.reload()
    assert secret not in consumer.content(), "the secret was shown twice"
    assert secret not in portico.log.read_text()


def test_by_rejection_with_a_reason_that_reaches_the_consumer(portico, person):
    consumer = person(CONSUMER)
    put_in_cart(consumer, "Shipments", "Gold")
    number = submit(consumer, "Label printer", reason="Printing labels")

    owner = person(OWNER)
    owner.goto(f"/admin/access-requests/{number}")
    owner.get_by_label("Reason").fill("Please try the sandbox first.")
    owner.get_by_role("button", name="Reject").click()
    expect(owner.locator("main")).to_contain_text("Rejected")

    consumer.goto(f"/requests/{number}")
    expect(consumer.locator("main")).to_contain_text("Rejected")
    expect(consumer.locator("main")).to_contain_text("Please try the sandbox first.")
    consumer.goto("/apps")
    consumer.get_by_role("link", name="Label printer").first.click()
    expect(consumer.get_by_role("heading", level=1)).to_have_text("Label printer")
    consumer.wait_for_load_state()
    assert not consumer.get_by_role("button", name=re.compile("Reveal")).count()
    assert "Please try the sandbox first." in mail_about(portico, CONSUMER, "Label printer").text


def test_by_automatic_approval_after_the_plan_manager_ticked_the_box(portico, person):
    manager = person(PLANS)
    manager.goto("/admin/plans")
    manager.get_by_role("link", name="Bronze").first.click()
    box = manager.get_by_label("Auto approve access request")
    box.check()
    manager.get_by_role("button", name="Save changes").click()
    expect(manager.get_by_text("The changes are saved.")).to_be_visible()
    expect(manager.get_by_label("Auto approve access request")).to_be_checked()

    consumer = person(CONSUMER)
    put_in_cart(consumer, "Payments", "Bronze")
    number = submit(consumer, "Instant shop")
    expect(consumer.locator("main")).to_contain_text("Approved")
    client_id, secret = reveal(consumer, "Instant shop")
    assert fetch_tokens(portico.url, client_id, secret)["active"] is True

    owner = person(OWNER)
    owner.goto("/admin/access-requests?status=approved")
    expect(owner.get_by_role("row", name=re.compile(number))).to_contain_text("Approved")
    assert mail_about(portico, CONSUMER, "Instant shop").subject
