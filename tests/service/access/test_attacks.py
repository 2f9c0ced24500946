"""What must not be possible, whoever tries; most of it once was (I3 to I7, C29, C84, C136)."""

from datetime import timedelta

import pytest

from portal import access, accounts
from portal.access import Approval, AssigneeState, GrantState, Narrowing, RequestStatus, StageState
from portal.access.provisioning import provision
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.policies.stages import Quorum, QuorumMode
from tests.support.builders import (
    demanding,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


def approve(request, person, **saying):
    with transaction():
        access.approve(request, by=person, saying=Approval(**saying))


def stand_in(to, for_):
    with transaction():
        return access.delegate(to, by=for_, starts_at=now() - timedelta(hours=1), ends_at=now() + timedelta(days=3))


def stage_of(request, key):
    return next(stage for stage in request.stages if stage.key == key and stage.state is not StageState.SKIPPED)


@pytest.fixture
def board():
    """Three people of a board that needs two yeses."""
    make_stage("board", quorum=Quorum(2, QuorumMode.TOTAL))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    return members


# --- edits (I3, C84) ---


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
    from portal.access.revising import _differences, _facts_before

    board = [make_user() for _ in range(2)]
    make_stage("board", quorum=Quorum(2, QuorumMode.TOTAL))
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *board)
    plan, owner = make_plan(), make_user(RoleName.API_OWNER)
    products = [make_product(plans=[plan], owners=[owner]) for _ in range(2)]
    request = make_request(None, *products, plan=plan)
    approve(request, board[0], less=Narrowing(declined={products[0].id: "Not this one."}))

    facts = _facts_before(request)

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


# --- votes (I4, I5) ---


def test_I5_whose_vote_was_given_by_a_stand_in_cannot_give_it_again(board):
    deputy = make_user(RoleName.REVIEWER)
    stand_in(deputy, board[0])
    request = make_request()

    approve(request, deputy)

    assert not access.may_decide(request, board[0])
    with pytest.raises(NotAllowed), transaction():
        access.approve(request, by=board[0])
    assert stage_of(request, "board").state is StageState.OPEN
    approve(request, board[1])
    assert stage_of(request, "board").state is StageState.APPROVED


def test_after_an_answered_question_a_stage_waits_only_for_those_who_have_not_answered(board):
    request = make_request()
    approve(request, board[0])
    with transaction():
        question = access.ask(request, by=board[1], question="Why?")
    with transaction():
        access.answer(question, by=request.requester, text="Because.")

    assert [access.count_waiting_for(member) for member in board] == [0, 1, 1]


def test_whoever_steps_back_takes_their_answer_with_them(board):
    request = make_request()
    stage = stage_of(request, "board")
    approve(request, board[0])
    with transaction():
        access.recuse(request, by=board[0], stage_id=stage.id, reason="It is my brother's app.")

    approve(request, board[1])

    assert stage.state is StageState.OPEN
    assert not access.may_decide(request, board[0])


def test_an_answer_that_was_given_cannot_be_passed_on(board):
    request = make_request()
    stage, other = stage_of(request, "board"), make_user(RoleName.REVIEWER)
    approve(request, board[0])

    with pytest.raises(Conflict, match="answered already"), transaction():
        access.reassign(request, other, by=board[0], stage_id=stage.id)


def test_C129_a_place_that_was_passed_on_counts_for_the_group_it_was_of():
    sources = [{"kind": "group", "key": "risk"}, {"kind": "group", "key": "data"}]
    make_stage("board", sources=sources, quorum=Quorum(1, QuorumMode.PER_GROUP))
    risk, data, other = make_user(), make_user(), make_user(RoleName.REVIEWER)
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("risk", risk)
    make_group("data", data)
    request = make_request()
    stage = stage_of(request, "board")
    with transaction():
        access.reassign(request, other, by=risk, stage_id=stage.id, reason="You know it better.")

    approve(request, other)
    approve(request, data)

    assert stage.state is StageState.APPROVED


