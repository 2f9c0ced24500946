"""When the portal fails or cannot be reached, people see what happened and lose nothing (P7), also after Back (P2)."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("failure", "words"), [(500, "Something went wrong on our side."), (0, "The portal can’t be reached.")]
)
def test_P7_a_failed_request_says_so_and_keeps_what_was_typed(person, failure, words):
    page = person()
    page.goto("/catalogues")
    fail = (lambda route: route.fulfill(status=failure, body="")) if failure else (lambda route: route.abort())
    page.route("**/catalogues?*", fail)

    page.locator("#search-q").fill("payments")
    page.get_by_text(words).wait_for()

    assert page.locator("#search-q").input_value() == "payments"
    page.unroute("**/catalogues?*")
    page.locator("#search-q").press("Enter")
    page.get_by_text(words).wait_for(state="detached")


def test_P2_after_signing_out_back_shows_nothing_personal(person):
    page = person("consumer@acme.example")
    page.goto("/account")
    assert page.get_by_text("consumer@acme.example").count()

    page.locator("form[action='/logout']").first.evaluate("form => form.requestSubmit()")
    page.get_by_text("You are signed out.").wait_for()
    page.go_back()
    page.wait_for_load_state()

    assert "/login" in page.url
    assert not page.get_by_text("consumer@acme.example").count()


def test_P7_what_is_chosen_before_the_scripts_have_come_is_heard(person):
    page, late = person(), []
    page.route("**/htmx.min.js*", lambda route: late.append(route))  # noqa: PLW0108  Playwright takes no built-in
    page.goto("/catalogues", wait_until="commit")
    page.locator("#filter-auth").evaluate("choice => { choice.value = 'api_key'; }")
    while not late:
        page.wait_for_timeout(50)

    late[0].continue_()

    expect(page.locator("#shelf")).to_contain_text("APIs found")
    expect(page.locator("#shelf")).not_to_contain_text("Payments")
