"""A product that is retired while a request for it waits: no stage approves what nobody can be given."""

import pytest

from portal import access
from portal.access import Approval, Narrowing, StageState
from portal.accounts import RoleName
from portal.catalog import ProductState
from portal.db import transaction
from portal.errors import Conflict
from tests.support.builders import demanding, make_plan, make_policy, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER)


@pytest.fixture
def asked(owner, security):
    make_policy(demanding("owner", "security"), order=[["owner"], ["security"]])
    plan = make_plan()
    return make_request(None, *(make_product(name, plans=[plan], owners=[owner]) for name in "AB"), plan=plan)


def retire(*products):
    with transaction() as session:
        for product in products:
            session.merge(product).state = ProductState.RETIRED


def test_the_first_of_two_stages_does_not_approve_what_nobody_can_be_given(asked, owner):
    retire(*asked.products)

    with pytest.raises(Conflict, match=r"A and B have been retired .* Reject it with a reason\."), transaction():
        access.approve(asked, by=owner)

    assert [stage.state for stage in asked.stages] == [StageState.OPEN, StageState.WAITING]


def test_the_first_of_two_stages_declines_what_is_retired_and_approves_the_rest(asked, owner):
    goes = asked.products[1]
    retire(goes)

    with pytest.raises(Conflict, match="Decline that line and approve the rest"), transaction():
        access.approve(asked, by=owner)
    with transaction():
        access.approve(asked, by=owner, saying=Approval(less=Narrowing(declined={goes.id: "It is gone."})))

    assert [stage.state for stage in asked.stages] == [StageState.APPROVED, StageState.OPEN]


def test_many_at_once_are_refused_alike(asked, owner):
    retire(*asked.products)

    with transaction():
        (outcome,) = access.approve_many([asked], by=owner)

    assert not outcome.done
    assert "retired" in outcome.message


def test_it_is_rejected_as_ever(asked, owner):
    retire(*asked.products)

    with transaction():
        access.reject(asked, by=owner, reason="Retired.")

    assert not asked.is_pending
