"""What a person who stands in for somebody finds in their work: what they can answer, and nothing else."""

from datetime import timedelta

import pytest

from portal import access
from portal.access import Whose
from portal.accounts import RoleName
from portal.db import now, transaction
from portal.policies import Quorum
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


def stand_in(deputy, principal):
    with transaction():
        start, end = now() - timedelta(hours=1), now() + timedelta(days=1)
        access.delegate(deputy, by=principal, starts_at=start, ends_at=end)


def work_of(person):
    """What waits for a person, as each page asks for it; all of them say the same."""
    work = access.work_of(person)
    numbers = sorted(each.request.number for each in work)
    assert access.count_waiting_for(person) == len(set(numbers))
    assert sorted({row.number for row in access.queue(seen_by=person, status="pending", mine=True)}) == numbers
    assert (access.next_for(person) is None) is not bool(numbers)
    for each in work:
        assert each.stage.id in {voice.stage.id for voice in access.voices_in(each.request, person)}
    return work


def test_what_waits_for_the_principal_waits_for_whoever_stands_in():
    owner, deputy = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    stand_in(deputy, owner)

    (work,) = work_of(deputy)

    assert (work.request, work.whose, work.principal) == (request, Whose.INSTEAD, owner)


def test_ones_own_request_is_no_work_of_the_one_who_stands_in():
    owner, deputy = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER, RoleName.CONSUMER)
    make_request(deputy, owner=owner)
    stand_in(deputy, owner)

    assert work_of(deputy) == []
    assert len(work_of(owner)) == 1


def test_where_nobody_may_stand_in_nothing_waits_for_them():
    asked, deputy = make_user(RoleName.REVIEWER), make_user(RoleName.REVIEWER)
    make_stage("privacy", delegation_allowed=False)
    make_group("privacy", asked)
    make_policy(demanding("privacy"), order=[["privacy"], ["owner"]])
    make_request(owner=make_user(RoleName.API_OWNER))
    stand_in(deputy, asked)

    assert work_of(deputy) == []
    assert len(work_of(asked)) == 1


def test_whoever_has_answered_themselves_has_no_second_vote_in_their_work():
    first, second = make_user(RoleName.REVIEWER), make_user(RoleName.REVIEWER)
    make_stage("privacy", quorum=Quorum(2))
    make_group("privacy", first, second)
    make_policy(demanding("privacy"), order=[["privacy"], ["owner"]])
    request = make_request(owner=make_user(RoleName.API_OWNER))
    stand_in(first, second)
    assert [each.whose for each in work_of(first)] == [Whose.GROUP]

    with transaction():
        access.approve(request, by=first)

    assert work_of(first) == []
    assert len(work_of(second)) == 1


def test_whoever_has_stepped_back_does_not_come_back_by_standing_in():
    first, second = (make_user(RoleName.API_OWNER) for _ in range(2))
    plan, requester = make_plan(), make_user()
    product = make_product(plans=[plan], owners=[first, second])
    request = make_request(requester, product, plan=plan, app=make_app(requester))
    with transaction():
        access.recuse(request, by=first, stage_id=request.stages[0].id, reason="I know them.")
    stand_in(first, second)

    assert work_of(first) == []
    assert len(work_of(second)) == 1
