"""A cart whose products ask for more: the form is filled in, checked, kept and sent."""

import io
from typing import Any

import pytest

from portal import access, forms
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.forms import Attachment
from tests.support.builders import fill_cart, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
FIELDS: list[dict[str, Any]] = [
    {"key": "title", "label": "Title", "required": True, "min_length": 5, "max_length": 100},
    {"key": "purpose", "label": "Purpose", "required": True, "min_length": 20, "max_length": 2000},
    {"key": "audience", "label": "Audience", "type": "choice", "choices": ["internal", "external"], "required": True},
    {"key": "partners", "label": "Partners", "required": True, "shown_if": {"field": "audience", "is": ["external"]}},
    {"key": "live", "label": "On call", "type": "yes_no", "shown_if": {"field": "environment", "is": ["prod"]}},
    {"key": "docs", "label": "Design", "type": "file", "one_of": "docs"},
    {"key": "link", "label": "Design page", "type": "link", "one_of": "docs"},
    {"key": "start", "label": "Start", "type": "date"},
    {"key": "volume", "label": "Volume", "type": "number", "least": 1},
]
GOOD = {
    "App name": "Checkout",
    "Title": "Payments for the shop",
    "Purpose": "Takes payments and refunds them.",
    "answer-audience": "internal",
    "Design page": "https://docs.example.com/shop",
}


def file(content=b"# Design", name="design.md"):
    return (io.BytesIO(content), name)


def ask(product, fields=FIELDS, **of):
    with transaction():
        form = forms.create_form("Questions", fields, by=None, **(of or {"product": product}))
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
    return form


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def plan():
    return make_plan()


@pytest.fixture
def product(plan, person):
    made = make_product("Payments", plans=[plan])
    ask(made)
    fill_cart(person, made, plan=plan)
    return made


def only_request(person) -> AccessRequest:
    (request,) = access.requests_of(person)
    return request


def test_the_form_stands_in_the_cart_and_is_sent_with_the_request(browser, person, product):
    page = browser(person).get("/cart").press("Submit request", **GOOD, Start="2026-12-01", Volume="1,000")

    assert page.path.startswith("/requests/AR-")
    answers = only_request(person).answers
    assert answers["title"] == "Payments for the shop"
    assert (answers["start"], answers["volume"]) == ("2026-12-01", 1000)
    assert answers["link"]["title"] == "docs.example.com"
    assert answers["link"]["at"]
    assert f"given {now().day} {now():%b %Y}" in page.text("#answers")
    shown = page.text("#answers")
    assert "Title Payments for the shop" in shown
    assert "Start 1 Dec 2026" in shown
    assert "Filled in on Questions, version 1" in shown


def test_C9_the_answers_are_shown_as_they_were_asked_after_the_form_changed(browser, person, product):
    browser(person).get("/cart").press("Submit request", **GOOD)
    with transaction():
        newer = forms.new_version(forms.own_form(product), by=None)
        forms.change_form(newer, "Other questions", [{"key": "title", "label": "Other words"}], by=None)
        forms.activate_form(newer, by=None)

    shown = browser(person).get(f"/requests/{only_request(person).number}").text("#answers")
    reviewer = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{only_request(person).number}")

    assert "Purpose Takes payments" in shown
    assert "Other words" not in shown
    assert "Purpose Takes payments" in reviewer.text("#answers")


def test_C12_C56_what_is_missing_is_told_at_each_field_and_nothing_is_lost(browser, person, product):
    page = (
        browser(person)
        .get("/cart")
        .press("Submit request", **{**GOOD, "Title": "Hi", "Purpose": "", "Start": "soon", "Design page": "docs"})
    )

    assert page.status == 422
    assert not access.requests_of(person)
    summary = page.text("#cart-problems")
    for words in ("Title is too short", "Purpose is missing", "enter a date", "Design page must be an address"):
        assert words in summary
    assert "Title is too short" in page.text("#answer-title-error")
    assert page.field("Title")["value"] == "Hi"
    assert page.field("Start")["value"] == "soon"
    assert page.field("App name")["value"] == "Checkout"
    assert page.soup.select_one("#answer-audience-0").has_attr("checked")


def test_C20_a_hidden_field_is_not_asked_for_and_its_stale_answer_not_stored(browser, person, product):
    start = browser(person).get("/cart")

    asked = start.press("Submit request", **{**GOOD, "answer-audience": "external"})
    done = asked.press("Submit request", **{"answer-audience": "internal", "Partners": "Globex"})

    assert "Partners is missing." in asked.text("#cart-problems")
    assert done.path.startswith("/requests/AR-")
    assert "partners" not in only_request(person).answers


def test_a_condition_on_the_environment_follows_the_carts_own_choice(browser, person, product):
    cart = browser(person).get("/cart")

    assert cart.soup.select_one("#answer-live-field")["data-shown-by"] == "environment"
    assert "Only needed when “Environment” is: Production" in cart.text("#answer-live-field")
    cart.press("Submit request", **{**GOOD, "Environment": "prod", "answer-live": "yes"})
    assert only_request(person).answers["live"] is True
    assert only_request(person).environment == "prod"


