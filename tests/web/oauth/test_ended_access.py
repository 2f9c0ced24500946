"""Access ends when it is ended (C157, T17, T18): at the next token call and introspection, with no worker running."""

from datetime import timedelta

import pytest
import time_machine

from portal import access, accounts, credentials
from portal.accounts import RoleName
from portal.catalog import PlanState, ProductState
from portal.db import now, transaction
from tests.support.builders import make_plan, make_product, make_user
from tests.support.programs import claims_of, make_program

INACTIVE = {"active": False}


@pytest.fixture
def program(app):
    return make_program(app)


def refused(program, token, *errors):
    """Whether there is no new token, and the old one is dead."""
    answer = program.token()
    assert answer.status_code in {400, 401}, answer.text
    assert answer.json["error"] in (errors or ("invalid_client",))
    introspected = program.post("/oauth/introspect", {"token": token})
    assert introspected.status_code == 401 or introspected.json == INACTIVE
    return True


def works(program, token=None):
    """Whether there is a new token, and the old one is good."""
    assert program.token().status_code == 200
    assert token is None or program.introspect(token)["active"]
    return True


def test_C157_a_revoked_credential(program):
    token = program.access_token()

    with transaction():
        credentials.revoke(program.request.credential, by=program.request.requester, reason="Leaked.")

    assert refused(program, token)


def test_C157_revoked_access_takes_its_product_and_leaves_the_other(app):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    program = make_program(app, first, second, plan=plan)
    token = program.access_token()

    grant = next(g for g in access.grants_of(program.request.app) if g.product_id == first.id)
    with transaction():
        access.revoke_access(grant, by=program.request.requester, reason="Not needed.")

    introspected = program.introspect(token)
    assert introspected["aud"] == claims_of(program.access_token())["aud"] == [second.audience]
    assert introspected["scope"].split() == second.scope_names
    assert program.token(scope=first.scope_names[0]).json["error"] == "invalid_scope"


def test_C157_the_last_access_of_a_credential(program):
    token = program.access_token()
    (grant,) = access.grants_of(program.request.app)
    owner = make_user(RoleName.API_OWNER)

    with transaction():
        access.revoke_access(grant, by=owner, reason="Misuse.")

    assert refused(program, token)


def test_C157_a_deleted_app(program):
    token = program.access_token()

    with transaction():
        access.delete_app(program.request.app, by=program.request.requester)

    assert refused(program, token)


def test_C157_and_T17_a_retired_product_and_back(program):
    token, product = program.access_token(), program.request.products[0]

    with transaction():
        product.move_to(ProductState.RETIRED)
    assert refused(program, token, "unauthorized_client")

    with transaction():
        product.move_to(ProductState.PUBLISHED)
    assert works(program, token)

    with transaction():
        product.move_to(ProductState.DEPRECATED)
    assert works(program, token)


def test_C157_and_T17_a_deactivated_person_and_back(program):
    token, admin = program.access_token(), make_user(RoleName.ADMINISTRATOR)

    with transaction():
        accounts.deactivate(program.request.requester, by=admin)
    assert refused(program, token)

    with transaction():
        accounts.reactivate(program.request.requester, by=admin)
    assert works(program, token)


def test_T17_a_retired_plan_and_back_and_a_closed_one(program):
    token, plan = program.access_token(), program.request.plan

    with transaction():
        plan.state = PlanState.RETIRED
    assert refused(program, token)

    with transaction():
        plan.state = PlanState.CLOSED
    assert works(program, token), "those who have a closed plan keep it"


def test_T18_an_access_whose_time_is_over(app):
    program = make_program(app, credential_lifetime_days=30, token_lifetime_seconds=3600)
    with time_machine.travel(now() + timedelta(days=30, seconds=-600), tick=False) as clock:
        answer = program.token()
        assert answer.json["expires_in"] <= 600
        token = answer.json["access_token"]
        assert program.introspect(token)["active"]

        clock.shift(600)
        assert refused(program, token)


def test_T18_one_product_s_time_is_over(app):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    program = make_program(app, first, second, plan=plan)
    grant = next(g for g in access.grants_of(program.request.app) if g.product_id == first.id)
    with transaction():
        grant.ends_at = now() + timedelta(minutes=10)
    answer = program.token()

    with time_machine.travel(now() + timedelta(minutes=11), tick=False):
        assert answer.json["expires_in"] <= 600
        assert claims_of(program.access_token())["aud"] == [second.audience]


def test_a_secret_that_was_never_revealed_opens_nothing_and_a_rotated_one_stops(program):
    old = program.secret
    token = program.access_token()
    with transaction():
        program.secret = credentials.rotate(program.request.credential, by=program.request.requester).secret
    assert works(program, token)

    program.secret = old
    assert refused(program, token)


@pytest.mark.parametrize("ends", ["credential", "access"])
def test_C157_access_stops_at_the_second_it_ends_with_no_worker(app, ends):
    program = make_program(app, credential_lifetime_days=10)
    token = program.access_token()
    (grant,) = access.grants_from(program.request)
    with transaction():
        end = now().replace(microsecond=0) + timedelta(minutes=5)
        grant.ends_at = end
        if ends == "credential":
            program.request.credential.expires_at = end

    with time_machine.travel(end - timedelta(milliseconds=1), tick=False) as clock:
        assert works(program, token)
        clock.move_to(end)
        errors = ("invalid_client",) if ends == "credential" else ("unauthorized_client",)
        assert refused(program, token, *errors)
        (grant,) = access.grants_from(program.request)
        assert grant.state is access.GrantState.ACTIVE  # nobody has come by yet, and nobody needed to


def test_C157_a_token_never_outlives_the_access(app):
    program = make_program(app, credential_lifetime_days=10)
    (grant,) = access.grants_from(program.request)
    with transaction():
        grant.ends_at = now() + timedelta(seconds=90)

    assert program.token().json["expires_in"] <= 90


def test_C76_a_renewed_access_goes_on_with_the_same_secret_and_the_same_token(app):
    with time_machine.travel(now() - timedelta(days=5), tick=False) as clock:
        program = make_program(app, credential_lifetime_days=10)
        clock.shift(timedelta(days=10) - timedelta(minutes=10))
        token = program.access_token()
        with transaction():
            access.renew(program.request.credential, by=program.request.requester, days=(30, 14, 7, 1))

        assert works(program, token)
        clock.shift(timedelta(minutes=11))  # past the old end
        assert works(program)
