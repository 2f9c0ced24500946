"""The requester's page stays live, answers questions, and tells what an edit voids."""

from datetime import timedelta

import pytest

from portal import access
from portal.access import StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from tests.support.builders import demanding, make_group, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga")


@pytest.fixture
def asked(owner):
    return make_request(make_user(name="Maya"), owner=owner)


def at(request):
    return f"/requests/{request.number}"


def polled(page):
    return page.soup.select_one("#progress").get("hx-get")


def mails(kind):
    return db.session.query(OutboxMessage).filter_by(kind=kind).all()


def test_C10_an_open_page_asks_for_news_and_gets_only_news(browser, owner, asked):
    here = browser(asked.requester)
    page = here.get(at(asked))
    assert page.soup.select_one("#progress")["hx-trigger"] == "every 4s"
    assert here.get(polled(page), htmx=True).status == 204

    with transaction():
        access.approve(asked, by=owner, comment="Fine.")
    news = here.get(polled(page), htmx=True)

    assert (news.status, polled(news)) == (200, None)  # closed: it asks no more
    assert "Approved" in news.text("#progress")
    for part in ("request-status", "request-actions", "products", "history", "questions"):
        assert news.soup.find(id=part)["hx-swap-oob"] == "true"
    assert not news.has_button("Withdraw request")
    assert polled(here.get(at(asked))) is None


def test_C10_a_page_that_is_left_open_stops_asking(browser, asked):
    here = browser(asked.requester)
    page = here.get(at(asked))
    old = polled(page).replace("until=", "until=1&was=")

    again = here.get(old, htmx=True)

    assert (again.status, polled(again)) == (200, None)


def test_C10_without_scripts_the_address_of_the_news_is_the_page(browser, asked):
    page = browser(asked.requester).get(f"{at(asked)}/progress?seen=x&until=nonsense")

    assert page.text("h1") == asked.number
    for person in (make_user(), make_user(RoleName.API_OWNER, RoleName.CONSUMER)):
        assert browser(person).get(f"{at(asked)}/progress", htmx=True).status == 404


def test_C8_the_path_tells_each_stage_with_its_reason_and_when_an_answer_is_due(browser, asked):
    page = browser(asked.requester).get(at(asked))

    assert "Olga" in page.text(".steps")
    assert "due" in page.text(".step-current")
    assert asked.stages[0].because in page.text(".step-current")


def test_C58_a_question_appears_with_the_news_and_is_answered_once(browser, owner, asked):
    here = browser(asked.requester)
    page = here.get(at(asked))
    with transaction():
        question = access.ask(asked, by=owner, question="How many calls?")
    news = here.get(polled(page), htmx=True)
    assert "A question waits for your answer" in news.text("#progress")
    assert "How many calls?" in news.text("#questions")

    shown = here.get(at(asked))
    assert "asked=1" in polled(shown)
    empty = shown.press("Send answer", Answer="   ")
    assert (empty.status, "Write an answer" in empty.text(".error-summary")) == (422, True)
    long = shown.press("Send answer", Answer="x" * 4001)
    assert long.status == 422
    assert len(long.field("Answer").get_text().strip()) == 4001
    done = shown.press("Send answer", Answer="A thousand.")
    assert "is with Olga" in done.text("#messages")
    twice = shown.press("Send answer", Answer="Two thousand.")
    assert twice.status == 409
    assert "already been answered" in twice.text("#messages")
    assert question.answer == "A thousand."


def test_C58_only_the_requester_answers(browser, owner, asked):
    with transaction():
        question = access.ask(asked, by=owner, question="Why?")
    path = f"{at(asked)}/questions/{question.id}/answer"

    assert browser(make_user()).forge(path, {"answer": "So."}).status == 404
    assert browser(owner).forge(path, {"answer": "So."}).status == 403
    other = make_request(asked.requester)
    assert (
        browser(asked.requester).forge(f"{at(other)}/questions/{question.id}/answer", {"answer": "So."}).status == 404
    )
    assert question.answer == ""


def test_news_do_not_take_away_an_answer_that_is_being_typed(browser, owner, asked):
    here = browser(asked.requester)
    with transaction():
        access.ask(asked, by=owner, question="Why?")
    page = here.get(at(asked))
    with transaction():
        access.edit(asked, by=asked.requester, reason="Another.")

    news = here.get(polled(page), htmx=True)

    assert news.status == 200
    assert not news.soup.find(id="questions")


def test_an_edit_says_whose_answer_it_voids_and_tells_them_by_mail(browser):
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner, counsel = make_user(RoleName.API_OWNER), make_user()
    make_group("legal", counsel)
    asked = make_request(owner=owner, environment=Environment.PROD)
    with transaction():
        access.approve(asked, by=owner)

    page = browser(asked.requester).get(at(asked)).follow("Change request")
    done = page.press("Save changes", Reason="For something else.")

    assert "Owner had answered already and must look at it again." in done.text("#messages")
    told = {(m.recipient, "no longer counts" in m.payload["text"]) for m in mails("changed")}
    assert told == {(owner.email, True), (counsel.email, False)}
    assert [m.recipient for m in mails("submitted")].count(owner.email) == 1
    again = page.press("Save changes", Reason="For something else.")
    assert "Nothing was changed" in again.text("#messages")


def test_an_edit_that_cannot_be_is_refused_in_words_and_one_that_comes_too_late_is_told(browser, owner, asked):
    with transaction():
        asked.plan.reason_required = True
    page = browser(asked.requester).get(f"{at(asked)}/edit")

    refused = page.press("Save changes", Reason="  ")
    assert refused.status == 422
    assert "asks for a reason" in refused.text(".error-summary")
    with transaction():
        access.approve(asked, by=owner)
    late = refused.press("Save changes", Reason="Too late.")

    assert late.status == 409
    assert "already been approved" in late.text("#messages")
    assert asked.reason == "We need it."


def test_an_expired_request_says_why_and_how_to_go_on(browser, asked):
    stage = asked.stages[0]
    with transaction():
        stage.move_to(StageState.EXPIRED)
        stage.comment = "Nobody gave the owner approval in time."
        asked.move_to(access.RequestStatus.EXPIRED)

    told = browser(asked.requester).get(at(asked)).text("#progress .notice")

    assert "has expired" in told
    assert "Nobody gave the owner approval in time." in told


def test_a_request_that_is_late_says_so(browser, asked):
    with transaction():
        asked.stages[0].due_at = now() - timedelta(hours=3)

    assert "Overdue" in browser(asked.requester).get(at(asked)).text("#progress")
