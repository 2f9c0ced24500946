"""Whether an API key is good, as a gateway asks that was sent one: it knows nothing else of who calls (RFC 7662)."""

from datetime import timedelta

import pytest
import time_machine

from portal import access, credentials
from portal.access import Grant
from portal.catalog import AuthMethod, ProductState
from portal.credentials import Credential
from portal.db import db, now, transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import make_program, post
from tests.support.queries import count_queries
from tests.web.oauth.test_ended_access import INACTIVE

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def ask(app):
    """Asks as a gateway does about a text."""
    with transaction():
        made = credentials.add_gateway("Edge", by=None)

    def asked(text):
        answer = post(app, "/oauth/introspect", {"token": text}, auth=(made.client_id, made.secret))
        assert answer.status_code == 200, answer.text
        return answer.json

    return asked


@pytest.fixture
def keyed(app):
    """An app with an API key."""
    plan = make_plan(auto_approve=True, overlap_days=7)
    return make_program(app, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)


def held(program):
    """The credential as it is now."""
    db.session.expire_all()
    return db.session.get(Credential, program.request.credential_id)


def owner_of(program):
    return held(program).app.owner


def test_a_gateway_is_told_whose_key_it_is_and_what_it_opens(ask, keyed):
    (grant,) = access.grants_of(keyed.request.app)

    told = ask(keyed.secret)

    assert told == {
        "active": True,
        "client_id": keyed.id,
        "sub": keyed.id,
        "scope": " ".join(sorted(grant.scopes)),
        "aud": [grant.product.audience],
        "iss": told["iss"],
        "token_type": "N_A",
        **({"exp": int(grant.ends_at.timestamp())} if grant.ends_at else {}),
    }


def test_it_notes_that_the_key_is_in_use(app, ask, keyed):
    assert not held(keyed).is_use_known

    ask(keyed.secret)
    app.extensions["portico.oauth"]["server"].uses.write()  # and not within the second

    db.session.rollback()
    assert held(keyed).is_use_known
    assert held(keyed).secret_used_at is not None
    assert access.grants_of(held(keyed).app)[0].last_used_at is not None


def test_nobody_else_is_told(app, ask, keyed, program):
    assert program.introspect(keyed.secret) == INACTIVE
    refused = post(app, "/oauth/introspect", {"token": keyed.secret}, auth=(keyed.id, keyed.secret))
    assert (refused.status_code, refused.json["error"]) == (400, "unauthorized_client")


def test_what_is_no_key_of_ours_is_not_active(ask, keyed, program):
    for text in (
        "pak_",
        keyed.secret[:-1],
        keyed.secret + "x",
        keyed.id,
        program.secret,
        "é",
        "\0",
        "pak_" + "0" * 49,
    ):
        assert ask(text) == INACTIVE, text
    assert ask(credentials.new_secret(AuthMethod.API_KEY)) == INACTIVE


def test_C157_it_ends_with_the_access_the_credential_the_product_and_the_owner(app, ask):
    def suspended(program):
        access.suspend_access(access.grants_of(held(program).app)[0], by=owner_of(program), reason="Looking into it.")

    def revoked(program):
        access.revoke_credential(held(program), by=owner_of(program))

    def retired(program):
        access.grants_of(held(program).app)[0].product.state = ProductState.RETIRED

    def left(program):
        owner_of(program).active = False

    def asks_otherwise(program):
        access.grants_of(held(program).app)[0].product.auth_method = AuthMethod.OAUTH2

    for end in (suspended, revoked, retired, left, asks_otherwise):
        plan = make_plan(auto_approve=True)
        program = make_program(app, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)
        assert ask(program.secret)["active"]
        with transaction():
            end(program)
        assert ask(program.secret) == INACTIVE, end.__name__


def test_C101_both_keys_are_good_while_one_takes_the_others_place(ask, keyed):
    with transaction():
        new = credentials.rotate(held(keyed), by=owner_of(keyed), overlap_days=7).secret

    assert [ask(key)["active"] for key in (keyed.secret, new)] == [True, True]
    with time_machine.travel(now() + timedelta(days=7, seconds=1), tick=False):
        assert [ask(key)["active"] for key in (keyed.secret, new)] == [False, True]


def test_it_ends_to_the_second(ask, keyed):
    ends = now() + timedelta(hours=1)
    with transaction():
        db.session.get(Grant, access.grants_of(held(keyed).app)[0].id).ends_at = ends

    assert ask(keyed.secret)["exp"] == int(ends.timestamp())
    with time_machine.travel(ends, tick=False):
        assert ask(keyed.secret) == INACTIVE


def test_a_key_costs_one_query_more_than_its_credential(app, keyed):
    db.session.rollback()
    with count_queries() as counted:
        assert access.entitlement_of_key(keyed.secret) is not None
    assert len(counted) == 2
