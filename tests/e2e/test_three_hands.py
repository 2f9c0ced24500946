"""Project manager, security, IT delivery: the shipped policy put in force by two people, and a request on its path."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_main_job import CONSUMER, OWNER, mail_about, put_in_cart
from tests.e2e.test_shipped_paths import approve, submit_in

pytestmark = pytest.mark.e2e
AUTHOR, SECOND = "policies@portico.example", "admin@portico.example"
MANAGER, SECURITY, IT = "projects@portico.example", "security@portico.example", "delivery@portico.example"


@pytest.fixture
def three_hands(person) -> Iterator[None]:
    """The policy is in force for the story, and what was in force before is again after it."""
    author, second = person(AUTHOR), person(SECOND)
    author.goto("/admin/policies")
    before = author.locator("#in-force a").first.get_attribute("href")
    author.goto("/admin/policies/new")
    author.get_by_label("Project manager, security, IT delivery").check()
    author.get_by_role("button", name="Make the draft").click()
    put_in_force(author, second)
    yield
    author.goto(str(before))
    author.get_by_role("button", name="New draft from this").click()
    put_in_force(author, second)


def put_in_force(author: Page, second: Page) -> None:
    """The author of the draft on the page asks, and a second person activates it."""
    author.get_by_role("button", name="Ask for activation").click()
    expect(author.locator("#state")).to_contain_text("somebody else puts it in force")
    second.goto(author.url)
    second.get_by_role("button", name="Activate").first.click()
    second.locator("#confirm-activate").get_by_role("button", name="Activate").click()
    expect(second.locator("main")).to_contain_text("is in force")


def stays(page: Page, status: str) -> None:
    """The open page comes to show this by itself (C10)."""
    expect(page.locator("#request-status")).to_contain_text(status)


def test_the_project_manager_then_security_then_it_delivery(portico, person, three_hands):
    consumer = person(CONSUMER)
    put_in_cart(consumer, "Payments", "Gold")
    consumer.goto("/cart")
    expect(consumer.locator("#outlook .step-label")).to_have_text(["Project manager", "Security", "IT delivery"])
    number = submit_in(consumer, "Development", "Three hands shop")
    stays(consumer, "Pending project manager approval")
    onlooker = person(OWNER)
    onlooker.goto(f"/admin/access-requests/{number}")  # who owns the product sees it, and is not asked
    expect(onlooker.get_by_role("button", name="Approve", exact=True)).to_have_count(0)

    assert number in mail_about(portico, MANAGER, number).text
    approve(person(MANAGER), number)
    stays(consumer, "Pending security approval")
    stays(onlooker, "Pending security approval")
    approve(person(SECURITY), number)
    stays(consumer, "Pending IT delivery")

    deliver(person(IT), number)
    stays(consumer, "Approved")
    expect(consumer.locator("#progress")).to_contain_text("The credential is in")
    assert number in mail_about(portico, CONSUMER, number).text


def deliver(page: Page, number: str) -> None:
    """Do the work: not done as long as a line of the checklist is open."""
    page.goto(f"/admin/access-requests/{number}")
    page.get_by_role("button", name="Mark as done").click()
    expect(page.locator("#decide")).to_contain_text("Not done yet")
    page.wait_for_load_state()
    for task in page.locator("#decide input[name=checklist]").all():
        task.check()
    page.get_by_role("button", name="Mark as done").click()
    expect(page.locator("main")).to_contain_text(re.compile("is approved|Approved"))
