"""Suspended access at the authorization server: it opens nothing at once and all again, with no worker (C77, I15)."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.catalog import Plan
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_user
from tests.support.programs import claims_of, make_program

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def make(app, owner, number=1):
    plan = make_plan(auto_approve=True)
    return make_program(app, *(make_product(plans=[plan], owners=[owner]) for _ in range(number)), plan=plan)


def act(does, grant, owner):
    with transaction():
        does(grant, by=owner, reason="Too many calls.")


def test_the_only_access_of_a_client(app, owner):
    program = make(app, owner)
    (grant,) = access.grants_of(program.request.app)
    token = program.access_token()

    act(access.suspend_access, grant, owner)

    assert program.introspect(token) == {"active": False}
    answer = program.token()
    assert answer.status_code == 400
    assert answer.json["error"] in {"invalid_scope", "unauthorized_client", "invalid_grant"}
    assert program.token(scope=grant.scopes[0]).status_code == 400

    act(access.resume_access, grant, owner)

    assert program.introspect(token)["active"]
    assert program.token().status_code == 200


def test_one_of_two_takes_its_product_and_leaves_the_other(app, owner):
    program = make(app, owner, 2)
    suspended, other = access.grants_of(program.request.app)
    token = program.access_token()

    act(access.suspend_access, suspended, owner)

    told = program.introspect(token)
    assert told["aud"] == claims_of(program.access_token())["aud"] == [other.product.audience]
    assert set(told["scope"].split()) == set(other.scopes)
    assert program.token(scope=suspended.scopes[0]).json["error"] == "invalid_scope"
    assert program.token(resource=suspended.product.audience).json["error"] == "invalid_target"

    act(access.resume_access, suspended, owner)
    assert len(program.introspect(token)["aud"]) == 2


def test_T50_another_plan_keeps_client_and_secret_and_changes_the_scopes_at_once(app, owner):
    program = make(app, owner)
    (grant,) = access.grants_of(program.request.app)
    read = grant.product.scope_names[0]
    less = make_plan("Less", auto_approve=True, scopes=[read])
    make_product(plans=[less])
    token = program.access_token()

    with transaction():
        credential = program.request.credential
        access.ask_plan_change(credential, db.session.get(Plan, less.id), by=program.request.requester, reason="Less.")

    assert claims_of(program.access_token())["scope"] == read
    assert program.introspect(token)["scope"] == read
