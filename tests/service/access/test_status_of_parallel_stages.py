"""What a request is called while several stages are open side by side (C39)."""

import pytest

from portal import access
from portal.accounts import RoleName, User
from portal.db import db, transaction
from portal.policies import Quorum
from tests.support.builders import demanding, make_group, make_policy, make_request, make_stage, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        (["owner", "legal"], "Pending owner and legal approval"),
        (["owner", "it_delivery"], "Pending owner approval and IT delivery"),
        (["owner", "legal", "security"], "Pending owner, legal and 1 more"),
        (["owner", "legal", "security", "it_delivery"], "Pending owner, legal and 2 more"),
    ],
)
def test_the_status_names_the_stages_that_are_open(stages, told):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER))
    make_group("it-delivery", make_user())
    make_policy(demanding(*stages), order=[stages])

    assert make_request().status_text == told


def test_who_has_answered_is_not_awaited_any_more():
    first, second = (make_user(RoleName.SECURITY_REVIEWER, name=name) for name in ("Clara", "Emeka"))
    make_group("legal", first, second)
    make_stage("terms", quorum=Quorum(2), sources=[{"kind": "group", "key": "legal"}])
    make_policy(demanding("terms"), order=[["terms"], ["owner"]])
    asked = make_request()
    stage = asked.stages[0]
    assert access.awaited(stage) in ("Clara or Emeka", "Emeka or Clara")

    with transaction():
        access.approve(asked, by=first)

    assert access.awaited(stage) == "Emeka"


def test_who_has_taken_it_up_is_awaited_alone_while_one_answer_is_enough():
    clara, emeka = (make_user(RoleName.SECURITY_REVIEWER, name=name) for name in ("Clara", "Emeka"))
    make_group("legal", clara, emeka)
    make_policy(demanding("legal"), order=[["legal"], ["owner"]])
    asked = make_request()
    stage = asked.stages[0]

    with transaction():
        access.claim(asked, by=emeka, stage_id=stage.id)
    assert access.awaited(stage) == "Emeka"

    with transaction():
        access.release(asked, by=emeka, stage_id=stage.id)
    assert access.awaited(stage) in ("Clara or Emeka", "Emeka or Clara")


def test_where_more_than_one_answer_is_needed_the_others_are_awaited_too():
    clara, emeka, mia = (make_user(RoleName.SECURITY_REVIEWER, name=name) for name in ("Clara", "Emeka", "Mia"))
    make_group("legal", clara, emeka, mia)
    make_stage("terms", quorum=Quorum(2), sources=[{"kind": "group", "key": "legal"}])
    make_policy(demanding("terms"), order=[["terms"], ["owner"]])
    asked = make_request()
    stage = asked.stages[0]

    with transaction():
        access.claim(asked, by=emeka, stage_id=stage.id)
    assert access.awaited(stage) == "Emeka or Clara or Mia"

    with transaction():
        access.approve(asked, by=emeka)
    assert access.awaited(stage) == "Clara or Mia"


def test_where_nobody_at_all_can_act_no_administrator_is_promised(browser):
    owner = make_user(RoleName.API_OWNER)
    asked = make_request(owner=owner)

    with transaction():
        db.session.get(User, owner.id).active = False
        access.restaff([asked])

    assert access.awaited(asked.stages[0]) == "somebody who may answer; at present nobody may"
    page = browser(asked.requester).get(f"/requests/{asked.number}")
    assert "an administrator" not in page.text("main")
    assert "at present nobody may" in page.text("#progress")


def test_the_path_says_why_each_step_is_there_and_which_are_open_together():
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER))
    make_policy(demanding("legal", "security"), order=[["owner"], ["legal", "security"]])

    path = access.path_of(make_request())

    assert [step.label for step in path] == [
        "Submitted",
        "Owner approval",
        "Legal approval",
        "Security approval",
        "Access",
    ]
    assert [step.together for step in path] == [False, False, True, False, False]
    assert [step.label for step in path if step.because == "It is the rule."] == ["Legal approval", "Security approval"]


def test_the_history_says_the_reason_of_stages_that_open_together_once():
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER))
    make_policy(demanding("owner", "legal", "security"), order=[["owner", "legal", "security"]])

    told = access.history_of(make_request())

    assert [entry.text for entry in told].count("It is the rule.") == 1