def test_C129_whoever_joins_a_second_group_can_fill_a_seat_of_it():
    sources = [{"kind": "group", "key": "risk"}, {"kind": "group", "key": "data"}]
    make_stage("board", sources=sources, quorum=Quorum(1, QuorumMode.PER_GROUP))
    both, risk, gone = make_user(), make_user(), make_user()
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("risk", both, risk)
    data = make_group("data", gone)
    request = make_request()
    with transaction():
        accounts.set_members(data, [both], by=None)
        access.restaff_for(group="data")

    approve(request, both)
    approve(request, risk)

    assert stage_of(request, "board").state is StageState.APPROVED


def test_mode_all_counts_the_yes_that_somebody_gave_for_another():
    make_stage("board", quorum=Quorum(1, QuorumMode.ALL))
    away, present, deputy = make_user(), make_user(), make_user(RoleName.REVIEWER)
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    group = make_group("board", away, present)
    stand_in(deputy, away)
    request = make_request()
    stage = stage_of(request, "board")
    approve(request, deputy)
    with transaction():
        accounts.set_members(group, [*group.members, deputy], by=None)
        access.restaff_for(group="board")

    assert access.count_waiting_for(deputy) == 0
    approve(request, present)
    assert stage.state is StageState.APPROVED


# --- who may choose, and be chosen (C136) ---


def test_C136_an_administrator_who_asks_for_access_does_not_choose_who_answers():
    requester = make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER)
    request, friend = make_request(requester), make_user(RoleName.REVIEWER)

    with pytest.raises(NotAllowed, match="their own request"), transaction():
        access.reassign(request, friend, by=requester, stage_id=request.stages[0].id)


def test_an_administrator_puts_others_in_and_never_themselves():
    administrator, other = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.REVIEWER)
    request = make_request()

    with pytest.raises(Invalid) as refusal, transaction():
        access.reassign(request, administrator, by=administrator, stage_id=request.stages[0].id)
    assert refusal.value.field == "to"
    assert not access.may_decide(request, administrator)
    with transaction():
        access.reassign(request, other, by=administrator, stage_id=request.stages[0].id)
    assert access.may_decide(request, other)


def test_whoever_stood_in_for_a_group_without_people_goes_when_it_has_some_again():
    administrator, counsel = make_user(RoleName.ADMINISTRATOR), make_user()
    make_policy(demanding("legal"), order=[["owner", "legal"]])
    group = make_group("legal")
    request = make_request()
    legal = stage_of(request, "legal")
    assert administrator in [assignee.user for assignee in legal.active_assignees]
    with transaction():
        access.claim(request, by=administrator, stage_id=legal.id)
    with transaction():
        accounts.set_members(group, [counsel], by=None)
        access.restaff_for(group="legal")

    assert [assignee.user for assignee in legal.active_assignees] == [counsel]
    assert legal.claimed_by is None
    assert not access.may_decide(request, administrator)
    assert access.count_waiting_for(administrator) == 0


def test_an_administrator_answers_when_all_who_could_have_answered_or_gone(board):
    administrator = make_user(RoleName.ADMINISTRATOR)
    request = make_request()
    approve(request, board[0])
    with transaction():
        for member in board[1:]:
            accounts.deactivate(member, by=administrator)

    turn = access.who_can_act(request)

    assert turn is not None
    assert RoleName.ADMINISTRATOR in turn.person.role_names
    assert access.may_decide(request, turn.person)


# --- emergencies ---


@pytest.fixture
def emergency():
    make_user(RoleName.SECURITY_REVIEWER, email="security@portico.example")
    plan, engineer = make_plan(), make_user()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    with transaction():
        envelope = access.set_envelope(
            by=make_user_in_transaction(), name="Night", product=product, plan=plan,
            scopes=product.scope_names, most_minutes=60, people=[engineer],
        )  # fmt: skip
    app = make_app(engineer)
    with transaction():
        return access.break_glass(envelope, app, by=engineer, reason="Down.", minutes=30, step_up="password")


