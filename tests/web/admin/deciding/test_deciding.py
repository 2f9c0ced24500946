"""What a reviewer does on the page of a request: less than asked, conditions, tasks, proof of identity, and beside."""

from datetime import timedelta

import pytest

from portal import access
from portal.access import Approval, RequestStatus, StageState
from portal.accounts import RoleName
from portal.db import now, transaction
from portal.events import EventKind
from portal.web.limits import limits
from tests.support.builders import (
    PASSWORD,
    demanding,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)
from tests.support.queries import count_queries
from tests.support.records import events_of
from tests.web.admin.deciding.pages import QUEUE, at, judged_by_policy

pytestmark = pytest.mark.usefixtures("app")


# --- less than was asked ---


def test_C57_fewer_scopes_are_approved_and_the_requester_reads_which(browser, owner, asked):
    item = asked.items[0]
    read, write = item.scopes

    browser(owner).get(at(asked)).press("Approve", **{f"scope-{item.product_id}": [read]})

    (grant,) = access.grants_of(asked.app)
    assert grant.scopes == [read]
    page = browser(asked.requester).get(f"/requests/{asked.number}")
    assert f"not approved: {write}" in page.text("#products")


def test_some_lines_are_declined_and_a_reason_is_demanded(browser, owner):
    plan = make_plan()
    wanted, refused = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    asked = make_request(None, wanted, refused, plan=plan)
    key = refused.id

    page = browser(owner).get(at(asked)).press("Approve", Comment="Partly", **{f"Decline {refused.name}": str(key)})
    assert page.status == 422
    assert f"Say why {refused.name} is not approved" in page.text(".error-summary")
    assert page.field("Comment").get_text().strip() == "Partly"
    assert page.field(f"Decline {refused.name}").has_attr("checked")
    assert page.soup.select_one("#decide details")["open"] is not None

    done = page.press("Approve", **{f"Why {refused.name} is declined": "Use the newer one."})
    assert "is approved" in done.text("#messages")
    assert [grant.product_id for grant in access.grants_of(asked.app)] == [wanted.id]
    told = browser(asked.requester).get(f"/requests/{asked.number}").text("#products")
    assert "Declined" in told
    assert "Use the newer one." in told


def test_a_single_product_cannot_be_declined_since_that_is_a_rejection(browser, owner, asked):
    page = browser(owner).get(at(asked))

    assert not page.soup.select("input[name=decline]")
    wrong = page.press("Approve", **{f"scope-{asked.items[0].product_id}": []})
    assert wrong.status == 422
    assert "at least one scope" in wrong.text(".error-summary")
    assert asked.is_pending


def test_C57_a_lower_plan_and_an_end_and_conditions(browser, owner):
    gold, bronze = make_plan("Gold", quota_requests=10_000), make_plan("Bronze", quota_requests=100)
    product = make_product(plans=[gold, bronze], owners=[owner])
    asked = make_request(None, product, plan=gold)
    until = (now() + timedelta(days=30)).date()

    page = browser(owner).get(at(asked))
    assert [o.get_text() for o in page.field("Plan").find_all("option")] == ["Gold, as asked for", "Bronze"]
    page.press(
        "Approve",
        Plan=str(bronze.id),
        **{"Access until": until.isoformat(), "Conditions": "Only from the office.\n\nTell us when you are done."},
    )

    (grant,) = access.grants_of(asked.app)
    assert grant.plan == bronze
    assert grant.conditions == ["Only from the office.", "Tell us when you are done."]
    assert grant.ends_at.date() == until + timedelta(days=1)
    told = browser(asked.requester).get(f"/requests/{asked.number}").text("main")
    for words in ("Plan Bronze instead of Gold", "Only from the office.", f"{until.day} {until:%b %Y}"):
        assert words in told


@pytest.mark.parametrize(
    ("until", "said"), [("yesterday", "date"), ("2020-01-01", "until tomorrow"), ("2999-01-01", "longer than")]
)
def test_a_date_that_cannot_be_is_refused_in_words_and_nothing_is_lost(browser, owner, asked, until, said):
    page = browser(owner).get(at(asked)).press("Approve", **{"Access until": until, "Conditions": "Mind the gap"})

    assert page.status == 422
    assert said in page.text(".error-summary")
    assert "Mind the gap" in page.field("Conditions").get_text()
    assert asked.is_pending


