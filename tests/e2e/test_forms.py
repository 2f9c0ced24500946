"""A product asks for more: its owner edits a form, a consumer fills it in with a file, a reviewer reads it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import put_in_cart

pytestmark = pytest.mark.e2e
CONSUMER, OWNER = "second@acme.example", "owner@portico.example"
DESIGN = {"name": "design.md", "mimeType": "text/markdown", "buffer": b"# How the shop pays"}


def own_product(owner: Page, name: str = "Ledger of the form story") -> tuple[str, str]:
    """A new product of the owner, published and on offer; gives its name and page."""
    owner.goto("/admin/products/new")
    owner.get_by_label("Name", exact=True).fill(name)
    for box in owner.locator("#catalogues input[type=checkbox]").all():
        box.check()
    owner.get_by_role("button", name="Make product").click()
    expect(owner.get_by_text("The product is made")).to_be_visible()
    owner.get_by_role("button", name="Publish").click()
    expect(owner.get_by_text("is published.")).to_be_visible()
    return name, owner.url


def edit_form(owner: Page, product_page: str) -> None:
    """Choose an own form, make one field stricter, look at the preview, and activate it."""
    owner.goto(product_page)
    owner.get_by_label("What consumers fill in").select_option("own")
    owner.get_by_role("button", name="Use this form").click()
    expect(owner.get_by_role("heading", level=1)).to_contain_text("Request form of Ledger")
    owner.get_by_role("button", name="Add a field").click()
    expect(owner.get_by_text("This is not saved yet")).to_be_visible()
    last = owner.locator("fieldset.form-row").last
    last.get_by_label("Label", exact=True).fill("Cost centre")
    last.get_by_label("Has to be answered").check()
    owner.locator("#form-editor").get_by_role("button", name="Save draft").last.click()
    expect(owner.get_by_text("The draft is saved.")).to_be_visible()
    owner.get_by_role("link", name="Preview").click()
    expect(owner.get_by_label("Cost centre")).to_be_visible()
    expect(owner.get_by_label(re.compile("^Encryption"))).to_be_hidden()
    owner.go_back()
    owner.get_by_role("button", name="Activate").first.click()
    owner.locator("#confirm-activate").get_by_role("button", name="Activate").click()
    expect(owner.get_by_text("is asked from now on")).to_be_visible()


def fill_in(consumer: Page) -> None:
    """Everything but the cost centre."""
    consumer.get_by_label("App name").fill("Form story app")
    consumer.get_by_label("Title", exact=True).fill("Books for the shop")
    consumer.get_by_label("Purpose", exact=True).fill("The shop writes what it sells into the ledger every night.")
    consumer.get_by_label(re.compile("^Internal: only")).check()
    consumer.get_by_label("OAuth 2.0 client credentials").check()
    consumer.get_by_label("Read only").check()
    consumer.get_by_label("Expected volume").fill("5,000")
    consumer.get_by_label("Where secrets will be kept").fill("In the vault of the team")
    consumer.get_by_label(re.compile("^Reason")).fill("The ledger is closed every night.")


def test_a_form_is_chosen_filled_in_with_a_file_and_read(person):
    owner, consumer = person(OWNER), person(CONSUMER)
    name, product_page = own_product(owner)
    edit_form(owner, product_page)

    put_in_cart(consumer, "Ledger", "Gold")
    consumer.goto("/cart")
    fill_in(consumer)

    # Conditional fields come and go with the answers they depend on.
    expect(consumer.get_by_label(re.compile("^Encryption"))).to_be_hidden()
    consumer.get_by_label(re.compile("^External: customers")).check()
    expect(consumer.get_by_label(re.compile("^Encryption"))).to_be_visible()
    consumer.get_by_label(re.compile("^Internal: only")).check()
    expect(consumer.get_by_label(re.compile("^Encryption"))).to_be_hidden()

    # What was typed is kept by itself, and is still there after leaving the page.
    expect(consumer.locator("#draft-state")).to_contain_text("Draft saved")
    consumer.goto("/catalogues")
    consumer.goto("/cart")
    expect(consumer.get_by_label("Title", exact=True)).to_have_value("Books for the shop")

    # An incomplete form is refused field by field, and the file that came with it is not lost.
    consumer.locator("input[type=file]").set_input_files(DESIGN)
    consumer.get_by_role("button", name="Submit request").click()
    expect(consumer.get_by_role("link", name="Cost centre is missing.")).to_be_visible()
    expect(consumer.get_by_text("design.md")).to_be_visible()
    consumer.get_by_role("link", name="Cost centre is missing.").click()
    expect(consumer.get_by_label("Cost centre")).to_be_focused()
    consumer.get_by_label("Cost centre").fill("4711")
    consumer.get_by_role("button", name="Submit request").click()
    expect(consumer).to_have_url(re.compile(r"/requests/AR-\d{4}-\d{6}"))
    expect(consumer.get_by_role("region", name="What you answered").or_(consumer.locator("#answers"))).to_contain_text(
        "4711"
    )

    # Whoever decides reads the answers and downloads the very file.
    number = consumer.url.rsplit("/", 1)[1]
    owner.goto(f"/admin/access-requests/{number}")
    expect(owner.locator("#answers")).to_contain_text(f"Request form of {name}, version 1")
    with owner.expect_download() as download:
        owner.get_by_role("link", name="design.md").click()
    assert download.value.path().read_bytes() == DESIGN["buffer"]


def test_what_an_app_answered_before_follows_the_choice_of_the_app(person):
    owner, consumer = person(OWNER), person(CONSUMER)
    _, product_page = own_product(owner, "Archive of the form story")
    owner.goto(product_page)
    owner.get_by_label("What consumers fill in").select_option("standard")
    owner.get_by_role("button", name="Use this form").click()
    expect(owner.get_by_text("The form is chosen.")).to_be_visible()
    put_in_cart(consumer, "Archive", "Gold")
    consumer.goto("/cart")
    if consumer.locator("select#app").count():
        consumer.locator("select#app").select_option("new")
    fill_in(consumer)
    consumer.get_by_label("App name").fill("Answering app")
    consumer.get_by_label(re.compile("^External: customers")).check()
    consumer.get_by_label("Link to documentation", exact=True).fill("https://docs.example.com/archive")
    consumer.get_by_label(re.compile("^Encryption")).fill("TLS, and disks that are encrypted.")
    consumer.get_by_role("button", name="Submit request").click()
    expect(consumer).to_have_url(re.compile(r"/requests/AR-\d{4}-\d{6}"))
    number = consumer.url.rsplit("/", 1)[1]

    put_in_cart(consumer, "Archive", "Gold")
    consumer.goto("/cart")
    app, encryption = consumer.locator("select#app"), consumer.get_by_label(re.compile("^Encryption"))
    app.select_option(label="Answering app")
    expect(encryption).to_have_value("TLS, and disks that are encrypted.")
    expect(encryption).to_be_hidden()
    consumer.get_by_label(re.compile("^External: customers")).check()
    expect(consumer.locator("#answer-encryption-again")).to_contain_text(f"in {number} and used again.")

    # Another app has none, what was typed stays, and the page asks for each in its turn.
    consumer.get_by_label(re.compile("^Rate limits")).fill("Typed by hand")
    app.select_option("new")
    expect(encryption).to_have_value("")
    expect(encryption).to_be_visible()
    expect(consumer.get_by_label(re.compile("^Rate limits"))).to_have_value("Typed by hand")
    app.select_option(label="Answering app")
    expect(encryption).to_have_value("TLS, and disks that are encrypted.")