def make_user_in_transaction():
    return accounts.add_person(
        "root@portico.example", name="Root", roles=(RoleName.ADMINISTRATOR,),
        organisation=accounts.organisation_named("Acme"), password_hash="x",
    )  # fmt: skip


def test_deleting_the_app_ends_the_access_and_not_the_debt(emergency):
    with transaction():
        access.delete_app(emergency.app, by=emergency.requester)

    (grant,) = access.grants_of(emergency.app)
    assert grant.state is GrantState.REVOKED
    assert emergency.is_pending
    assert access.debt_of(emergency.requester) == emergency
    security = accounts.find_person_by_email("security@portico.example")
    with transaction():
        access.reject(emergency, by=security, reason="There was no emergency.")
    assert access.bar_of(emergency.requester) is not None


def test_I7_what_was_given_in_an_emergency_is_not_narrowed_on_paper(emergency):
    security = accounts.find_person_by_email("security@portico.example")
    scopes = emergency.items[0].scopes[:1]

    saying = Approval("Fine.", less=Narrowing(scopes={emergency.items[0].product_id: frozenset(scopes)}))
    with pytest.raises(Invalid, match="was given already"), transaction():
        access.approve(emergency, by=security, saying=saying)


# --- what people see (C29) ---


def sees(person, request):
    found = access.find_request(request.number, seen_by=person)
    return (found is not None, request in access.queue(seen_by=person))


def test_C29_a_stand_in_sees_what_waits_for_whom_they_stand_in_for_and_only_meanwhile(board):
    deputy = make_user(RoleName.REVIEWER)
    request, own = make_request(), make_request(board[0])
    assert sees(deputy, request) == (False, False)
    given = stand_in(deputy, board[0])

    assert sees(deputy, request) == (True, True)
    assert sees(deputy, own) == (False, False)
    assert [r.id for r in access.queue(seen_by=deputy, mine=True)] == [request.id]
    with transaction():
        access.end_delegation(given, by=board[0])
    assert sees(deputy, request) == (False, False)


def test_C29_who_has_answered_for_somebody_goes_on_seeing_it(board):
    deputy = make_user(RoleName.REVIEWER)
    given = stand_in(deputy, board[0])
    request = make_request()
    approve(request, deputy)
    with transaction():
        access.end_delegation(given, by=board[0])

    assert sees(deputy, request) == (True, True)


def test_C29_who_left_the_group_without_an_answer_sees_its_requests_no_more(board):
    request = make_request()
    group = accounts.find_group("board")
    with transaction():
        accounts.set_members(group, board[1:], by=None)
        access.restaff_for(group="board")

    assert next(a for a in request.stages[0].assignees if a.user == board[0]).state is AssigneeState.INELIGIBLE
    assert sees(board[0], request) == (False, False)
    assert sees(board[1], request) == (True, True)


def test_C29_who_is_no_api_owner_any_more_sees_their_products_requests_no_more():
    owner, administrator = make_user(RoleName.API_OWNER, RoleName.REVIEWER), make_user(RoleName.ADMINISTRATOR)
    request = make_request(owner=owner)
    assert sees(owner, request) == (True, True)
    with transaction():
        accounts.change_roles(owner, [RoleName.REVIEWER], by=administrator)
        access.restaff_for(person=owner)

    assert sees(owner, request) == (False, False)


def test_C29_a_reviewer_of_another_group_sees_nothing(board):
    make_request(environment=Environment.PROD)
    stranger, security = make_user(), make_user(RoleName.SECURITY_REVIEWER)
    make_group("other", stranger)

    assert access.queue(seen_by=stranger) == access.queue(seen_by=security) == []


# --- stale pages ---


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


# --- coming back ---


def test_who_comes_back_is_asked_again_as_the_member_of_a_group_that_they_are(board):
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(board[0], by=administrator)
    request = make_request()
    assert not access.may_decide(request, board[0])

    with transaction():
        accounts.reactivate(board[0], by=administrator)
        access.restaff_for(person=board[0])

    assert access.may_decide(request, board[0])
    assert access.count_waiting_for(board[0]) == 1
