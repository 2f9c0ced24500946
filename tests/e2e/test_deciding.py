"""Deciding in a real browser: a question and its answer, less than was asked, and somebody who stands in."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import CONSUMER, OWNER, mail_about, put_in_cart, submit

pytestmark = pytest.mark.e2e
SECURITY = "security@portico.example"


def open_request(page: Page, number: str) -> None:
    page.goto(f"/admin/access-requests/{number}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)


def stays_loaded(page: Page) -> None:
    """Mark the page, so that a reload would be seen."""
    page.evaluate("document.documentElement.dataset.loaded = 'once'")


def was_never_reloaded(page: Page) -> None:
    assert page.evaluate("document.documentElement.dataset.loaded") == "once"


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_C10_C58_a_question_is_answered_and_the_open_page_follows_without_a_reload(portico, person, scripts):
    app = f"Questioned {'with' if scripts else 'without'} scripts"
    consumer, owner = person(CONSUMER, java_script_enabled=scripts), person(OWNER, java_script_enabled=scripts)
    put_in_cart(consumer, "Payments", "Gold")
    number = submit(consumer, app, reason="Checkout")
    if scripts:
        stays_loaded(consumer)

    open_request(owner, number)
    owner.get_by_text("Ask the requester for information").click()
    owner.get_by_label("Question").fill("How many calls do you expect?")
    owner.get_by_role("button", name="Ask", exact=True).click()
    expect(owner.locator("main")).to_contain_text("Information requested")
    assert "How many calls do you expect?" in mail_about(portico, CONSUMER, "How many calls do you expect?").text

    if not scripts:
        consumer.reload()
    expect(consumer.locator("#progress")).to_contain_text("A question waits for your answer")
    expect(consumer.locator("#questions")).to_contain_text("How many calls do you expect?")
    consumer.get_by_label("Answer").fill("About a thousand.")
    if scripts:
        consumer.wait_for_timeout(5_000)  # news do not take the text away
        was_never_reloaded(consumer)
        expect(consumer.get_by_label("Answer")).to_have_value("About a thousand.")
    consumer.get_by_role("button", name="Send answer").click()
    expect(consumer.locator("#questions")).to_contain_text("About a thousand.")
    assert "About a thousand." in mail_about(portico, OWNER, "About a thousand.").text
    if scripts:
        stays_loaded(consumer)

    open_request(owner, number)
    expect(owner.locator("#questions")).to_contain_text("About a thousand.")
    owner.get_by_role("button", name="Approve", exact=True).click()
    expect(owner.locator("main")).to_contain_text("Approved")

    if not scripts:
        consumer.reload()
    expect(consumer.locator("#progress")).to_contain_text("Approved")
    expect(consumer.locator("#request-status")).to_contain_text("Approved")
    expect(consumer.get_by_role("button", name="Withdraw request")).to_have_count(0)
    if scripts:
        was_never_reloaded(consumer)


def test_C57_less_is_approved_than_was_asked_for(portico, person):
    consumer, owner = person(CONSUMER), person(OWNER)
    put_in_cart(consumer, "Payments", "Gold")
    number = submit(consumer, "Narrowed shop", reason="Checkout")

    open_request(owner, number)
    owner.get_by_text("Approve less than was asked for").click()
    scopes = owner.locator("#decide input[name^='scope-']")
    assert scopes.count() > 1
    dropped = scopes.last.get_attribute("value")
    scopes.last.uncheck()
    owner.get_by_label("Access until").fill((datetime.now(UTC).date() + timedelta(days=30)).isoformat())
    owner.get_by_text("Attach conditions").click()
    owner.get_by_label("Conditions").fill("Only from the office.")
    owner.get_by_role("button", name="Approve", exact=True).click()
    expect(owner.locator("main")).to_contain_text("is approved")

    expect(consumer.locator("#products")).to_contain_text(f"not approved: {dropped}")
    expect(consumer.locator("#products")).to_contain_text("Only from the office.")
    consumer.reload()
    expect(consumer.locator("aside")).to_contain_text("Access until")


def test_somebody_stands_in_and_answers_at_360_pixels_by_keyboard(portico, person):
    consumer, owner = person(CONSUMER), person(OWNER)
    today = datetime.now(UTC).date()
    owner.goto("/admin/")
    owner.get_by_role("link", name="Out of office").click()
    owner.get_by_label("Who stands in for you").fill(SECURITY)
    owner.get_by_label("Until").fill((today + timedelta(days=3)).isoformat())
    owner.get_by_label("Reason").fill("On holiday.")
    owner.get_by_role("button", name="Let them stand in").click()
    expect(owner.locator("#given")).to_contain_text("On holiday.")
    put_in_cart(consumer, "Payments", "Gold")
    number = submit(consumer, "Holiday shop", reason="Checkout")

    deputy = person(SECURITY, viewport={"width": 360, "height": 740})
    deputy.goto("/admin/my-work")
    expect(deputy.locator("main")).to_contain_text("For whom you stand in")
    assert deputy.evaluate("document.documentElement.scrollWidth <= 360")
    link = deputy.get_by_role("link", name=number)
    link.focus()
    deputy.keyboard.press("Enter")
    expect(deputy.locator("#decide")).to_contain_text("You stand in for")
    deputy.wait_for_load_state()
    assert deputy.evaluate("document.documentElement.scrollWidth <= 360")
    deputy.get_by_label("Comment").focus()
    for _ in range(12):  # past the parts that are folded, to the button
        deputy.keyboard.press("Tab")
        if deputy.evaluate("document.activeElement.textContent.trim()") == "Approve":
            break
    deputy.keyboard.press("Enter")
    expect(deputy.locator("#messages")).to_contain_text("is approved")

    owner.get_by_role("button", name="End", exact=True).click()
    owner.get_by_role("button", name="End it").click()
    expect(owner.locator("#given")).to_contain_text("Ended")
    assert re.search("stand in", mail_about(portico, SECURITY, "in their place").subject)


def test_C126_the_cart_follows_what_is_chosen_before_anything_is_submitted(portico, person):
    consumer = person(CONSUMER)
    put_in_cart(consumer, "Payments", "Gold")
    consumer.goto("/cart")
    steps = consumer.locator("#outlook .step-label")
    expect(steps).to_have_text(["Owner"])
    stays_loaded(consumer)

    choice = consumer.get_by_label("Environment")
    if choice.locator("option").count() > 1:
        choice.select_option(index=choice.locator("option").count() - 1)
        expect(consumer.locator("#outlook")).to_be_visible()
    was_never_reloaded(consumer)
    consumer.get_by_role("button", name=re.compile("^Remove ")).first.click()
    expect(consumer.get_by_text("There is nothing in your cart")).to_be_visible()
