"""A page that was open for too long: its buttons by htmx work at the second press, and nothing typed is lost (C7)."""

import pytest

pytestmark = pytest.mark.e2e


def test_C7_a_button_by_htmx_works_at_the_second_press(person):
    page = person("owner@portico.example")
    page.goto("/admin/products/new")
    page.get_by_label("Description").fill("**typed** for an hour")
    page.evaluate("for (const field of document.querySelectorAll('[name=csrf_token]')) field.value = 'of another time'")

    page.get_by_role("button", name="Preview").click()
    page.get_by_text("Please press the button again.").wait_for()
    assert page.get_by_label("Description").input_value() == "**typed** for an hour"

    page.get_by_role("button", name="Preview").click()
    page.locator("#description-preview strong", has_text="typed").wait_for()
    assert page.get_by_label("Description").input_value() == "**typed** for an hour"


def test_C7_a_form_that_outlived_its_session_is_finished_after_signing_in_elsewhere(person):
    page = person("owner@portico.example")
    page.goto("/admin/products/new")
    page.get_by_label("Name", exact=True).fill("Typed for an hour")
    kept = page.context.cookies()
    page.context.clear_cookies()

    page.get_by_role("button", name="Make product").click()
    page.get_by_role("heading", name="You have been signed out").wait_for()
    page.context.add_cookies(kept)  # as a sign-in in another tab would
    page.get_by_role("button", name="Go on").click()

    page.get_by_text("This form was open for too long.").first.wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Typed for an hour"
