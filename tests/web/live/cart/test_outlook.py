"""Before anything is submitted the cart says who decides and why, how long that takes, and what would be quicker."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import access
from portal.access import AccessRequest
from portal.accounts import RoleName, User
from portal.catalog import Environment
from portal.db import db, now, transaction
from tests.support.builders import (
    demanding,
    fill_cart,
    make_catalogue,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
PRODUCTION = {
    "key": "production",
    "because": "Production is checked by security.",
    "when": {"attribute": "environment", "is": "equals", "value": "prod"},
    "then": {"outcome": "stages", "stages": ["owner", "security"]},
}


@pytest.fixture
def person():
    return make_user(name="Maya")


def cart_of(person, **plan):
    gold = make_plan("Gold", **plan)
    fill_cart(person, make_product("Payments", plans=[gold]), plan=gold)
    return gold


def test_the_cart_names_the_stages_in_their_order_and_why(browser, person):
    make_policy(demanding("legal", "security"), order=[["owner"], ["legal", "security"]])
    cart_of(person)

    page = browser(person).get("/cart")

    assert page.texts("#outlook .step-label") == ["Owner", "Legal and Security"]
    assert "Gold needs the approval of the product's owner." in page.text("#outlook")
    assert "It is the rule." in page.text("#outlook")
    assert "3 answers are needed, in this order" in page.text("#outlook")


def test_the_reason_of_a_rule_stands_with_each_step_that_it_asks_for(browser, person):
    make_policy(demanding("owner", "security", "legal"), order=[["owner"], ["security", "legal"]])
    cart_of(person, auto_approve=True)

    page = browser(person).get("/cart")

    assert page.texts("#outlook .step-label") == ["Owner", "Security and Legal"]
    assert page.texts("#outlook .step-detail") == ["It is the rule.", "It is the rule."]


def test_it_follows_the_environment_without_a_reload_and_with_one(browser, person):
    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    cart_of(person)
    page = browser(person).get("/cart")
    assert page.texts("#outlook .step-label") == ["Owner"]

    token = page.field("csrf_token")["value"]
    fragment = browser(person)
    fragment.client = page.browser.client
    changed = fragment.post("/cart/outlook", {"csrf_token": token, "environment": "prod", "app": "new"}, htmx=True)
    assert changed.soup.find(True)["id"] == "outlook"
    assert changed.texts(".step-label") == ["Owner", "Security"]
    assert "Production is checked by security." in changed.text()

    saved = page.press("Save draft", Environment="prod")
    assert saved.texts("#outlook .step-label") == ["Owner", "Security"]
    assert db.session.query(AccessRequest).count() == 0


def test_what_would_be_approved_at_once_is_said(browser, person):
    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    cart_of(person, auto_approve=True)

    page = browser(person).get("/cart").press("Save draft", Environment="prod")

    assert page.text(".outlook-tip") == "In development or test, this is approved at once."
    assert "Not by the plan alone" in page.text("#plan")
    in_test = browser(person).get("/cart?environment=test").press("Save draft", Environment="test")
    assert "It is approved at once." in in_test.text("#outlook")


def test_what_the_policy_denies_is_said_beforehand_and_told_afterwards(browser, person):
    rule = {**demanding("owner"), "because": "Nobody may.", "then": {"outcome": "deny"}}
    make_policy(rule)
    cart_of(person)
    page = browser(person).get("/cart")
    assert "This would be denied by policy" in page.text("#outlook")
    assert "Nobody may." in page.text("#outlook")

    done = page.press("Submit request", **{"App name": "Shop"})

    assert "Denied by policy" in done.text(".page-header")
    assert "Nobody may." in done.text("#progress .notice")


def decided(owner, product, plan, environment=Environment.TEST, hours=(1, 2, 3, 4, 30)):
    """Requests that took these hours."""
    for each in hours:
        request = make_request(make_user(), product, plan=plan, environment=environment)
        for stage in request.stages:
            by = owner if stage.key == "owner" else db.session.scalars(select(User).where(User.name == "Clara")).one()
            with transaction():
                access.approve(request, by=by)
        with transaction():
            request.submitted_at, request.decided_at = now() - timedelta(hours=each), now()


def told_in(browser, person, place):
    return browser(person).get("/cart").press("Save draft", Environment=place.value).text("#outlook p.small")


def test_C52_the_usual_waiting_time_is_that_of_such_requests_or_says_of_which(browser, person):
    owner, gold = make_user(RoleName.API_OWNER), make_plan("Gold")
    make_user(RoleName.SECURITY_REVIEWER, name="Clara")
    product = make_product(plans=[gold], owners=[owner])
    fill_cart(person, product, plan=gold)
    assert "decided within" not in browser(person).get("/cart").text("#outlook")

    decided(owner, product, gold)

    same = "Half of such requests are decided within 3 hours, nine in ten within 2 days"
    told = told_in(browser, person, Environment.TEST)
    assert told == f"{same} (the last 5 on this plan in test with the same stages)."
    assert told_in(browser, person, Environment.PROD) == (
        "Half of the requests on this plan are decided within 3 hours, nine in ten within 2 days "
        "(the last 5, few of them in production)."
    )

    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    decided(owner, product, gold, Environment.PROD, hours=(48, 48, 48, 48, 48))
    assert told_in(browser, person, Environment.PROD) == (
        "Such requests are usually decided within 2 days (the last 5 on this plan in production with the same stages)."
    )
    make_policy(demanding("legal"), product=product)
    assert told_in(browser, person, Environment.PROD) == (
        "The requests on this plan in production are usually decided within 2 days "
        "(the last 5, whatever stages they had)."
    )

    other, new = make_user(), make_plan("New")
    fill_cart(other, make_product(plans=[new], owners=[owner]), plan=new)
    assert told_in(browser, other, Environment.TEST) == (
        "All requests here are usually decided within 2 days (the last 10, few of them on this plan)."
    )


def test_two_catalogues_are_two_answers_and_different_plans_none(browser, person):
    gold, partners = make_plan("Gold"), make_catalogue("Partners")
    fill_cart(person, make_product(plans=[gold]), make_product(plans=[gold], catalogue=partners), plan=gold)
    page = browser(person).get("/cart")
    assert page.texts("#outlook h3") == ["General", "Partners"]

    other = make_user()
    one, two = make_plan("One"), make_plan("Two")
    fill_cart(other, make_product(plans=[one]), plan=one)
    fill_cart(other, make_product(plans=[two]), plan=two)
    assert browser(other).get("/cart").soup.select_one("#outlook").has_attr("hidden")


def test_strangers_and_others_ask_nothing_of_it(browser):
    assert browser().forge("/cart/outlook", htmx=True).status in {400, 401}
    assert browser(make_user(RoleName.AUDITOR)).forge("/cart/outlook", htmx=True).status == 403


def test_the_number_of_queries_does_not_grow_with_the_products(browser, person):
    gold = make_plan("Gold")
    fill_cart(person, make_product(plans=[gold]), plan=gold)
    here = browser(person)
    here.get("/cart")
    with count_queries() as one:
        here.get("/cart")
    fill_cart(person, *[make_product(plans=[gold]) for _ in range(5)], plan=gold)

    with count_queries() as many:
        here.get("/cart")

    assert len(many) <= len(one) + 1, "\n".join(many)