def test_C19_C23_a_file_is_kept_with_the_request(browser, person, product):
    values = {**GOOD, "Design page": "", "answer-docs": file()}

    page = browser(person).get("/cart").press("Submit request", **values)

    (kept,) = only_request(person).answers["docs"]
    assert (kept["name"], kept["version"]) == ("design.md", 1)
    assert "design.md" in page.text("#answers")
    assert kept["sha256"][:12] in page.text("#answers")


def test_a_file_survives_a_refusal_and_is_sent_once(browser, person, product):
    refused = (
        browser(person)
        .get("/cart")
        .press("Submit request", **{**GOOD, "Title": "", "Design page": "", "answer-docs": file()})
    )

    assert refused.status == 422
    assert "design.md" in refused.text("#answer-docs-field")
    done = refused.press("Submit request", Title="Payments again")
    assert done.path.startswith("/requests/AR-")
    assert [f["name"] for f in only_request(person).answers["docs"]] == ["design.md"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((b"<script>alert(1)</script>", "evil.html"), "evil.html cannot be handed in"),
        ((b"<html>", "page.pdf"), "page.pdf is not a PDF file"),
        ((b"", "empty.md"), "empty.md is empty"),
    ],
)
def test_other_files_are_refused_at_the_field(browser, person, product, given, words):
    page = browser(person).get("/cart").press("Submit request", **GOOD, **{"answer-docs": file(*given)})

    assert page.status == 422
    assert words in page.text("#answer-docs-error")
    assert not db.session.query(Attachment).count()


def test_a_draft_survives_leaving_the_page_with_its_files(browser, person, product):
    here = browser(person)
    cart = here.get("/cart")

    saved = cart.press("Save draft", **{"App name": "Later", "Title": "Half", "answer-docs": file(), "Reason": "Soon"})

    assert "Your draft is saved" in saved.text("#messages")
    again = here.get("/cart")
    assert again.field("App name")["value"] == "Later"
    assert again.field("Title")["value"] == "Half"
    assert again.text("textarea[name=reason]") == "Soon"
    assert "design.md" in again.text("#answer-docs-field")
    assert "cart-problems" not in again.html


def test_what_is_typed_is_kept_without_a_button(browser, person, product):
    here = browser(person)
    token = here.get("/cart").field("csrf_token")["value"]

    answer = here.post("/cart/draft", {"csrf_token": token, "answer-title": "Typing", "reason": "R"}, htmx=True)

    assert "Draft saved" in answer.text()
    assert here.get("/cart").field("Title")["value"] == "Typing"


def test_a_file_that_came_with_a_refusal_is_in_the_draft(browser, person, product):
    here = browser(person)
    here.get("/cart").press("Submit request", **{**GOOD, "Title": "", "Design page": "", "answer-docs": file()})

    again = here.get("/cart")

    assert "design.md" in again.text("#answer-docs-field")
    assert again.field("App name")["value"] == "Checkout"


def test_typing_that_arrives_late_takes_no_file_off_the_draft(browser, person, product):
    here = browser(person)
    cart = here.get("/cart")
    late = {"csrf_token": cart.field("csrf_token")["value"], "answer-title": "Typed before", "reason": "R"}
    cart.press("Save draft", Title="Half", **{"answer-docs": file()})

    here.post("/cart/draft", late, htmx=True)

    again = here.get("/cart")
    assert "design.md" in again.text("#answer-docs-field")
    assert again.field("Title")["value"] == "Typed before"
    gone = again.press("Remove design.md")
    here.post("/cart/draft", late, htmx=True)
    assert "design.md" not in gone.text("#answer-docs-field")
    assert "design.md" not in here.get("/cart").text("#answer-docs-field")


def test_a_draft_is_nobody_elses(browser, person, product, plan):
    other = make_user()
    fill_cart(other, product, plan=plan)
    browser(person).get("/cart").press("Save draft", Title="Secret plans", **{"answer-docs": file()})
    kept = db.session.query(Attachment).one().id

    cart = browser(other).get("/cart")
    stolen = cart.press("Submit request", **{**GOOD, "Design page": ""})
    browser(other).forge("/cart/draft", {"kept-docs": str(kept), "remove_file": str(kept)})

    assert "Secret plans" not in cart.html
    assert "design.md" not in stolen.html
    assert db.session.query(Attachment).count() == 1


def test_somebody_elses_file_cannot_be_sent(browser, person, product, plan):
    other = make_user()
    browser(person).get("/cart").press("Save draft", **{"answer-docs": file()})
    kept = db.session.query(Attachment).one().id
    fill_cart(other, product, plan=plan)
    here = browser(other)
    page = here.get("/cart")
    sent = {f["name"]: f.get("value", "") for f in page.soup.select("#cart-form input[name]") if f["type"] == "hidden"}
    sent |= {
        "app": "new",
        "app_name": "X",
        "environment": "test",
        "answer-title": "Payments",
        "answer-audience": "internal",
    }

    refused = here.post("/cart/submit", {**sent, "answer-purpose": "x" * 30, "kept-docs": str(kept)})

    assert "At least one is needed" in refused.text("#cart-problems")


