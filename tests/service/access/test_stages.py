"""Stages that a policy asks for: in their order, staffed live, with the quorum that they demand."""

import pytest

from portal import access, accounts
from portal.access import RequestStatus, StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Conflict, NotAllowed
from portal.events import EventKind
from tests.support.builders import (
    demanding,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")
PRODUCTION = {
    "key": "production",
    "because": "Production is checked by security.",
    "when": {"attribute": "environment", "is": "equals", "value": "prod"},
    "then": {"outcome": "stages", "stages": ["owner", "security"]},
}


def approve(request, person, **saying):
    with transaction():
        access.approve(request, by=person, **saying)


def states(request):
    return {stage.key: stage.state.value for stage in request.stages}


def test_C64_C65_test_needs_the_owner_and_production_security_too():
    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    make_user(RoleName.SECURITY_REVIEWER)

    assert list(states(make_request())) == ["owner"]
    assert list(states(make_request(environment=Environment.PROD))) == ["owner", "security"]


def test_C35_C36_C39_the_second_stage_waits_for_the_first_and_the_status_names_it():
    make_policy(PRODUCTION, order=[["owner"], ["security"]])
    owner, security = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER)
    request = make_request(owner=owner, environment=Environment.PROD)
    security_stage = request.stages[1]

    assert states(request) == {"owner": "open", "security": "waiting"}
    for saying in (None, access.Approval(stage_id=security_stage.id)):
        with pytest.raises(Conflict, match=r"The security approval of .* has not begun"), transaction():
            access.approve(request, by=security, saying=saying)
    approve(request, owner)
    assert states(request) == {"owner": "approved", "security": "open"}
    assert request.status_text == "Pending security approval"
    approve(request, security)

    assert request.status is RequestStatus.APPROVED
    assert [grant.environment for grant in access.grants_of(request.app)] == [Environment.PROD]


def test_C4_a_plan_that_approves_by_itself_still_passes_the_stages_that_a_rule_demands():
    make_policy(PRODUCTION)
    owner, security = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER)
    plan = make_plan(auto_approve=True)
    product = make_product(plans=[plan], owners=[owner])

    request = make_request(None, product, plan=plan, environment=Environment.PROD)

    assert request.is_pending
    assert set(states(request)) == {"owner", "security"}
    approve(request, owner)
    approve(request, security)
    assert request.status is RequestStatus.APPROVED


def test_a_denied_request_is_kept_with_the_reason_and_nobody_is_asked():
    deny = {**PRODUCTION, "because": "Not in production.", "then": {"outcome": "deny"}}
    make_policy(deny)

    request = make_request(environment=Environment.PROD)

    assert request.status is RequestStatus.DENIED
    assert request.status_text == "Denied by policy"
    assert [event.reason for event in events_of(request, EventKind.REQUEST_DENIED)] == ["Not in production."]
    assert not request.stages
    make_request(request.requester, *request.products, plan=request.plan, app=request.app)  # may be asked again


def test_C37_stages_of_one_step_are_open_together_and_one_no_ends_all():
    make_policy(demanding("owner", "security", "legal"), order=[["owner", "security", "legal"]])
    security, counsel = make_user(RoleName.SECURITY_REVIEWER), make_user()
    make_group("legal", counsel)
    request = make_request()

    assert set(states(request).values()) == {"open"}
    with transaction():
        access.reject(request, by=counsel, reason="Terms are missing.")

    assert request.status is RequestStatus.REJECTED
    assert states(request) == {"owner": "cancelled", "security": "cancelled", "legal": "rejected"}
    with pytest.raises(Conflict), transaction():
        access.approve(request, by=security)


def test_C34_joining_a_group_lets_a_person_answer_open_stages_at_once():
    make_policy(demanding("legal"), order=[["owner", "legal"]])
    first, second = make_user(), make_user()
    group = make_group("legal", first)
    request = make_request()
    assert not access.may_decide(request, second)

    with transaction():
        accounts.set_members(group, [second], by=None)

    assert access.may_decide(request, second)
    assert not access.may_decide(request, first)
    assert access.count_waiting_for(second) == 1
    assert access.count_waiting_for(first) == 0


