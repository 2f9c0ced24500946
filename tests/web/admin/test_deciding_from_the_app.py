"""An owner decides from the page of the app that asks (T72)."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def test_T72_an_owner_approves_from_the_page_of_the_app(browser, owner):
    request = make_request(owner=owner)

    page = browser(owner).get(f"/admin/apps/{request.app_id}").press("Approve", Comment="Welcome")

    assert f"{request.number} is approved" in page.text("#messages")
    assert request.status is RequestStatus.APPROVED
    assert [grant.product_id for grant in access.grants_of(request.app)] == [request.products[0].id]


def test_T72_rejecting_there_demands_a_reason_too(browser, owner):
    request = make_request(owner=owner)
    page = browser(owner).get(f"/admin/apps/{request.app_id}")

    again = page.press("Reject")
    assert again.status == 422
    assert request.status is RequestStatus.PENDING

    page.press("Reject", Reason="Use the sandbox first.")
    assert request.status is RequestStatus.REJECTED


def test_T72_only_who_may_decide_is_offered_it(browser, owner):
    request = make_request(owner=owner)

    for reader in (make_user(RoleName.AUDITOR), make_user(RoleName.API_OWNER)):
        page = browser(reader).get(f"/admin/apps/{request.app_id}")
        assert not page.has_button("Approve")
        assert not page.has_button("Reject")


def test_the_number_of_queries_does_not_grow_with_what_is_pending(browser, owner):
    developer, plan = make_user(), make_plan()
    app, visitor = make_app(developer), browser(owner)

    def queries_for(more):
        for _ in range(more):
            make_request(developer, make_product(plans=[plan], owners=[owner]), plan=plan, app=app)
        with count_queries() as counted:
            assert visitor.get(f"/admin/apps/{app.id}").has_button("Approve")
        return len(counted)

    assert queries_for(2) == queries_for(5)
