"""The story of a policy: written by one person, tried in a dry run, put in force by another, and met by a request."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.e2e.test_main_job import put_in_cart, submit

pytestmark = pytest.mark.e2e
AUTHOR, SECOND = "policies@portico.example", "admin@portico.example"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_product_gets_a_rule_by_two_people_and_after_a_dry_run(person, scripts):
    product, because = ("Exchange rates", "Rates move money.") if scripts else ("Stock levels", "Stock is money.")
    author = person(AUTHOR, java_script_enabled=scripts)
    author.goto("/admin/policies/new")
    author.get_by_label("Rules for").select_option(label=product)
    author.get_by_label("Nothing").check()
    author.get_by_role("button", name="Make the draft").click()
    write_the_rule(author, because, scripts=scripts)
    author.get_by_role("button", name="Save draft").click()
    expect(author.locator("main")).to_contain_text("The draft is saved.")
    page = author.url

    dry_run(author, product, because)
    author.goto(page)
    author.get_by_role("button", name="Ask for activation").click()
    expect(author.locator("#state")).to_contain_text("somebody else puts it in force")
    expect(author.get_by_role("button", name="Activate")).to_have_count(0)

    second = person(SECOND)
    second.goto(page)
    second.get_by_role("button", name="Activate").first.click()
    second.locator("#confirm-activate").get_by_role("button", name="Activate").click()
    expect(second.locator("main")).to_contain_text("is in force")

    consumer = person("consumer@acme.example")
    put_in_cart(consumer, product, "Gold")
    number = submit(consumer, f"Rule trial {scripts}", reason="To meet the rule")
    consumer.goto(f"/requests/{number}")
    expect(consumer.locator("main")).to_contain_text("Architect")


def test_what_a_press_brings_listens_at_once(person):
    author = person(AUTHOR)
    author.goto("/admin/policies/new")
    author.get_by_label("Rules for").select_option(label="Address lookup")
    author.get_by_label("Nothing").check()
    author.get_by_role("button", name="Make the draft").click()
    author.get_by_role("button", name="Add a rule").wait_for()
    author.clock.install()
    author.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))  # no timer ends: on a busy machine a person is faster
    author.get_by_role("button", name="Add a rule").click()
    author.get_by_label("What condition 1 of rule 1 looks at").select_option(label="Hour of the day")
    expect(author.get_by_label("Number of condition 1 of rule 1")).to_be_visible()


def write_the_rule(author, because, *, scripts):
    """In test, on any plan, an architect looks."""
    author.get_by_role("button", name="Add a rule").click()
    where = author.locator("#rule-0")
    where.get_by_role("checkbox", name="production", exact=True).uncheck()
    where.get_by_role("checkbox", name="test", exact=True).check()
    where.get_by_role("button", name=re.compile("Add a condition")).click()
    chooser = author.get_by_label("What condition 2 of rule 1 looks at")
    chooser.select_option(label="Hour of the day")
    if not scripts:
        author.get_by_role("button", name="Look through").click()
    author.get_by_label("Number of condition 2 of rule 1").fill("0")
    where.get_by_role("checkbox", name="Architect").check()
    where.get_by_label("Because").fill(because)


def dry_run(author, product, because):
    author.get_by_role("link", name="Dry run").first.click()
    author.get_by_label("Requester").fill("consumer@acme.example")
    author.get_by_role("checkbox", name=product).check()
    author.get_by_label("Plan").select_option(label="Gold")
    author.get_by_role("button", name="Try it").click()
    outcome = author.locator("#outcome")
    expect(outcome).to_contain_text("Needs 2 stages")
    expect(outcome).to_contain_text("Jonas Lindgren")
    expect(outcome).to_contain_text(because)
