"""Forms whose token ended while they were open: the text is kept, nothing is changed, and no stranger gains by it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from bs4 import Tag
from flask import Flask
from sqlalchemy import func, select

from portal.accounts import RoleName, User
from portal.db import db
from portal.events import AuditEvent
from tests.support.browser import Browser, Page
from tests.support.builders import fill_cart, make_app, make_catalogue, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
TYPED = "typed for an hour"
TEXTS = "textarea, input[type=text], input:not([type])"
Open = Callable[..., Browser]


@pytest.fixture
def everybody() -> User:
    """Somebody who may open every page, and the things that the pages are about."""
    return make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER, RoleName.API_OWNER)


def long_forms(app: Flask, person: User) -> list[str]:
    """The pages with a form that holds text: all without keys in their address, and one of each kind with."""
    plain = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set())
        and not rule.arguments
        and not rule.endpoint.startswith(("security.", "oauth."))
    ]
    plan, catalogue = make_plan(), make_catalogue()
    product = make_product(owners=[person], plans=[plan])
    own, asked = make_app(person), make_request(None, product, plan=plan)
    fill_cart(person, product, plan=plan)
    return [
        *plain,
        f"/apps/{own.id}/edit",
        f"/admin/products/{product.id}",
        f"/admin/plans/{plan.id}",
        f"/admin/catalogues/{catalogue.id}",
        "/admin/emails/approve",
        f"/admin/access-requests/{asked.number}",
    ]


def text_forms(page: Page) -> list[Tag]:
    """The forms of a page into which something can be typed."""
    return [form for form in page.soup.select("main form[method=post]") if form.select(TEXTS)]


def send_typed(page: Page, form: Tag, token: str) -> tuple[Page, list[str]]:
    """Fill every text of the form and send it with another token; gives the names of what was filled, too."""
    names = [str(field["name"]) for field in form.select(TEXTS) if field.get("name")]
    sent = {str(f["name"]): str(f.get("value", "")) for f in form.select("input[type=hidden]") if f.get("name")}
    sent |= dict.fromkeys(names, TYPED) | {"csrf_token": token}
    return page.browser.post(str(form.get("action") or page.path), sent), names


def shown(page: Page, name: str) -> str:
    """What stands in the first field of that name which holds something."""
    values = [str(f.get("value") or f.get_text()).strip() for f in page.soup.select(f"[name={name}]")]
    return next((value for value in values if value), "")


def told_plainly(page: Page) -> bool:
    """Whether the page says that the form was open for too long, and nothing of tokens."""
    return "open for too long" in page.text("main") and "CSRF" not in page.text("main")


def events() -> int:
    return db.session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def test_C7_every_long_form_comes_back_with_what_was_typed(app: Flask, browser: Open, everybody: User) -> None:
    pages = long_forms(app, everybody)
    visitor, seen, wrong = browser(everybody), 0, []
    recorded = events()
    for path in pages:
        for form in text_forms(visitor.get(path)):
            again, names = send_typed(visitor.get(path), form, "of another time")
            seen += 1
            lost = [name for name in names if shown(again, name) != TYPED]
            if again.status != 400 or lost or not told_plainly(again):
                wrong.append(f"{form.get('action')} on {path}: {again.status}, lost {lost}")

    assert not wrong
    assert seen >= 10
    assert events() == recorded


def test_C7_the_form_that_comes_back_can_be_sent(browser: Open) -> None:
    person = make_user(name="Before")
    visitor = browser(person)
    form = text_forms(visitor.get("/account"))[0]
    again, _ = send_typed(visitor.get("/account"), form, "of another time")

    again.press("Save name")

    db.session.refresh(person)
    assert person.name == TYPED


def test_C7_a_rotated_secret_key_loses_no_text(app: Flask, browser: Open) -> None:
    visitor = browser(make_user())
    page = visitor.get("/apps/new")
    before = app.config["SECRET_KEY"]
    try:
        app.config["SECRET_KEY"] = app.secret_key = "n" * 48
        again = page.press("Create app", Name="Route planner")
        assert again.status == 400
        assert again.field("Name")["value"] == "Route planner"
        assert again.press("Create app").status == 200
    finally:
        app.config["SECRET_KEY"] = app.secret_key = before


def test_C7_what_was_typed_outlives_the_session(browser: Open) -> None:
    visitor = browser(make_user(email="ada@acme.example"))
    page = visitor.get("/apps/new")
    visitor.client.delete_cookie("portico")

    kept = page.press("Create app", Name="Route planner", Description="Two\nlines <b>")
    assert kept.status == 401
    assert "You have been signed out" in kept.text("h1")
    assert "Route planner" in kept.text("#typed")
    assert "personal" not in kept.text("#typed")  # what was chosen is not read as typed
    assert "<b>" not in kept.html

    visitor.sign_in("ada@acme.example")
    again = kept.press("Go on")
    assert again.status == 400
    assert again.field("Name")["value"] == "Route planner"
    assert "Two\nlines <b>" in again.field("Description").get_text()
    assert again.press("Create app").status == 200
    assert visitor.get("/apps").text().count("Route planner") >= 1


def test_C7_no_password_is_kept(browser: Open) -> None:
    visitor = browser(make_user())
    page = visitor.get("/account/email")
    visitor.client.delete_cookie("portico")

    kept = page.press("Send the link", **{"New address": "new@acme.example", "Current password": "seven green hats"})
    assert "new@acme.example" in kept.html
    assert "seven green hats" not in kept.html


def test_C7_htmx_gets_a_fresh_token_and_the_page_keeps_its_text(browser: Open, everybody: User) -> None:
    visitor = browser(everybody)
    data = {"csrf_token": "of another time", "description": TYPED}
    answer = visitor.post("/admin/products/preview", data, htmx=True)
    assert answer.status == 400
    assert "press the button again" in answer.text("[data-error-text]")

    data["csrf_token"] = answer.headers["X-CSRF-Token"]
    assert visitor.post("/admin/products/preview", data, htmx=True).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://evil.example/page"},
    ],
)
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_C7_a_form_of_another_site_gets_no_second_button(
    browser: Open, headers: dict[str, str], is_signed_in: bool
) -> None:
    visitor = browser(make_user() if is_signed_in else None)
    data = {"csrf_token": "x", "name": "An app of theirs", "email": "a@b.example"}
    for path in ("/apps/new", "/register", "/login"):
        answer = visitor.post(path, data, headers=headers, follow_redirects=False)
        assert answer.status in {303, 400}, path
        assert "An app of theirs" not in answer.html
        assert not re.search(r"portico=[A-Za-z0-9_-]{43}", answer.headers.get("Set-Cookie", "")), path