def test_a_stage_that_nobody_of_its_own_can_answer_asks_the_administrators_and_says_so():
    make_policy(demanding("legal"), order=[["owner", "legal"]])
    administrator = make_user(RoleName.ADMINISTRATOR)
    request = make_request()
    legal = next(stage for stage in request.stages if stage.key == "legal")

    assert administrator.id in {a.user_id for a in legal.active_assignees}
    assert events_of(legal, EventKind.STAGE_UNSTAFFED)
    assert access.may_decide(request, administrator)


def test_C129_a_quorum_counts_people_and_each_of_them_once():
    make_stage("board", quorum=access_quorum(2))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    request = make_request()

    approve(request, members[0])
    assert request.stages[0].state is StageState.OPEN
    with pytest.raises(NotAllowed), transaction():
        access.approve(request, by=members[0])
    approve(request, members[1])

    assert request.stages[0].state is StageState.APPROVED
    assert request.status_text == "Pending owner approval"


def test_C129_somebody_in_two_groups_fills_a_seat_in_one_of_them():
    sources = [{"kind": "group", "key": "risk"}, {"kind": "group", "key": "data"}]
    make_stage("board", sources=sources, quorum=access_quorum(1, "per_group"))
    both, only_risk = make_user(), make_user()
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("risk", both, only_risk)
    make_group("data", both)
    request = make_request()

    approve(request, both)
    assert request.stages[0].state is StageState.OPEN
    approve(request, only_risk)

    assert request.stages[0].state is StageState.APPROVED


def test_mode_all_needs_everybody_who_is_asked():
    make_stage("board", quorum=access_quorum(1, "all"))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    request = make_request()

    approve(request, members[0])
    approve(request, members[1])
    assert request.stages[0].state is StageState.OPEN
    approve(request, members[2])

    assert request.stages[0].state is StageState.APPROVED


def test_C32_a_task_is_done_when_its_list_is_ticked_off():
    make_policy(demanding("it_delivery"), order=[["owner"], ["it_delivery"]])
    owner, admin = make_user(RoleName.API_OWNER), make_user()
    make_group("it-delivery", admin)
    request = make_request(owner=owner)
    approve(request, owner)
    task = request.stages[1]

    with pytest.raises(Exception, match="Not done yet"), transaction():
        access.approve(request, by=admin)
    approve(request, admin, saying=access.Approval(checklist=task.template["checklist"]))

    assert request.status is RequestStatus.APPROVED
    assert task.live_reviews[0].checklist == list(task.template["checklist"])


def test_C138_a_stage_may_ask_for_proof_of_identity():
    make_stage("board", step_up=True)
    member = make_user()
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", member)
    request = make_request()

    with pytest.raises(Exception, match="password again"), transaction():
        access.approve(request, by=member)
    approve(request, member, saying=access.Approval(step_up="password"))

    review = request.stages[0].live_reviews[0]
    assert (review.step_up_method, review.step_up_at is not None) == ("password", True)


def test_C149_I9_a_products_own_rules_add_a_stage_and_leave_the_global_ones():
    make_policy(demanding("security"), order=[["owner", "security", "legal"]])
    make_user(RoleName.SECURITY_REVIEWER)
    plan, owner = make_plan(), make_user(RoleName.API_OWNER)
    strict, plain = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    make_policy(demanding("legal"), product=strict)

    assert set(states(make_request(None, strict, plan=plan))) == {"owner", "security", "legal"}
    assert set(states(make_request(None, plain, plan=plan))) == {"owner", "security"}


def access_quorum(n, mode="total"):
    from portal.policies.stages import Quorum, QuorumMode

    return Quorum(n, QuorumMode(mode))
