"""The history of a request says which answers its requester changed."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from portal.events import EventKind, record
from tests.support.builders import demanding, make_group, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_the_history_names_what_was_changed(browser):
    asked = make_request()
    with transaction():
        access.edit(asked, by=asked.requester, reason="We need it for two shops.")

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    entry = next(text for text in page.texts("#history li") if "Request changed" in text)
    assert entry.endswith("Reason")


def test_the_history_names_the_stage_where_there_are_several(browser):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER, name="Clara"))
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    asked = make_request(owner=owner)
    with transaction():
        access.approve(asked, by=owner)

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    told = " ".join(page.texts("#history li"))
    for words in (
        "Sent for approval to Clara (Legal)",
        "Sent for approval to Ingrid (Owner)",
        "Stage approved (Owner)",
    ):
        assert words in told


def test_what_was_changed_is_named_after_an_answer_without_words(browser):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER))
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner = make_user(RoleName.API_OWNER)
    asked = make_request(owner=owner)
    with transaction():
        access.approve(asked, by=owner)
    with transaction():
        access.edit(asked, by=asked.requester, reason="We need it for two shops.")

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    assert next(text for text in page.texts("#history li") if "Request changed" in text).endswith("Reason")


def test_nobody_is_told_to_have_been_asked_when_nobody_was(browser):
    asked = make_request()
    with transaction():
        record(EventKind.STAGE_STAFFED, subject=asked.stages[0], by=None, after={"asked": []})

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    assert not [text for text in page.texts("#history li") if "Asked as well" in text]


def test_an_approval_beside_a_question_says_that_both_are_awaited(browser):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER, name="Clara"))
    make_group("security", make_user(RoleName.SECURITY_REVIEWER, name="Emeka"))
    make_policy(demanding("owner", "legal", "security"), order=[["owner", "legal", "security"]])
    owner = make_user(RoleName.API_OWNER)
    asked = make_request(owner=owner)
    clara = next(stage for stage in asked.stages if stage.key == "legal").assignees[0].user
    with transaction():
        access.ask(asked, by=clara, question="Where will it run?")
    number, requester = asked.number, asked.requester.display_name

    page = browser(owner).get(f"/admin/access-requests/{number}").press("Approve")

    assert f"Emeka and what {requester} was asked." in " ".join(page.texts("main"))
