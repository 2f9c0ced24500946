"""Beside a yes and a no: asking, adding a stage, stepping back, passing on and taking up."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import (
    demanding,
    make_group,
    make_policy,
    make_request,
    make_user,
)
from tests.web.admin.deciding.pages import at, judged_by_policy, mails

pytestmark = pytest.mark.usefixtures("app")


# --- asking ---


def test_C58_a_question_goes_to_the_requester_and_the_answer_comes_back(browser, owner, asked):
    page = browser(owner).get(at(asked)).press("Ask", Question="How many calls a day?")
    assert "Information requested" in page.text(".page-header")
    assert not page.has_button("Approve")
    (mail,) = mails("question")
    assert mail.recipient == asked.requester.email
    assert "How many calls a day?" in mail.payload["text"]

    theirs = browser(asked.requester).get(f"/requests/{asked.number}")
    assert "How many calls a day?" in theirs.text("#questions")
    done = theirs.press("Send answer", Answer="About a thousand.")
    assert "About a thousand." in done.text("#questions")
    (mail,) = mails("answer")
    assert (mail.recipient, "About a thousand." in mail.payload["text"]) == (owner.email, True)

    page = browser(owner).get(at(asked))
    assert "About a thousand." in page.text("#questions")
    page.press("Approve")
    assert asked.status is RequestStatus.APPROVED


def test_C58_an_empty_question_is_refused_and_one_is_asked_once(browser, owner, asked):
    page = browser(owner).get(at(asked))

    refused = page.press("Ask", Question="  ")
    assert refused.status == 422
    assert "Write what you want to know" in refused.text(".error-summary")
    assert refused.soup.select_one("#asking").has_attr("open")
    page.press("Ask", Question="Why?")
    assert page.press("Ask", Question="Why?").status in {403, 409}
    assert len(access.questions_about(asked)) == 1


def test_C58_a_question_is_taken_back_by_who_asked_and_by_nobody_else(browser, owner, asked):
    with transaction():
        question = access.ask(asked, by=owner, question="Why?")
    path = f"{at(asked)}/questions/{question.id}/take-back"

    assert browser(make_user(RoleName.API_OWNER)).forge(path).status == 404
    assert browser(make_user(RoleName.ADMINISTRATOR)).forge(path).status == 403
    page = browser(owner).get(at(asked)).press("Take back the question")
    assert page.has_button("Approve")
    assert browser(owner).forge(path).status == 409


# --- adding, stepping back, passing on, taking up ---


def test_C59_a_stage_is_added_with_a_reason_and_is_needed_from_then_on(browser, owner, asked):
    security = make_user(RoleName.SECURITY_REVIEWER, name="Sec")
    page = browser(owner).get(at(asked))

    refused = page.press("Add the stage", Stage="security")
    assert (refused.status, "Say why this stage is needed" in refused.text()) == (422, True)
    assert refused.field("Stage").find("option", selected=True)["value"] == "security"
    done = refused.press("Add the stage", **{"Why it is needed": "It touches customers."})

    assert "Security is asked as well: Sec" in done.text("#messages")
    assert "It touches customers." in browser(asked.requester).get(f"/requests/{asked.number}").text(".steps")
    browser(owner).get(at(asked)).press("Approve")
    assert asked.is_pending
    assert browser(security).get(at(asked)).has_button("Approve")


def test_stepping_back_needs_a_reason_and_the_requester_does_not_read_it(browser, owner, asked):
    make_user(RoleName.API_OWNER)
    page = browser(owner).get(at(asked))
    assert page.press("Step back").status == 422

    done = page.press("Step back", **{"Why you step back": "It is my brother's app."})

    assert not done.has_button("Approve")
    assert "It is my brother's app." in done.text(".timeline")
    assert "brother" not in browser(asked.requester).get(f"/requests/{asked.number}").text()
    assert page.press("Step back", **{"Why you step back": "Again."}).status == 403


def test_passing_on_tells_the_new_person_and_refuses_who_cannot_review(browser, owner, asked):
    colleague = make_user(RoleName.API_OWNER, name="Cleo")
    page = browser(owner).get(at(asked))
    for address in ("nobody@nowhere.example", asked.requester.email):
        refused = page.press("Pass on", **{"Pass on to": address, "What they should know": "You know it."})
        assert refused.status == 422
        assert "review" in refused.text(".error-summary")
        assert refused.field("Pass on to")["value"] == address

    done = refused.press("Pass on", **{"Pass on to": colleague.email})
    assert "Cleo is asked now" in done.text("#messages")
    (mail,) = mails("reassigned")
    assert (mail.recipient, "You know it." in mail.payload["text"], "Olga Owner" in mail.subject) == (
        colleague.email,
        True,
        True,
    )
    assert not done.has_button("Approve")
    assert page.press("Pass on", **{"Pass on to": colleague.email}).status in {403, 409}
    assert browser(colleague).get(at(asked)).has_button("Approve")


def test_an_administrator_asks_somebody_else_as_well_without_being_asked(browser, owner, asked):
    helper = make_user(RoleName.API_OWNER)
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(at(asked))
    assert not page.has_button("Approve")

    page.press("Ask them as well", **{"Pass on to": helper.email})

    assert access.may_decide(asked, helper)
    assert access.may_decide(asked, owner)


def test_taking_a_stage_up_shows_the_others_and_is_given_back(browser):
    make_policy(demanding("legal"))
    one, other = make_user(name="Una"), make_user(name="Dos")
    make_group("legal", one, other)
    asked = judged_by_policy()
    page = browser(one).get(at(asked))

    page.press("Take it up")
    seen = browser(other).get(at(asked))
    assert "Una takes care of this. You still may." in seen.text("#decide")
    assert not seen.has_button("Leave it to the others again")
    token = {"stage": str(asked.stages[0].id)}
    assert browser(other).forge(f"{at(asked)}/claim", token).status == 409
    assert browser(other).forge(f"{at(asked)}/release", token).status == 403
    browser(one).get(at(asked)).press("Leave it to the others again")
    assert asked.stages[0].claimed_by is None


@pytest.mark.parametrize("action", ["ask", "add-stage", "step-back", "pass-on", "claim", "release"])
def test_each_act_is_refused_to_those_whom_it_does_not_concern(browser, owner, asked, action):
    stage = asked.stages[0].id
    words = {
        "stage": stage,
        "question": "Why?",
        "added": "legal",
        "because": "So.",
        "back_reason": "So.",
        "to": make_user(RoleName.API_OWNER).email,
        "pass_reason": "So.",
    }

    assert browser(make_user()).forge(f"{at(asked)}/{action}", words).status == 403  # a consumer
    assert browser(make_user(RoleName.AUDITOR)).forge(f"{at(asked)}/{action}", words).status == 403
    assert browser(make_user(RoleName.API_OWNER)).forge(f"{at(asked)}/{action}", words).status == 404  # not theirs
    before = (len(asked.stages), asked.stages[0].state, len(asked.stages[0].active_assignees))
    mixed = make_user(RoleName.CONSUMER, RoleName.API_OWNER)
    own = make_request(mixed, owner=owner)
    words["stage"] = own.stages[0].id
    assert browser(mixed).forge(f"{at(own)}/{action}", words).status in {403, 409}
    assert (len(asked.stages), asked.stages[0].state, len(asked.stages[0].active_assignees)) == before
