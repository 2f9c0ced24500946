"""Tokens are made once for a press: a form that was sent already says so, and nothing that was typed is lost."""

import pytest
from sqlalchemy import func, select

from portal import credentials
from portal.accounts import User
from portal.credentials import InitialAccessToken, PersonalToken
from portal.db import db, transaction
from tests.support.builders import make_user
from tests.support.programs import make_program
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")
NAMED = {"Name": "Build server", "Ends after (days)": "30"}


def made(model):
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model))


def test_the_second_press_makes_no_second_token_and_keeps_what_was_typed(browser):
    page = browser(make_user()).get("/account/tokens")

    first, second = page.press("Make token", **NAMED), page.press("Make token", **NAMED)

    assert (first.status, second.status) == (200, 409)
    assert "since this page was opened" in second.text(".form-errors, .error-summary, main")
    assert second.field("Name")["value"] == "Build server"
    assert "Build server" in second.text("#tokens")
    assert made(PersonalToken) == 1
    assert second.press("Make token", **NAMED).status == 200
    assert made(PersonalToken) == 2


@pytest.mark.parametrize("days", ["0", "-1", "soon", "9" * 400])
def test_days_that_are_none_are_refused_at_their_field(browser, days):
    page = browser(make_user()).get("/account/tokens").press("Make token", **{**NAMED, "Ends after (days)": days})

    assert page.status == 422
    assert "Ends after (days):" in page.text(".error-summary")
    assert page.field("Ends after (days)")["value"] == days
    assert made(PersonalToken) == 0


def test_of_five_presses_at_once_one_makes_a_token(browser):
    page = browser(make_user()).get("/account/tokens")

    statuses = race(5, lambda _: page.press("Make token", **NAMED).status)

    assert sorted(statuses) == [200, 409, 409, 409, 409]
    assert made(PersonalToken) == 1


def test_one_token_too_many_is_refused_on_the_same_page(browser):
    person = make_user()
    with transaction():
        for number in range(20):
            credentials.make_personal_token(f"Token {number}", days=30, by=db.session.get(User, person.id))

    page = browser(person).get("/account/tokens").press("Make token", **NAMED)

    assert page.status == 409
    assert "You have 20 tokens, which is the most" in page.text("main")
    assert page.field("Name")["value"] == "Build server"
    assert made(PersonalToken) == 20


def test_the_second_press_makes_no_second_registration_token(app, browser):
    request = make_program(app).request
    path = f"/apps/{request.app_id}/credentials/{request.credential_id}/clients"
    page = browser(request.requester).get(path)

    first, second = page.press("Make a token"), page.press("Make a token")

    assert (first.status, second.status) == (200, 409)
    assert "No token was made" in second.text("main")
    assert made(InitialAccessToken) == 1
    assert second.press("Make a token").status == 200


def test_a_full_list_of_registration_tokens_says_so_on_its_page(app, browser):
    request = make_program(app).request
    with transaction():
        for _ in range(20):
            credentials.allow_registration(request.credential, by=request.requester)

    page = browser(request.requester).get(f"/apps/{request.app_id}/credentials/{request.credential_id}/clients")

    assert "20 tokens are open already" in page.press("Make a token").text("main")