def test_a_file_is_taken_back(browser, person, product):
    here = browser(person)
    here.get("/cart").press("Save draft", **{"answer-docs": file()})

    page = here.get("/cart").press("Remove design.md", Title="Kept")

    assert "design.md" not in page.text("#answer-docs-field")
    assert page.field("Title")["value"] == "Kept"
    assert not db.session.query(Attachment).count()


def test_a_late_save_does_not_bring_back_what_was_submitted(browser, person, product):
    here = browser(person)
    cart = here.get("/cart")
    token = cart.field("csrf_token")["value"]
    cart.press("Submit request", **GOOD)

    here.post("/cart/draft", {"csrf_token": token, "answer-title": "Late"}, htmx=True)

    assert forms.draft_of(person) is None


def test_taking_a_product_out_keeps_the_answers(browser, person, product, plan):
    fill_cart(person, make_product("Refunds", plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Remove Refunds", Title="Still here", **{"answer-docs": file()})

    assert page.field("Title")["value"] == "Still here"
    assert "design.md" in page.text("#answer-docs-field")


def test_a_form_that_changes_under_ones_hands_is_shown_anew_with_the_answers(browser, person, product):
    cart = browser(person).get("/cart")
    with transaction():
        newer = forms.new_version(forms.own_form(product), by=None)
        forms.change_form(newer, "Questions", [*FIELDS, {"key": "more", "label": "More", "required": True}], by=None)
        forms.activate_form(newer, by=None)

    page = cart.press("Submit request", **GOOD)

    assert page.status == 422
    assert "The request form has changed" in page.text("#cart-problems")
    assert "More is missing." in page.text("#cart-problems")
    assert page.press("Submit request", More="Yes").path.startswith("/requests/AR-")


def test_forms_of_products_and_plan_are_asked_as_one(browser, person, product, plan):
    with transaction():
        of_plan = forms.create_form(
            "Plan questions",
            [{"key": "title", "label": "Title", "min_length": 30}, {"label": "Budget"}],
            by=None,
            plan=plan,
        )
        forms.activate_form(of_plan, by=None)
        forms.choose_form(plan, of_plan.key, by=None)

    page = browser(person).get("/cart")

    assert page.text("#request-form h2") == "Questions and Plan questions"
    assert page.texts("#request-form label").count("Title") == 1
    assert page.field("Budget")
    assert "where 30 are needed" in page.press("Submit request", **GOOD).text("#cart-problems")
    page.press("Submit request", **{**GOOD, "Title": "x" * 30})
    assert len(only_request(person).form_ids) == 2


# --- environments ----------------------------------------------------------------------------------------------------


def test_C15_only_environments_that_all_products_offer_and_test_unless_chosen(browser, person, plan):
    fill_cart(person, make_product(plans=[plan], environments=["dev", "prod"]), plan=plan)
    first = browser(person).get("/cart").field("Environment")
    fill_cart(person, make_product(plans=[plan], environments=["prod", "test"]), plan=plan)
    second = browser(person).get("/cart").field("Environment")

    assert [o["value"] for o in first.find_all("option")] == ["dev", "prod"]
    assert first.find("option", selected=True)["value"] == "dev"
    assert [o["value"] for o in second.find_all("option")] == ["prod"]


def test_C15_an_environment_that_is_not_offered_is_refused(browser, person, plan):
    fill_cart(person, make_product(plans=[plan], environments=["dev"]), plan=plan)

    page = browser(person).get("/cart").press("Submit request", **{"App name": "X", "Environment": "prod"})

    assert page.status == 422
    assert "Choose one of the environments" in page.text("#cart-problems")


def test_a_plain_cart_asks_for_test_and_nothing_more(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    cart = browser(person).get("/cart")
    cart.press("Submit request", **{"App name": "Plain"})

    assert not cart.soup.select("#request-form")
    request = only_request(person)
    assert (request.environment, request.answers, request.form_ids) == ("test", {}, [])


# --- for scripts -----------------------------------------------------------------------------------------------------


def test_C56_the_check_is_there_for_scripts_too(browser, person, product):
    here = browser(person)
    token = here.get("/cart").field("csrf_token")["value"]

    def check(**sent):
        return here.client.post("/cart/check", data=sent, headers={"X-CSRFToken": token}).get_json()

    link = {"answer-audience": "internal", "answer-link": "https://d.example"}
    bad = check(environment="prod", **{"answer-title": "Hi"}, **link)
    good = check(**{"answer-title": "Payments", "answer-purpose": "x" * 30}, **link)

    assert bad["complete"] is False
    assert [fault["field"] for fault in bad["fields"]] == ["title", "purpose"]
    assert bad["fields"][0]["label"] == "Title"
    assert (bad["environment"], good["environment"]) == ("prod", "test")
    assert good == {**good, "complete": True, "fields": [], "cart": []}
    assert good["forms"][0]["version"] == 1
    assert not access.requests_of(person)


def test_C56_an_empty_cart_is_not_complete(browser, person):
    answer = browser(person).forge("/cart/check", {"environment": "moon", "answer-title": "x"})

    assert answer.answer.get_json()["complete"] is False
