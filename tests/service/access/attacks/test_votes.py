"""What must not be possible with votes, whoever tries (I4, I5)."""

import pytest

from portal import access, accounts
from portal.access import StageState
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Conflict, NotAllowed
from portal.policies.stages import Quorum, QuorumMode
from tests.service.access.attacks.deciding import approve, stage_of, stand_in
from tests.support.builders import (
    demanding,
    make_group,
    make_policy,
    make_request,
    make_stage,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


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

    assert access.count_waiting_for(deputy) == 0
    approve(request, present)
    assert stage.state is StageState.APPROVED
