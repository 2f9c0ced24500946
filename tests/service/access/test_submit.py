"""Submitting the cart."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.db import transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_products_with_different_authentication_methods_cannot_share_a_request():
    developer, plan = make_user(), make_plan()
    first = make_product("Payments", plans=[plan])
    second = make_product("Weather", plans=[plan], auth_method=AuthMethod.API_KEY)
    fill_cart(developer, first, second, plan=plan)
    app = make_app(developer)

    with pytest.raises(access.CartRejected, match="same authentication method") as rejected, transaction():
        access.submit(app, by=developer)

    assert "Payments" in str(rejected.value)
    assert "Weather" in str(rejected.value)
    assert len(access.cart_of(developer)) == 2


def test_a_plan_with_manual_approval_leaves_the_request_pending_with_its_owner_asked():
    owner = make_user(RoleName.API_OWNER)

    request = make_request(owner=owner)

    assert request.status is RequestStatus.PENDING
    assert [a.user.email for a in request.open_stages[0].assignees] == [owner.email]


def test_a_plan_that_approves_by_itself_grants_at_once_and_keeps_the_record():
    request = make_request(plan=make_plan(auto_approve=True))

    assert request.status is RequestStatus.APPROVED
    assert request.auto_approved
    assert request.credential is not None
    assert [g.product for g in access.grants_of(request.app)] == request.products


def test_an_owner_approves_and_the_secret_is_revealed_once():
    from portal import credentials

    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    with transaction():
        access.approve(request, by=owner, comment="Fine.")
    with transaction():
        revealed = credentials.reveal(request.credential, by=request.requester)

    entitlement = access.find_entitlement(revealed.client_id)
    assert entitlement is not None
    assert entitlement.is_live
    assert credentials.secret_matches(revealed.secret, entitlement.secret_hash)
    assert entitlement.audiences == (request.products[0].audience,)
