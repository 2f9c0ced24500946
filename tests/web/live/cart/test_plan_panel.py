"""What the cart says beside the plan is what it says at its foot, also once the form has changed."""

import pytest

from tests.support.builders import demanding, fill_cart, make_plan, make_policy, make_product, make_user
from tests.web.live.cart.test_outlook import PRODUCTION

pytestmark = pytest.mark.usefixtures("app")
OWNER_DECIDES = "Needs the owner’s approval. You will get an email with the decision."


@pytest.fixture
def person():
    gold, person = make_plan("Gold"), make_user(name="Maya")
    fill_cart(person, make_product("Payments", plans=[gold]), plan=gold)
    return person


def test_the_owner_is_not_named_alone_where_others_are_asked_too(browser, person):
    make_policy(demanding("legal"), order=[["owner"], ["legal"]])

    said = browser(person).get("/cart").text("#plan-involves")

    assert said == "Not by the owner alone: who decides . You will get an email with the decision."


def test_it_follows_the_environment_without_a_new_page(browser, person):
    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    page = browser(person).get("/cart?environment=test")
    assert page.text("#plan-involves") == OWNER_DECIDES

    token = page.soup.select_one("input[name=csrf_token]")["value"]
    fragment = browser(person)
    fragment.client = page.browser.client
    sent = {"csrf_token": token, "environment": "prod", "app": "new"}
    changed = fragment.post("/cart/outlook", sent, htmx=True).soup.select_one("#plan-involves")

    assert changed["hx-swap-oob"] == "true"
    assert "Not by the owner alone" in changed.get_text()


def test_it_says_what_would_be_denied(browser, person):
    make_policy({**demanding("owner"), "because": "Nobody may.", "then": {"outcome": "deny"}})

    assert browser(person).get("/cart").text("#plan-involves") == "Would be denied: why ."
