"""Who may not choose who answers, nor be chosen, and who is asked again (C136)."""

import pytest

from portal import access, accounts
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Invalid, NotAllowed
from tests.service.access.attacks.deciding import approve, stage_of
from tests.support.builders import (
    demanding,
    make_group,
    make_policy,
    make_request,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


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


def test_who_comes_back_is_asked_again_as_the_member_of_a_group_that_they_are(board):
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(board[0], by=administrator)
    request = make_request()
    assert not access.may_decide(request, board[0])

    with transaction():
        accounts.reactivate(board[0], by=administrator)

    assert access.may_decide(request, board[0])
    assert access.count_waiting_for(board[0]) == 1
