"""Apps as owners and administrators see them."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_app, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def approved(owner):
    request = make_request(owner=owner)
    with transaction():
        access.approve(request, by=owner)
    return request


def test_an_owner_revokes_access_with_a_reason_and_the_credential_goes_with_its_last_product(browser, owner, approved):
    page = browser(owner).get(f"/admin/apps/{approved.app_id}").press("Revoke access", Reason="Leaked")

    assert "The access has been revoked." in page.text()
    (grant,) = access.grants_of(approved.app)
    assert grant.status == "Revoked"
    assert grant.revoked_reason == "Leaked"
    assert approved.credential.status == "Revoked"


def test_a_reason_is_demanded(browser, owner, approved):
    page = browser(owner).get(f"/admin/apps/{approved.app_id}").press("Revoke credential", Reason="")

    assert page.status == 422
    assert "Give a reason" in page.text()
    assert approved.credential.status == "Ready to reveal"


def test_the_owner_of_another_product_sees_but_cannot_revoke(browser, approved):
    stranger = browser(make_user(RoleName.API_OWNER))
    (grant,) = access.grants_of(approved.app)

    assert not stranger.get(f"/admin/apps/{approved.app_id}").has_button("Revoke access")
    for path in (f"access/{grant.id}", f"credentials/{approved.credential_id}"):
        assert stranger.forge(f"/admin/apps/{approved.app_id}/{path}/revoke", {"reason": "x"}).status == 403
    assert access.grants_of(approved.app)[0].is_live


def test_the_grant_of_another_app_is_not_found_under_this_one(browser, approved):
    administrator = browser(make_user(RoleName.ADMINISTRATOR))
    other = make_app(make_user())
    (grant,) = access.grants_of(approved.app)

    assert administrator.forge(f"/admin/apps/{other.id}/access/{grant.id}/revoke", {"reason": "x"}).status == 404
    assert access.grants_of(approved.app)[0].is_live


def test_B9_an_auditor_reads_apps_and_revokes_nothing(browser, approved):
    auditor = browser(make_user(RoleName.AUDITOR))
    (grant,) = access.grants_of(approved.app)

    assert not auditor.get(f"/admin/apps/{approved.app_id}").has_button("Revoke access")
    assert auditor.forge(f"/admin/apps/{approved.app_id}/access/{grant.id}/revoke", {"reason": "x"}).status == 403


def test_the_list_is_searched_and_paged_with_a_constant_number_of_queries(browser, monkeypatch):
    administrator, developer = browser(make_user(RoleName.ADMINISTRATOR)), make_user()
    for number in range(3):
        make_app(developer, f"Tracker {number}")
    with count_queries() as few:
        administrator.get("/admin/apps")
    for number in range(3, 9):
        make_app(developer, f"Tracker {number}")
    with count_queries() as many:
        administrator.get("/admin/apps")
    assert len(few) == len(many)

    monkeypatch.setattr("admin.apps.PAGE_SIZE", 4)
    first = administrator.get("/admin/apps", query_string={"q": "track"})
    assert first.texts("tbody th") == [f"Tracker {n}" for n in range(4)]
    assert first.follow("Next page").texts("tbody th") == [f"Tracker {n}" for n in range(4, 8)]
