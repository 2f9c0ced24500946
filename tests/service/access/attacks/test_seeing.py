"""Who sees a request, and who no longer does (C29)."""

import pytest

from portal import access, accounts
from portal.access import AssigneeState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import transaction
from tests.service.access.attacks.deciding import approve, stand_in
from tests.support.builders import (
    make_group,
    make_request,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


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

    assert next(a for a in request.stages[0].assignees if a.user == board[0]).state is AssigneeState.INELIGIBLE
    assert sees(board[0], request) == (False, False)
    assert sees(board[1], request) == (True, True)


def test_C29_who_is_no_api_owner_any_more_sees_their_products_requests_no_more():
    owner, administrator = make_user(RoleName.API_OWNER, RoleName.REVIEWER), make_user(RoleName.ADMINISTRATOR)
    request = make_request(owner=owner)
    assert sees(owner, request) == (True, True)
    with transaction():
        accounts.change_roles(owner, [RoleName.REVIEWER], by=administrator)

    assert sees(owner, request) == (False, False)


def test_C29_a_reviewer_of_another_group_sees_nothing(board):
    make_request(environment=Environment.PROD)
    stranger, security = make_user(), make_user(RoleName.SECURITY_REVIEWER)
    make_group("other", stranger)

    assert access.queue(seen_by=stranger) == access.queue(seen_by=security) == []
