"""What edits must not make possible: access without a stage it needs, answers to what was not seen (I3, I6, C84)."""

import pytest

from portal import access
from portal.access import Narrowing, RequestStatus, StageState
from portal.access.provisioning import provision
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.policies.stages import Quorum, QuorumMode
from tests.service.access.attacks.deciding import approve, stage_of
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

pytestmark = pytest.mark.usefixtures("app")


def needing(monkeypatch, *stages):
    """Let the policy ask for exactly these stages from now on; what it reads of the request is not the point here."""
    from portal.access import revising
    from portal.policies import Decision, StageSpec, stage_templates

    def decision_for(request):
        templates = stage_templates()
        ids = tuple(item.product_id for item in request.standing_items)
        specs = [
            StageSpec(key, templates[key].name, "It is so.", place, templates[key].as_json(), ids)
            for key, place in stages
        ]
        facts = tuple({"product.slug": item.product.slug} for item in request.standing_items)
        return Decision(tuple(specs), "It is so.", facts=facts)

    monkeypatch.setattr(revising, "decision_for", decision_for)


def edit(request, reason):
    with transaction():
        access.edit(request, by=request.requester, reason=reason)


def test_C84_a_stage_that_one_edit_made_unneeded_is_asked_when_the_next_needs_it_again(monkeypatch):
    owner, security = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER)
    make_policy(demanding("owner", "security"), order=[["owner"], ["security"]])
    request = make_request(owner=owner)
    needing(monkeypatch, ("owner", 1))
    edit(request, "Nothing delicate.")
    needing(monkeypatch, ("owner", 1), ("security", 2))
    edit(request, "Delicate after all.")

    approve(request, owner)

    assert request.status is RequestStatus.PENDING
    assert stage_of(request, "security").state is StageState.OPEN
    assert access.may_decide(request, security)


def test_stages_that_an_edit_adds_open_in_their_order(monkeypatch):
    owner = make_user(RoleName.API_OWNER)
    make_user(RoleName.SECURITY_REVIEWER)
    make_group("legal", make_user())
    request = make_request(owner=owner)
    needing(monkeypatch, ("security", 2), ("legal", 3))

    edit(request, "Something else.")

    assert stage_of(request, "security").state is StageState.OPEN
    assert stage_of(request, "legal").state is StageState.WAITING


def test_an_edit_after_a_narrowing_is_compared_with_what_was_judged_last():
    from portal.access.revising import _differences
    from portal.access.terms import last_decision

    board = [make_user() for _ in range(2)]
    make_stage("board", quorum=Quorum(2, QuorumMode.TOTAL))
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *board)
    plan, owner = make_plan(), make_user(RoleName.API_OWNER)
    products = [make_product(plans=[plan], owners=[owner]) for _ in range(2)]
    request = make_request(None, *products, plan=plan)
    approve(request, board[0], less=Narrowing(declined={products[0].id: "Not this one."}))

    facts = last_decision(request).facts

    assert request.revision == 2
    assert len(facts) == 2
    assert _differences(facts, ({**facts[1], "environment": "prod"},)) == {"environment"}


def test_an_edit_keeps_the_stage_whose_line_was_declined():
    board = [make_user() for _ in range(2)]
    make_stage("board", quorum=Quorum(2, QuorumMode.TOTAL))
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *board)
    plan, owner = make_plan(), make_user(RoleName.API_OWNER)
    products = [make_product(plans=[plan], owners=[owner]) for _ in range(2)]
    request = make_request(None, *products, plan=plan)
    approve(request, board[0], less=Narrowing(declined={products[0].id: "Not this one."}))

    edit(request, "Said better.")

    assert [(stage.key, stage.state) for stage in request.stages] == [
        ("board", StageState.OPEN),
        ("owner", StageState.WAITING),
    ]


def test_an_edit_cannot_leave_out_the_reason_that_the_plan_asks_for():
    request = make_request(plan=make_plan(reason_required=True))

    for reason in ("  ", "x" * (access.LONGEST_REASON + 1)):
        with pytest.raises(Invalid) as refusal, transaction():
            access.edit(request, by=request.requester, reason=reason)
        assert refusal.value.field == "reason"


@pytest.mark.parametrize("state", [s for s in StageState if s not in {StageState.APPROVED, StageState.SKIPPED}])
def test_C84_I3_nothing_is_given_while_a_stage_is_missing(state):
    make_user(RoleName.SECURITY_REVIEWER)
    make_policy(demanding("owner", "security"), order=[["owner", "security"]])
    request = make_request()
    with transaction():
        for stage in request.stages:
            stage.state = StageState.APPROVED
        request.stages[1].state = state

    with pytest.raises(Conflict, match="not been approved by all"), transaction():
        provision(request, by=None)

    assert access.grants_of(request.app) == []


def test_C84_I3_a_stage_that_was_skipped_without_a_decision_that_allows_it_opens_nothing():
    make_user(RoleName.SECURITY_REVIEWER)
    make_policy(demanding("owner", "security"), order=[["owner", "security"]])
    request = make_request()
    with transaction():
        request.stages[0].state, request.stages[1].state = StageState.APPROVED, StageState.SKIPPED

    with pytest.raises(Conflict, match="not been approved by all"), transaction():
        provision(request, by=None)


def test_I6_a_bulk_answer_is_bound_to_what_was_on_the_screen():
    owner = make_user(RoleName.API_OWNER)
    kept, changed = make_request(owner=owner), make_request(owner=owner)
    seen = {request.number: request.content_hash for request in (kept, changed)}
    edit(changed, "For something else altogether.")

    with transaction():
        outcomes = access.approve_many([kept, changed], by=owner, seen=seen)

    assert [outcome.done for outcome in outcomes] == [True, False]
    assert (kept.status, changed.status) == (RequestStatus.APPROVED, RequestStatus.PENDING)
    with transaction():
        outcomes = access.reject_many([changed], by=owner, reason="No.", seen=seen)
    assert not outcomes[0].done
