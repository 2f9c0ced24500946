"""Access whose product asks for another authentication method now: every page says that it opens nothing (T14)."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.db import db, transaction
from tests.support.builders import fill_cart, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def shut():
    """Approved access whose product was put on API keys since."""
    plan, owner = make_plan("Gold", auto_approve=True), make_user(RoleName.API_OWNER)
    product = make_product("Payments", plans=[plan], owners=[owner])
    request = make_request(None, product, plan=plan)
    put_on(product, AuthMethod.API_KEY)
    return request


def put_on(product, method):
    with transaction():
        product.auth_method = method


def grant_page(request):
    return f"/apps/{request.app_id}/access/{access.grants_of(request.app)[0].id}"


def test_the_app_and_the_access_say_that_it_does_not_work_and_how_to_go_on(browser, shut):
    here = browser(shut.requester)

    row = here.get(f"/apps/{shut.app_id}").text("#access-held")
    page = here.get(grant_page(shut)).text("main")

    about = here.get(f"/apps/{shut.app_id}").soup.select_one(".credential")
    assert "Payments" not in about.select_one("dl").text
    for text in (row, page):
        assert "Does not work" in text
        assert "(API key), and the credential is for OAuth 2.0 client credentials" in text
    assert "Revoke this access and ask for it again" in row
    assert "Revoke this access and ask for it again" in page


def test_where_no_credential_is_issued_nobody_is_told_to_ask(browser, shut):
    put_on(shut.products[0], AuthMethod.CUSTOM)

    row = browser(shut.requester).get(f"/apps/{shut.app_id}").text("#access-held")

    assert "Portico issues no credentials for that." in row
    assert "ask for it again" not in row


def test_it_works_again_when_the_method_is_back(browser, shut):
    put_on(shut.products[0], AuthMethod.OAUTH2)

    here = browser(shut.requester)

    assert "Does not work" not in here.get(f"/apps/{shut.app_id}").html
    assert "Active" in here.get(grant_page(shut)).text("main")


def test_who_asks_again_hears_what_is_in_the_way(shut):
    fill_cart(shut.requester, shut.products[0], plan=shut.plan)
    with (
        pytest.raises(access.CartRejected, match="another authentication method: revoke that access first"),
        transaction(),
    ):
        access.submit(shut.app, by=shut.requester, reason="Again.")


def test_owners_see_it_in_the_register_and_on_the_app(browser, shut):
    owner = browser(shut.products[0].owners[0])
    grant = access.grants_of(shut.app)[0]

    for path in ("/admin/access", f"/admin/access/{grant.id}", f"/admin/apps/{shut.app_id}"):
        assert "Does not work" in owner.get(path).text("main"), path


def test_suspended_access_is_said_to_be_suspended(browser, shut):
    with transaction():
        access.suspend_access(
            db.session.get(access.Grant, access.grants_of(shut.app)[0].id), by=shut.requester, reason="x"
        )

    row = browser(shut.requester).get(f"/apps/{shut.app_id}").text("#access-held")

    assert "Suspended" in row
    assert "Does not work" not in row
