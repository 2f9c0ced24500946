"""What reviewers can do beside yes and no: ask, narrow, add a stage, step back, pass on, stand in. And edits."""

from datetime import timedelta

import pytest

from portal import access
from portal.access import Approval, Narrowing, QuestionState, RequestStatus, StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind
from tests.support.builders import (
    demanding,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def request_(owner):
    return make_request(owner=owner)


def approve(request, person, **saying):
    with transaction():
        access.approve(request, by=person, saying=Approval(**saying))


def only_stage(request):
    (stage,) = request.stages
    return stage


# --- asking ---


def test_C58_a_question_pauses_the_stage_until_the_requester_answers(request_, owner):
    with transaction():
        question = access.ask(request_, by=owner, question="How many calls a day?")

    assert only_stage(request_).state is StageState.PAUSED
    assert request_.status_text == "Information requested"
    assert access.count_waiting_for(owner) == 0
    with pytest.raises(NotAllowed), transaction():
        access.approve(request_, by=owner)
    with transaction():
        access.answer(question, by=request_.requester, text="About a thousand.")

    assert (question.state, question.answer) == (QuestionState.ANSWERED, "About a thousand.")
    assert only_stage(request_).state is StageState.OPEN
    approve(request_, owner)
    assert request_.status is RequestStatus.APPROVED


def test_C58_only_the_requester_answers_once_and_only_the_asker_takes_back(request_, owner):
    with transaction():
        question = access.ask(request_, by=owner, question="Why?")

    with pytest.raises(NotAllowed), transaction():
        access.answer(question, by=owner, text="Because.")
    with pytest.raises(NotAllowed), transaction():
        access.take_back(question, by=request_.requester)
    with pytest.raises(Invalid, match="Write an answer") as refusal, transaction():
        access.answer(question, by=request_.requester, text="  ")
    assert refusal.value.field == "answer"
    with transaction():
        access.take_back(question, by=owner)
    assert only_stage(request_).state is StageState.OPEN
    with pytest.raises(Conflict, match="withdrawn"), transaction():
        access.answer(question, by=request_.requester, text="Because.")


def test_a_withdrawn_request_takes_its_question_with_it(request_, owner):
    with transaction():
        question = access.ask(request_, by=owner, question="Why?")
    with transaction():
        access.withdraw(request_, by=request_.requester)

    assert only_stage(request_).state is StageState.CANCELLED
    with pytest.raises(Conflict, match="withdrawn"), transaction():
        access.answer(question, by=request_.requester, text="Because.")


# --- less than was asked ---


def test_C57_fewer_scopes_and_a_shorter_time_are_granted_as_they_were_narrowed(request_, owner):
    item = request_.items[0]
    until = now().date() + timedelta(days=30)

    approve(request_, owner, less=Narrowing(scopes={item.product_id: frozenset(item.scopes[:1])}, until=until))

    (grant,) = access.grants_of(request_.app)
    assert grant.scopes == item.scopes[:1]
    assert grant.ends_at.date() == until + timedelta(days=1)
    assert request_.revision == 2
    assert request_.stages[0].live_reviews[0].content_hash == request_.content_hash


def test_C57_I7_more_than_was_asked_for_is_refused_and_nothing_is_decided(request_, owner):
    item = request_.items[0]
    wider = Narrowing(scopes={item.product_id: frozenset([*item.scopes, "admin"])})
    foreign = make_plan(quota_requests=10)

    for less, said in [
        (wider, "was not asked for"),
        (Narrowing(until=now().date() + timedelta(days=99_999)), "longer than what was asked"),
        (Narrowing(until=now().date()), "until tomorrow"),
        (Narrowing(plan=foreign), "does not allow less"),
        (Narrowing(scopes={item.product_id: frozenset()}), "at least one scope"),
        (Narrowing(declined={item.product_id: "No."}), "Reject it instead"),
    ]:
        with pytest.raises(Invalid, match=said), transaction():
            access.approve(request_, by=owner, saying=Approval(less=less))

    assert request_.is_pending
    assert (request_.revision, request_.items[0].declined) == (1, False)


def test_some_lines_are_approved_and_others_declined_with_a_reason(owner):
    plan = make_plan()
    wanted, refused = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    request = make_request(None, wanted, refused, plan=plan)

    approve(request, owner, less=Narrowing(declined={refused.id: "Use the newer one."}))

    assert [grant.product_id for grant in access.grants_of(request.app)] == [wanted.id]
    declined = next(item for item in request.items if item.product_id == refused.id)
    assert (declined.declined, declined.declined_because, declined.is_open) == (True, "Use the newer one.", False)
    make_request(request.requester, refused, plan=plan, app=request.app)  # it may be asked for again


def test_C57_a_lower_plan_takes_the_place_of_the_one_asked_for(owner):
    gold, bronze = make_plan(quota_requests=10_000), make_plan(quota_requests=100, credential_lifetime_days=30)
    product = make_product(plans=[gold, bronze], owners=[owner])
    request = make_request(None, product, plan=gold)
    assert access.lower_plans(request) == [bronze]

    approve(request, owner, less=Narrowing(plan=bronze))

    (grant,) = access.grants_of(request.app)
    assert grant.plan == bronze
    assert grant.credential.plan == bronze
    assert grant.ends_at is not None
    assert request.terms["quota"] == [100, "month"]


def test_C91_conditions_become_part_of_the_grant(request_, owner):
    approve(request_, owner, conditions=["Read only from the office.", " "])

    (grant,) = access.grants_of(request_.app)
    assert grant.conditions == ["Read only from the office."]


# --- adding, stepping back, passing on ---


def test_C59_a_reviewer_adds_a_stage_from_the_list_and_it_is_needed_from_then_on(request_, owner):
    security = make_user(RoleName.SECURITY_REVIEWER)
    with pytest.raises(Invalid, match="Choose one"), transaction():
        access.add_stage(request_, "no-such", by=owner, because="Odd.")
    with transaction():
        access.add_stage(request_, "security", by=owner, because="It touches customer data.")

    approve(request_, owner)
    assert request_.is_pending
    assert request_.status_text == "Pending security approval"
    approve(request_, security)
    assert request_.status is RequestStatus.APPROVED


def test_stepping_back_leaves_the_stage_to_the_others_or_to_the_fallback(owner):
    colleague = make_user(RoleName.API_OWNER)
    plan = make_plan()
    request = make_request(None, make_product(plans=[plan], owners=[owner]), plan=plan)
    stage = only_stage(request)

    with pytest.raises(Invalid, match="Say why"), transaction():
        access.recuse(request, by=owner, stage_id=stage.id, reason="")
    with transaction():
        access.recuse(request, by=owner, stage_id=stage.id, reason="It is my brother's app.")

    assert not access.may_decide(request, owner)
    assert access.may_decide(request, colleague)  # every API owner, when the product's own have gone
    assert [event.reason for event in events_of(stage, EventKind.STAGE_RECUSED)] == ["It is my brother's app."]


def test_passing_a_stage_on_moves_ones_place_to_somebody_else(request_, owner):
    colleague, requester = make_user(RoleName.API_OWNER), request_.requester
    stage = only_stage(request_)

    for person in (requester, make_user()):
        with pytest.raises(Invalid, match="cannot answer"), transaction():
            access.reassign(request_, person, by=owner, stage_id=stage.id)
    with transaction():
        access.reassign(request_, colleague, by=owner, stage_id=stage.id, reason="You know this better.")

    assert not access.may_decide(request_, owner)
    approve(request_, colleague)
    assert request_.status is RequestStatus.APPROVED


def test_taking_a_stage_up_tells_the_others_and_binds_nobody(request_, owner):
    stage = only_stage(request_)
    with transaction():
        access.claim(request_, by=owner, stage_id=stage.id)
    assert stage.claimed_by == owner
    with transaction():
        access.release(request_, by=owner, stage_id=stage.id)
    assert stage.claimed_by is None
    stranger = make_user(RoleName.API_OWNER)
    with pytest.raises(NotAllowed), transaction():
        access.claim(request_, by=stranger, stage_id=stage.id)


# --- standing in ---


def stand_in(to, for_, **times):
    with transaction():
        return access.delegate(
            to, by=for_, **{"starts_at": now() - timedelta(hours=1), "ends_at": now() + timedelta(days=3), **times}
        )


def test_a_stand_in_answers_for_whoever_is_away_and_the_record_names_both(request_, owner):
    deputy = make_user(RoleName.API_OWNER)
    assert not access.may_decide(request_, deputy)
    stand_in(deputy, owner)

    assert access.may_decide(request_, deputy)
    assert access.count_waiting_for(deputy) == 1
    approve(request_, deputy)

    (review,) = request_.stages[0].live_reviews
    assert (review.reviewer, review.principal) == (deputy, owner)
    assert events_of(request_.stages[0], EventKind.STAGE_APPROVED)[0].after["for"] == owner.email


def test_I4_I5_a_stand_in_is_one_vote_for_both_and_never_decides_their_own(owner):
    deputy = make_user(RoleName.API_OWNER, RoleName.CONSUMER)
    stand_in(deputy, owner)
    own = make_request(deputy, owner=owner)
    assert not access.may_decide(own, deputy)

    plan = make_plan()
    both = make_request(None, make_product(plans=[plan], owners=[owner, deputy]), plan=plan)
    approve(both, deputy)
    assert both.status is RequestStatus.APPROVED
    assert both.stages[0].live_reviews[0].principal == deputy  # asked themselves, they give their own vote


def test_a_delegation_has_limits(owner):
    deputy, consumer = make_user(RoleName.API_OWNER), make_user()
    for to, times, field in [
        (owner, {}, "to"),
        (consumer, {}, "to"),
        (deputy, {"ends_at": now() - timedelta(days=1)}, "ends_at"),
        (deputy, {"ends_at": now() + timedelta(days=61)}, "ends_at"),
    ]:
        with pytest.raises(Invalid) as refusal:
            stand_in(to, owner, **times)
        assert refusal.value.field == field
    stand_in(deputy, owner)
    with pytest.raises(Conflict, match="already"):
        stand_in(deputy, owner)


def test_no_chains_and_an_ended_delegation_opens_nothing(request_, owner):
    deputy, third = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    first = stand_in(deputy, owner)
    stand_in(third, deputy)
    assert not access.may_decide(request_, third)

    with transaction():
        access.end_delegation(first, by=deputy)
    assert not access.may_decide(request_, deputy)


# --- changing a request under review ---


def test_an_edit_voids_exactly_the_answers_that_it_touches():
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner, counsel = make_user(RoleName.API_OWNER), make_user()
    make_group("legal", counsel)
    request = make_request(owner=owner, environment=Environment.PROD)
    approve(request, counsel)
    legal = next(stage for stage in request.stages if stage.key == "legal")

    with transaction():
        access.edit(request, by=request.requester, reason="Now for our partners as well.")

    assert request.revision == 2
    assert legal.state is StageState.APPROVED  # its rule reads the environment alone
    approve(request, owner)
    assert request.status is RequestStatus.APPROVED


def test_an_edit_takes_back_the_owners_answer_which_rests_on_all_of_it():
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner, counsel = make_user(RoleName.API_OWNER), make_user()
    make_group("legal", counsel)
    request = make_request(owner=owner)
    approve(request, owner)
    before = request.content_hash

    with transaction():
        access.edit(request, by=request.requester, reason="For something else.")

    stage = next(s for s in request.stages if s.key == "owner")
    assert stage.state is StageState.OPEN
    assert stage.reviews[0].voided_by_revision == 2
    assert access.count_waiting_for(owner) == 1
    assert events_of(stage, EventKind.REVIEW_VOIDED)
    with pytest.raises(Conflict, match="has changed"), transaction():
        access.approve(request, by=owner, seen=before)


def test_only_the_requester_edits_and_only_while_it_is_open(request_, owner):
    with pytest.raises(NotAllowed), transaction():
        access.edit(request_, by=owner, reason="Mine.")
    approve(request_, owner)
    with pytest.raises(Conflict), transaction():
        access.edit(request_, by=request_.requester, reason="Later.")
