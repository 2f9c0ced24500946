"""Pages and messages about one request name whoever stands in for those who are awaited."""

from datetime import timedelta

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import now, transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
NAMED = "Hana Sedláčková, or Jonas Lindgren, who stands in"


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Hana Sedláčková")


@pytest.fixture
def person():
    return make_user(name="Maya")


def stand_in(owner, name="Jonas Lindgren", **dates):
    deputy = make_user(RoleName.API_OWNER, name=name)
    dates = {"starts_at": now(), "ends_at": now() + timedelta(days=3), **dates}
    with transaction():
        access.delegate(deputy, by=owner, reason="On holiday.", **dates)


def test_the_page_of_a_request_names_the_deputy(browser, owner, person):
    request = make_request(person, owner=owner)
    page = f"/requests/{request.number}"
    assert "stands in" not in browser(person).get(page).text("#progress")

    stand_in(owner)

    assert f"Awaits {NAMED}" in browser(person).get(page).text("#progress")


def test_nobody_is_named_who_does_not_stand_in_yet(browser, owner, person):
    request = make_request(person, owner=owner)
    stand_in(owner, starts_at=now() + timedelta(days=1))

    assert "Jonas" not in browser(person).get(f"/requests/{request.number}").text("#progress")


def test_a_list_is_read_by_as_many_statements_whoever_is_absent(browser, owner, person):
    make_request(person, owner=owner)
    here = browser(person)
    here.get("/requests")
    with count_queries() as before:
        here.get("/requests")
    stand_in(owner)

    with count_queries() as after:
        here.get("/requests")

    assert len(after) == len(before)


def test_the_message_after_a_submission_names_the_deputy(browser, owner, person):
    stand_in(owner)
    plan = make_plan("Gold")
    product = make_product("Payments", plans=[plan], owners=[owner])
    make_app(person)
    fill_cart(person, product, plan=plan)

    page = browser(person).get("/cart").press("Submit request")

    assert f"and awaits {NAMED}." in page.text()
