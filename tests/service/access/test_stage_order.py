"""Stages keep their order and ask nobody in vain, and questions end with the stage that asked them."""

import pytest

from portal import access
from portal.access import Approval, Narrowing, QuestionState, RequestStatus, StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Conflict
from portal.events import EventKind
from tests.support.builders import demanding, make_plan, make_policy, make_product, make_request, make_stage, make_user
from tests.support.invariants import hold
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga")


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER)


def states(request):
    return {stage.key: stage.state.value for stage in request.stages}


def act(function, *args, **saying):
    with transaction():
        return function(*args, **saying)


def three_in_a_row(owner, **kwargs):
    """Owner, then security, then the panel."""
    make_stage("panel", sources=[{"kind": "role", "role": "security_reviewer"}])
    make_policy(demanding("owner", "security", "panel"), order=[["owner"], ["security"], ["panel"]])
    return make_request(owner=owner, reason="For us.", **kwargs)


def reason_touches(monkeypatch, *keys):
    """Let an edit of the reason void exactly the answers of these stages."""
    monkeypatch.setattr("portal.policies.touched_by", lambda changed, products: frozenset(keys))


# --- order -----------------------------------------------------------------------------------------------------------


def test_a_voided_stage_waits_for_an_earlier_one_that_is_open_again(owner, security, monkeypatch):
    request = three_in_a_row(owner)
    act(access.approve, request, by=owner)
    act(access.approve, request, by=security)
    assert states(request) == {"owner": "approved", "security": "approved", "panel": "open"}

    reason_touches(monkeypatch, "owner", "security")
    act(access.edit, request, by=request.requester, reason="For everybody.")

    assert states(request) == {"owner": "open", "security": "waiting", "panel": "waiting"}
    with pytest.raises(Conflict), transaction():
        access.approve(request, by=security, saying=Approval(stage_id=request.stages[1].id))
    hold()
    act(access.approve, request, by=owner)
    assert states(request) == {"owner": "approved", "security": "open", "panel": "waiting"}
    act(access.approve, request, by=security)
    act(access.approve, request, by=security)
    assert request.status is RequestStatus.APPROVED
    hold()


def test_a_later_stage_that_is_put_back_says_so_and_keeps_its_answers(owner, security, monkeypatch):
    second = make_user(RoleName.SECURITY_REVIEWER)
    make_stage("panel", sources=[{"kind": "role", "role": "security_reviewer"}], quorum={"n": 2, "mode": "total"})
    make_policy(demanding("owner", "panel"), order=[["owner"], ["panel"]])
    request = make_request(owner=owner, reason="For us.")
    panel = request.stages[1]
    act(access.approve, request, by=owner)
    act(access.approve, request, by=security)

    reason_touches(monkeypatch, "owner")
    act(access.edit, request, by=request.requester, reason="For everybody.")

    assert states(request) == {"owner": "open", "panel": "waiting"}
    assert [event.kind for event in events_of(panel)][-1] == EventKind.STAGE_PUT_BACK
    assert not any(assignee.waits for assignee in panel.assignees)
    act(access.approve, request, by=owner)
    act(access.approve, request, by=second)
    assert request.status is RequestStatus.APPROVED
    hold()


def test_a_question_that_waits_in_a_later_stage_does_not_let_it_pass_an_earlier_one(owner, security, monkeypatch):
    request = three_in_a_row(owner)
    act(access.approve, request, by=owner)
    question = act(access.ask, request, by=security, question="Why?")

    reason_touches(monkeypatch, "owner")
    act(access.edit, request, by=request.requester, reason="For everybody.")
    assert states(request) == {"owner": "open", "security": "paused", "panel": "waiting"}
    hold()
    act(access.answer, question, by=request.requester, text="Because.")

    assert states(request) == {"owner": "open", "security": "waiting", "panel": "waiting"}
    hold()
    act(access.approve, request, by=owner)
    assert states(request)["security"] == "open"


def test_a_question_answered_after_the_earlier_stage_lets_its_stage_go_on(owner, security, monkeypatch):
    request = three_in_a_row(owner)
    act(access.approve, request, by=owner)
    question = act(access.ask, request, by=security, question="Why?")
    reason_touches(monkeypatch, "owner")
    act(access.edit, request, by=request.requester, reason="For everybody.")

    act(access.approve, request, by=owner)
    assert states(request) == {"owner": "approved", "security": "paused", "panel": "waiting"}
    act(access.answer, question, by=request.requester, text="Because.")

    assert states(request) == {"owner": "approved", "security": "open", "panel": "waiting"}
    hold()


