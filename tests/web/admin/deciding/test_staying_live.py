"""The page on which a request is decided stays live, and what is being typed there stays as it is (C10)."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import demanding, make_policy, make_request, make_user
from tests.web.admin.deciding.pages import at

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def asked(owner):
    make_policy(demanding("owner", "security"), order=[["owner", "security"]])
    make_user(RoleName.SECURITY_REVIEWER, name="Sam", email="sam@portico.example")
    return make_request(make_user(name="Maya"), owner=owner)


def polled(page):
    return page.soup.select_one("#progress").get("hx-get")


def test_C10_the_page_asks_for_news_and_gets_its_moving_parts_and_no_form(browser, owner, asked):
    here = browser(owner)
    page = here.get(at(asked))
    assert page.soup.select_one("#progress")["hx-trigger"] == "every 4s"
    assert here.get(polled(page), htmx=True).status == 204

    sam = next(a.user for stage in asked.stages for a in stage.assignees if a.user.name == "Sam")
    with transaction():
        access.approve(asked, by=sam, comment="Safe.")
    news = here.get(polled(page), htmx=True)

    assert news.status == 200
    assert "has changed since you opened it" in news.text("#progress")
    assert "still below" in news.text("#progress")
    for part in ("request-status", "history", "stages"):
        assert news.soup.find(id=part)["hx-swap-oob"] == "true"
    assert "Safe." in news.text("#history")
    assert not news.soup.select("form, textarea, input")
    assert here.get(polled(news), htmx=True).status == 204  # no more news, and still drawn as it was
    assert "has changed since" not in here.get(at(asked)).text("#progress")


def test_C10_the_end_of_a_request_ends_the_asking(browser, owner, asked):
    here = browser(owner)
    page = here.get(at(asked))
    with transaction():
        access.withdraw(asked, by=asked.requester)

    news = here.get(polled(page), htmx=True)

    assert polled(news) is None
    assert news.text("#request-status") == "Withdrawn"
    assert "still below" not in news.text("#progress")


def test_C10_a_page_that_is_left_open_stops_asking(browser, owner, asked):
    here = browser(owner)
    old = polled(here.get(at(asked))).replace("until=", "until=1&was=")

    assert polled(here.get(old, htmx=True)) is None


def test_C10_the_address_of_the_news_is_the_page_and_shows_it_to_nobody_else(browser, owner, asked):
    assert browser(owner).get(f"{at(asked)}/progress?seen=x&drawn=y&until=nonsense").text("h1") == asked.number

    for stranger in (make_user(RoleName.API_OWNER), make_user(RoleName.REVIEWER)):
        assert browser(stranger).get(f"{at(asked)}/progress", htmx=True).status == 404
    assert browser(asked.requester).get(f"{at(asked)}/progress").status == 403
