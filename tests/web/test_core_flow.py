"""Rows of the core flow that stand across several pages."""

import pytest

from portal import access, credentials
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.db import transaction
from tests.support.builders import fill_cart, make_plan, make_product, make_request, make_user
from tests.support.programs import Program, claims_of, make_program

pytestmark = pytest.mark.usefixtures("app")


def test_T14_a_product_that_is_only_shown_opens_to_nobody_until_its_method_is_back(app):
    program = make_program(app)
    token, product = program.access_token(), program.request.products[0]

    for method in (AuthMethod.CUSTOM, AuthMethod.BASIC, AuthMethod.API_KEY):
        with transaction():
            product.auth_method = method
        assert program.token().json["error"] == "unauthorized_client"
        assert not program.post("/oauth/introspect", {"token": token}).json["active"]

    with transaction():
        product.auth_method = AuthMethod.OAUTH2
    assert program.token().status_code == 200
    assert program.introspect(token)["active"]


def test_T14_the_other_products_of_the_credential_go_on(app):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    program = make_program(app, first, second, plan=plan)

    with transaction():
        first.auth_method = AuthMethod.CUSTOM

    assert claims_of(program.access_token())["aud"] == [second.audience]


def test_T46_T45_access_goes_on_while_an_addition_waits_and_then_the_same_secret_opens_more(app):
    owner, plan = make_user(RoleName.API_OWNER), make_plan()
    first, second = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    request = make_request(None, first, plan=plan)
    with transaction():
        access.approve(request, by=owner)
    with transaction():
        revealed = credentials.reveal(request.credential, by=request.requester)
    program = Program(app, request, revealed.client_id, revealed.secret)
    token = program.access_token()

    fill_cart(request.requester, second, plan=plan)
    with transaction():
        (addition,) = access.submit(request.app, by=request.requester, credential=request.credential, reason="More.")

    assert addition.status is RequestStatus.PENDING
    assert program.introspect(token)["active"]
    assert claims_of(program.access_token())["aud"] == [first.audience]

    with transaction():
        access.approve(addition, by=owner)
    assert addition.credential_id == request.credential_id
    assert set(claims_of(program.access_token())["aud"]) == {first.audience, second.audience}


@pytest.mark.parametrize("auto_approve", [False, True])
def test_T52_T53_every_submission_leaves_a_whole_record(auto_approve):
    plan = make_plan("Gold", auto_approve=auto_approve)
    product = make_product("Payments", plans=[plan])

    request = make_request(make_user(), product, plan=plan)

    assert (request.products, request.plan, request.catalogue_name) == ([product], plan, "General")
    assert request.app.owner_id == request.requester_id
    assert request.auth_method is AuthMethod.OAUTH2
    assert request.auto_approved is auto_approve
    assert request.status is (RequestStatus.APPROVED if auto_approve else RequestStatus.PENDING)
    assert request.submitted_at is not None
    assert (request.decided_at is not None) is auto_approve


def test_T56_no_page_of_the_admin_portal_makes_a_request(app, browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/access-requests")

    assert not [words for words in page.texts("main a, main button") if words.startswith(("New", "Add", "Create"))]
    for path in ("/admin/access-requests", "/admin/access-requests/new"):
        assert browser(make_user(RoleName.ADMINISTRATOR)).forge(path).status in {404, 405}