# --- declined lines --------------------------------------------------------------------------------------------------


def two_owned(owner, other):
    plan = make_plan()
    products = [make_product(name, plans=[plan], owners=[of]) for name, of in (("Mine", owner), ("Theirs", other))]
    return make_request(None, *products, plan=plan), products


def test_nobody_is_asked_about_products_that_were_all_declined(owner):
    other = make_user(RoleName.API_OWNER)
    request, (_, theirs) = two_owned(owner, other)
    mine, spared = request.stages

    act(access.approve, request, by=owner, saying=Approval(less=Narrowing(declined={theirs.id: "Not for you."})))

    assert (mine.state, spared.state) == (StageState.APPROVED, StageState.SKIPPED)
    (skipped,) = [event for event in events_of(spared) if event.kind == EventKind.STAGE_SKIPPED]
    assert skipped.reason == "Every product that it is about was declined."
    assert request.status is RequestStatus.APPROVED
    assert [grant.product.name for grant in access.grants_from(request)] == ["Mine"]
    hold()


def test_a_reviewer_who_declines_what_they_are_asked_about_still_answers_for_it(owner):
    other = make_user(RoleName.API_OWNER)
    request, (mine, _) = two_owned(owner, other)

    act(access.approve, request, by=owner, saying=Approval(less=Narrowing(declined={mine.id: "Not now."})))

    assert [stage.state for stage in request.stages] == [StageState.APPROVED, StageState.OPEN]
    hold()


def test_a_stage_of_several_products_is_asked_while_one_is_left(owner, security):
    make_policy(demanding("owner", "security"), order=[["owner"], ["security"]])
    plan = make_plan()
    products = [make_product(plans=[plan], owners=[owner]) for _ in range(2)]
    request = make_request(None, *products, plan=plan)

    act(access.approve, request, by=owner, saying=Approval(less=Narrowing(declined={products[0].id: "No."})))

    assert states(request) == {"owner": "approved", "security": "open"}


def test_a_declined_stage_that_waited_for_its_turn_is_never_opened(owner, security):
    other = make_user(RoleName.API_OWNER)
    rule = {
        "key": "secret",
        "because": "Secret things are checked.",
        "when": {"attribute": "product.classification", "is": "equals", "value": "restricted"},
        "then": {"outcome": "stages", "stages": ["security"]},
    }
    make_policy(rule, order=[["owner"], ["security"]])
    plan = make_plan()
    plain = make_product(plans=[plan], owners=[owner])
    secret = make_product(plans=[plan], owners=[other], classification="restricted")
    request = make_request(None, plain, secret, plan=plan, environment=Environment.TEST)

    act(access.approve, request, by=owner, saying=Approval(less=Narrowing(declined={secret.id: "No."})))

    assert request.status is RequestStatus.APPROVED
    assert {stage.key: stage.opened_at is None for stage in request.stages}["security"]
    hold()


# --- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "becomes"),
    [
        (lambda request, owner: access.withdraw(request, by=request.requester), QuestionState.WITHDRAWN),
        (lambda request, owner: access.delete_app(request.app, by=request.requester), QuestionState.WITHDRAWN),
    ],
)
def test_a_question_ends_with_its_request(owner, end, becomes):
    request = make_request(owner=owner)
    question = act(access.ask, request, by=owner, question="Why?")

    act(end, request, owner)

    assert question.state is becomes
    assert question.closed_at is not None
    with pytest.raises(Conflict), transaction():
        access.answer(question, by=request.requester, text="Because.")
    hold()


def test_a_question_that_ran_out_is_expired_and_one_of_a_skipped_stage_is_withdrawn(owner, security):
    other = make_user(RoleName.API_OWNER)
    request, (_, theirs) = two_owned(owner, other)
    question = act(access.ask, request, by=other, question="Why?")

    act(access.approve, request, by=owner, saying=Approval(less=Narrowing(declined={theirs.id: "Not for you."})))

    assert question.state is QuestionState.WITHDRAWN
    assert request.status is RequestStatus.APPROVED
    hold()