def test_a_foreign_plan_or_scope_that_no_page_offered_opens_nothing_more(browser, owner, asked):
    foreign, item = make_plan(), asked.items[0]

    page = browser(owner).get(at(asked)).press("Approve", **{f"scope-{item.product_id}": [*item.scopes, "admin"]})

    assert page.status == 422
    assert "admin was not asked for" in page.text(".error-summary")
    browser(owner).forge(f"{at(asked)}/approve", {"plan": str(foreign.id)})
    assert asked.plan_id != foreign.id


# --- what a stage demands ---


def test_a_task_is_marked_as_done_when_its_list_is(browser):
    make_policy(demanding("it_delivery"), order=[["it_delivery"]])
    smith = make_user()
    make_group("it-delivery", smith)
    asked = judged_by_policy()
    tasks = asked.stages[0].template["checklist"]

    page = browser(smith).get(at(asked))
    assert not page.has_button("Approve")
    refused = page.press("Mark as done", checklist=tasks[:1])
    assert refused.status == 422
    assert f"Not done yet: {tasks[1]}" in refused.text(".error-summary")
    assert [box["value"] for box in refused.soup.select("input[name=checklist][checked]")] == tasks[:1]

    refused.press("Mark as done", checklist=tasks)
    assert asked.status is RequestStatus.APPROVED
    assert asked.stages[0].reviews[0].checklist == tasks


def test_C138_a_stage_that_wants_proof_of_identity_takes_the_password(browser):
    make_stage("vault", "Vault", step_up=True)
    make_policy(demanding("vault"))
    keeper = make_user()
    make_group("vault", keeper)
    asked = judged_by_policy()
    here = browser(keeper)

    row = here.get(QUEUE).soup.select_one(f"#request-{asked.id}")
    assert row.select_one('a[href$="#decide"]').get_text(strip=True) == "Approve"
    missing = here.get(at(asked)).press("Approve")
    assert (missing.status, "asks for your password" in missing.text()) == (422, True)
    wrong = missing.press("Approve", **{"Your password": "not-it", "Comment": "Fine"})
    assert (wrong.status, "not your password" in wrong.text()) == (422, True)
    assert wrong.field("Your password").get("value", "") == ""
    assert "Fine" in wrong.field("Comment").get_text()
    assert [e.reason for e in events_of(keeper, EventKind.SIGN_IN_FAILED)] == [
        f"wrong password, for the approval of {asked.number}"
    ]

    wrong.press("Approve", **{"Your password": PASSWORD})
    assert asked.status is RequestStatus.APPROVED
    assert asked.stages[0].reviews[0].step_up_method == "password"


def test_C138_guessing_the_password_there_ends_after_a_few_times(app, browser):
    make_stage("vault", "Vault", step_up=True)
    make_policy(demanding("vault"))
    keeper = make_user()
    make_group("vault", keeper)
    asked = judged_by_policy()
    page = browser(keeper).get(at(asked))
    limits().enabled = True
    try:
        found = [page.press("Approve", **{"Your password": "wrong"}).status for _ in range(limits().sign_in.amount + 1)]
        assert found[-1] == 429
        assert page.press("Approve", **{"Your password": PASSWORD}).status == 429
    finally:
        limits().enabled = False
        limits().reset()
    assert asked.is_pending


def test_one_who_is_asked_in_two_stages_answers_each_by_itself(browser):
    make_policy(demanding("legal", "compliance"), order=[["legal", "compliance"]])
    both = make_user()
    make_group("legal", both)
    make_group("compliance", both)
    asked = judged_by_policy()
    legal, compliance = (next(s for s in asked.stages if s.key == key) for key in ("legal", "compliance"))

    page = browser(both).get(at(asked)).follow("Compliance", within="#decide")
    assert page.text("#decide h2") == "Your decision: Compliance"
    page.press("Approve")

    assert (compliance.state, legal.state) == (StageState.APPROVED, StageState.OPEN)
    browser(both).get(at(asked)).press("Approve")
    assert asked.status is RequestStatus.APPROVED


