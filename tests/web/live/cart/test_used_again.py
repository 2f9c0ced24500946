"""Answers that an app gave before stand in the cart's form, say from where they are, and give way to what is typed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from portal import access, forms
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import (
    demanding,
    fill_cart,
    make_app,
    make_plan,
    make_policy,
    make_product,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MAY = datetime(2026, 5, 3, 9, tzinfo=UTC)
SECURITY: dict[str, Any] = {"needed_by": ["security"], "again": True}
FIELDS: list[dict[str, Any]] = [
    {"key": "title", "label": "Title", "required": True, "max_length": 100},
    {"key": "readers", "label": "Who reads secrets", "max_length": 500, **SECURITY},
    {"key": "network", "label": "Network", "type": "choice", "choices": ["vpn", "anywhere"], **SECURITY},
]
USED = "Answered 3 May 2026 in"


@pytest.fixture
def clock():
    with time_machine.travel(MAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def person(clock):
    return make_user()


@pytest.fixture
def ledger(person):
    return make_app(person, "Ledger")


@pytest.fixture
def form():
    with transaction():
        made = forms.create_form("Questions", FIELDS, by=None)
        forms.activate_form(made, by=None)
    return made


@pytest.fixture
def plan(form):
    made = make_plan("Silver")
    with transaction():
        forms.choose_form(made, form.key, by=None)
    return made


@pytest.fixture
def first(browser, person, plan, ledger) -> AccessRequest:
    """A request of May in which both questions were answered; another product lies in the cart since."""
    fill_cart(person, make_product("Payments", plans=[plan]), plan=plan)
    browser(person).get("/cart").press(
        "Submit request", Title="Books", **{"Who reads secrets": "Two of us", "answer-network": "vpn"}
    )
    fill_cart(person, make_product("Weather", plans=[plan]), plan=plan)
    return newest(person)


def newest(person) -> AccessRequest:
    return access.requests_of(person)[0]


def readers(page) -> str:
    return page.field("Who reads secrets").get_text().strip()


def is_chosen(page, value: str) -> bool:
    return page.soup.select_one(f"[name=answer-network][value={value}]").has_attr("checked")


def test_C61_what_was_answered_before_stands_there_and_says_since_when(browser, person, first, clock):
    clock.shift(timedelta(days=30))

    page = browser(person).get("/cart")

    assert readers(page) == "Two of us"
    assert is_chosen(page, "vpn")
    told = page.text("#answer-readers-again")
    assert told == f"{USED} {first.number} and used again. Change it if it no longer holds."
    assert "answer-readers-again" in page.field("Who reads secrets")["aria-describedby"]
    assert not page.soup.select("#answer-title-again")
    assert page.follow(first.number, within="#answer-readers-field").text("h1") == first.number


def test_C61_the_questions_of_the_review_stand_together_on_every_page(browser, person, first, form):
    page = browser(person).get("/cart")

    assert page.text(".answer-part legend") == "Questions of the security review"
    later = "You can answer these later, but the security review cannot be finished before."
    assert page.text(".answer-part > .form-text") == later
    assert not page.soup.select(".answer-part .optional")
    assert len(page.soup.select(".answer-part .field")) == 2
    assert "Questions of the security review" in browser(person).get(f"/requests/{first.number}").text("#answers h3")
    boss = browser(make_user(RoleName.ADMINISTRATOR))
    assert "Questions of the security review" in boss.get(f"/admin/access-requests/{first.number}").text("#answers h3")
    preview = boss.get(f"/admin/forms/{form.id}/preview")
    assert preview.text(".answer-part legend") == "Questions of the security review"
    assert "within 12 months" in preview.text("#answer-readers-field")


def test_unchanged_it_keeps_its_day_and_reviewer_and_requester_see_it(browser, person, first, clock):
    clock.shift(timedelta(days=30))

    page = browser(person).get("/cart").press("Submit request", Title="More", **{"Who reads secrets": "Three of us"})

    made = newest(person)
    assert made.answer_origins == {"network": {"on": "2026-05-03", "in": first.number}, "readers": {"on": "2026-06-02"}}
    assert f"vpn {USED} {first.number} , used again" in page.text("#answers")
    assert page.text("#answers").count("used again") == 1
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{made.number}")
    assert f"vpn {USED} {first.number} , used again" in page.text("#answers")
    assert page.follow(first.number, within="#answers").text("h1") == first.number


def test_the_number_is_a_link_only_for_who_may_see_that_request(browser, person, first, plan):
    owner = make_user(RoleName.API_OWNER)
    fill_cart(person, make_product("Prices", plans=[plan], owners=[owner]), plan=plan)
    with transaction():
        access.remove_from_cart([access.cart_of(person)[0].id], by=person)
    browser(person).get("/cart").press("Submit request", Title="Prices")

    page = browser(owner).get(f"/admin/access-requests/{newest(person).number}")

    assert f"{USED} {first.number} , used again" in page.text("#answers")
    assert not page.soup.select("#answers a")


def test_after_a_year_it_is_not_offered_and_the_review_misses_it(browser, person, first, clock):
    make_policy(demanding("security"))
    clock.shift(timedelta(days=366))

    page = browser(person).get("/cart")

    assert readers(page) == ""
    assert not is_chosen(page, "vpn")
    assert "used again" not in page.text("#request-form")
    page.press("Submit request", Title="Late")
    (security,) = [stage for stage in newest(person).stages if stage.key == "security"]
    assert access.missing_answers(security) == ["Who reads secrets", "Network"]


def test_a_page_that_was_open_over_the_last_day_is_shown_once_more(browser, person, first, clock):
    clock.shift(timedelta(days=365))
    page = browser(person).get("/cart")
    assert readers(page) == "Two of us"
    with transaction():
        access.find_request(first.number, seen_by=person).answer_origins = {"readers": {"on": "2026-05-02"}}

    again = page.press("Submit request", Title="Late")

    assert again.status == 422
    assert "has become too old" in again.text("#cart-problems")
    assert readers(again) == ""
    assert is_chosen(again, "vpn")
    assert again.field("Title")["value"] == "Late"
    assert again.press("Submit request").path.startswith("/requests/AR-")
    assert "readers" not in newest(person).answers


def test_another_app_has_its_own_answers_and_nothing_goes_over_unseen(browser, person, first):
    other = make_app(person, "Other")
    page = browser(person).get(f"/cart?app={first.app_id}")

    again = page.press("Submit request", **{"Developer app": str(other.id), "Title": "For the other"})

    assert again.status == 422
    assert "is of another app" in again.text("#cart-problems")
    assert readers(again) == ""
    assert again.field("Title")["value"] == "For the other"
    done = again.press("Submit request", **{"Who reads secrets": "Only me"})
    assert done.path.startswith("/requests/AR-")
    assert newest(person).answers == {"title": "For the other", "readers": "Only me"}
    assert newest(person).answer_origins == {"readers": {"on": "2026-05-03"}}


def test_what_was_typed_stays_when_the_app_changes(browser, person, first):
    other = make_app(person, "Other")
    typed = {"Who reads secrets": "Typed by hand", "Developer app": str(other.id), "Title": "T"}

    again = browser(person).get(f"/cart?app={first.app_id}").press("Submit request", **typed)

    assert readers(again) == "Typed by hand"
    assert not is_chosen(again, "vpn")


def test_with_scripts_the_answers_follow_the_app_at_once(browser, person, first):
    other = make_app(person, "Other")
    here = browser(person)
    page = here.get("/cart?app=" + str(other.id))
    assert readers(page) == ""
    sent = {f["name"]: f.get("value", "") for f in page.soup.select("#cart-form input[type=hidden]")}
    sent |= {"app": str(first.app_id), "environment": "test", "answer-title": "T", "answer-network": "anywhere"}

    part = here.post("/cart/outlook", sent, htmx=True)

    assert part.field("Who reads secrets").get_text().strip() == "Two of us"
    assert part.soup.select_one("#answer-readers-field")["hx-swap-oob"] == "true"
    assert is_chosen(part, "anywhere")
    assert not part.soup.select("#answer-network-again")
    assert part.soup.select_one("#used_again")["value"] == f"{first.app_id}:network,readers"
    same = here.post("/cart/outlook", {**sent, "used_again": f"{first.app_id}:network,readers"}, htmx=True)
    assert not same.soup.select(".field[hx-swap-oob], #used_again[hx-swap-oob]")


def test_a_draft_keeps_what_was_typed_and_takes_the_rest_anew(browser, person, first, clock):
    here = browser(person)
    here.get("/cart").press("Save draft", **{"Who reads secrets": "", "answer-network": "vpn", "Title": "Half"})

    page = here.get("/cart")

    assert readers(page) == ""
    assert page.field("Title")["value"] == "Half"
    assert is_chosen(page, "vpn")
    assert f"{USED} {first.number}" in page.text("#answer-network-again")
    clock.shift(timedelta(days=366))
    assert not is_chosen(browser(person).get("/cart"), "vpn")


def test_a_colleagues_app_gives_nothing_away(browser, person, first):
    colleague = make_user()
    mine = make_app(colleague, "Mine")
    fill_cart(colleague, access.cart_of(person)[0].product, plan=access.cart_of(person)[0].plan)

    page = browser(colleague).get(f"/cart?app={first.app_id}")
    sent = {f["name"]: f.get("value", "") for f in page.soup.select("#cart-form input[type=hidden]")}
    forged = {**sent, "used_again": f"{first.app_id}:readers,network", "app": str(mine.id), "answer-title": "T"}

    assert readers(page) == ""
    assert "Two of us" not in page.html
    assert "Two of us" not in browser(colleague).post("/cart/outlook", forged, htmx=True).html


@pytest.mark.parametrize("mark", ["", ":", "x:y", "1:1:1", "99999999999999999999:readers", ",,,", "0:é"])
def test_bent_marks_do_no_harm(browser, person, first, mark):
    page = browser(person).get("/cart").press("Submit request", Title="T", used_again=mark)

    assert page.status in (200, 422)


def test_the_cart_costs_the_same_however_many_requests_there_were(browser, person, first, plan):
    here = browser(person)

    def cost() -> int:
        here.get("/cart")
        with count_queries() as counted:
            here.get("/cart")
        return len(counted)

    few = cost()
    for name in ("Prices", "Stock", "Routes"):
        here.get("/cart").press("Submit request", Title="T")
        fill_cart(person, make_product(name, plans=[plan]), plan=plan)

    assert cost() == few


def test_the_owner_of_a_form_says_what_may_be_used_again(browser, form):
    here = browser(make_user(RoleName.ADMINISTRATOR))
    assert "May be used again for 12 months" in here.get(f"/admin/forms/{form.id}").text("table")
    draft = here.get(f"/admin/forms/{form.id}").press("Edit as a new version")
    assert draft.field("row-1-again").has_attr("checked")

    saved = draft.press("Save draft", **{"row-0-again": "on", "row-1-again": None})

    (newer,) = [each for each in forms.versions_of_form(form) if each.is_draft]
    assert [field.again for field in newer.questions] == [True, False, True]
    wrong = saved.press("Save draft", **{"row-0-type": "file"})
    assert "cannot be used again" in wrong.text("#row-0")
