"""A request for products of two owners: each answers for their own, side by side, and both are needed."""

import pytest
from sqlalchemy import func, select

from portal import access
from portal.access import AccessRequest, RequestStatus, StageState
from portal.accounts import RoleName, User
from portal.credentials import Credential
from portal.db import db, transaction
from portal.errors import NotAllowed
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def shared():
    owners = [make_user(RoleName.API_OWNER) for _ in range(2)]
    plan = make_plan()
    products = [make_product(plans=[plan], owners=[owner]) for owner in owners]
    return make_request(make_user(), *products, plan=plan), owners


def approve(request_id, person_id):
    with transaction():
        return access.approve(db.session.get(AccessRequest, request_id), by=db.session.get(User, person_id)).status


def test_the_first_yes_leaves_the_request_pending_and_names_who_is_awaited(shared):
    request, (first, second) = shared

    approve(request.id, first.id)

    assert request.status is RequestStatus.PENDING
    assert request.status_text.startswith("Pending ")
    assert [a.user_id for stage in request.open_stages for a in stage.assignees] == [second.id]
    assert access.grants_of(request.app) == []


def test_one_no_is_enough(shared):
    request, (first, second) = shared
    approve(request.id, first.id)

    with transaction():
        access.reject(request, by=second, reason="Not this one.")

    assert request.status is RequestStatus.REJECTED
    assert access.grants_of(request.app) == []


def test_the_same_owner_cannot_answer_for_the_other(shared):
    request, (first, _) = shared
    approve(request.id, first.id)

    with pytest.raises(NotAllowed), transaction():
        access.approve(request, by=first)

    assert request.status is RequestStatus.PENDING


def test_R11_two_stages_approved_at_once_are_each_answered_once_and_give_one_credential(shared):
    request, owners = shared
    request_id, ids = request.id, [owner.id for owner in owners]

    assert not errors_in(race(2, lambda number: approve(request_id, ids[number])))

    assert request.status is RequestStatus.APPROVED
    assert [stage.state for stage in request.stages] == [StageState.APPROVED] * 2
    assert len(access.grants_of(request.app)) == 2
    assert db.session.scalar(select(func.count()).select_from(Credential)) == 1
    decided = select(func.count()).select_from(AuditEvent).where(AuditEvent.kind == EventKind.REQUEST_APPROVED)
    assert db.session.scalar(decided) == 1