def test_C39_the_page_tells_who_is_asked_and_how_many_have_said_yes(browser):
    make_stage("board", "Board", quorum={"n": 2, "mode": "total"})
    make_policy(demanding("board"))
    one, other, third = make_user(name="Una"), make_user(name="Dos"), make_user(name="Tri")
    make_group("board", one, other, third)
    asked = judged_by_policy()

    page = browser(one).get(at(asked)).press("Approve")
    told = page.text("#stages")

    for words in ("Board", "1 of 2 approvals", "Due", "Una", "approved", "Dos", "group board"):
        assert words in told
    assert "It is the rule." in page.text(".steps")
    assert not page.has_button("Approve")
    browser(other).get(at(asked)).press("Approve")
    assert asked.status is RequestStatus.APPROVED


def test_what_changed_since_the_page_was_shown_is_told_and_nothing_typed_is_lost(browser, owner, asked):
    page = browser(owner).get(at(asked))
    with transaction():
        access.edit(asked, by=asked.requester, reason="Something else.")

    stale = page.press("Approve", Comment="My long thoughts")

    assert stale.status == 409
    assert "has changed since" in stale.text("#messages")
    assert "My long thoughts" in stale.field("Comment").get_text()
    assert asked.is_pending
    stale.press("Approve")
    assert asked.status is RequestStatus.APPROVED


def test_C18_a_stage_names_the_answers_that_it_needs_and_refuses_without_them(browser):
    make_stage("cost", "Cost control", required_fields=("cost_centre",))
    make_policy(demanding("cost"))
    clerk = make_user()
    make_group("cost", clerk)
    asked = judged_by_policy()

    page = browser(clerk).get(at(asked))
    assert "Cost control cannot approve yet" in page.text("#decide")
    assert "cost_centre" in page.text("#decide")
    refused = page.press("Approve", Comment="Fine")
    assert refused.status == 422
    assert "no answer to: cost_centre" in refused.text(".error-summary")
    assert asked.is_pending


def test_C58_a_question_concerns_the_stage_that_is_on_the_screen(browser):
    make_policy(demanding("legal", "compliance"), order=[["legal", "compliance"]])
    both = make_user()
    make_group("legal", both)
    make_group("compliance", both)
    asked = judged_by_policy()

    browser(both).get(at(asked)).follow("Compliance", within="#decide").press("Ask", Question="Why?")

    (question,) = access.questions_about(asked)
    assert question.stage.key == "compliance"
    assert browser(both).get(at(asked)).text("#decide h2") == "Your decision: Legal"


def test_a_stand_in_passes_nothing_on(browser, owner, asked):
    deputy = make_user(RoleName.API_OWNER)
    with transaction():
        access.delegate(deputy, by=owner, starts_at=now() - timedelta(hours=1), ends_at=now() + timedelta(days=1))

    page = browser(deputy).get(at(asked))

    assert page.has_button("Approve")
    assert not page.has_button("Pass on")
    assert not page.has_button("Ask them as well")
    assert not page.has_button("Step back")


def test_after_a_decision_the_next_one_is_a_link_away(browser, owner, asked):
    later = make_request(owner=owner)

    page = browser(owner).get(at(asked)).press("Approve")

    assert page.follow(f"Next in your queue: {later.number}").path.startswith(at(later))


def test_the_page_needs_a_bounded_number_of_queries(browser, owner):
    asked = make_request(owner=owner)
    for key in ("legal", "compliance", "architect"):
        with transaction():
            access.add_stage(asked, key, by=owner, because="So.")
    with transaction():
        access.approve(asked, by=owner, saying=Approval(stage_id=asked.stages[0].id))
    here, path = browser(owner), at(asked)
    here.get(path)

    with count_queries() as counted:
        here.get(path)

    assert len(counted) <= 45, f"{len(counted)}:\n" + "\n".join(counted)
