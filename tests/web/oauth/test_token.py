"""The token endpoint: what it gives, and to whom across origins. Ids are those of the traps and threats."""

from datetime import timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import KeySet

from portal.db import db, now, transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import FORM, claims_of, make_program, post, send
from tests.support.queries import count_queries
from tests.web.oauth.answers import GRANT, error_of, stored

# --- what it gives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["header", "body"])
def test_a_client_that_proves_itself_gets_a_token(app, program, method):
    if method == "header":
        answer = program.token()
    else:
        answer = post(app, "/oauth/token", {**GRANT, "client_id": program.id, "client_secret": program.secret})

    assert answer.status_code == 200
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 3600
    assert answer.json["scope"] == " ".join(sorted(program.request.products[0].scope_names))


def test_T15_the_answer_is_not_stored_sets_no_cookie_and_has_no_refresh_token(program):
    answer = program.token()

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.content_type == "application/json"
    assert "Set-Cookie" not in answer.headers
    assert "refresh_token" not in answer.json


def test_the_token_is_a_jwt_by_rfc_9068_that_the_published_key_verifies(app, program):
    token = program.access_token()
    published = KeySet.import_key_set(send(app, "GET", "/oauth/jwks.json").json)

    decoded = jwt.decode(token, published, algorithms=["ES256"])

    assert decoded.header["typ"] == "at+jwt"
    assert decoded.header["kid"] == send(app, "GET", "/oauth/jwks.json").json["keys"][0]["kid"]
    assert set(decoded.claims) == {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope"}
    assert decoded.claims["iss"] == "http://localhost"
    assert decoded.claims["sub"] == decoded.claims["client_id"] == program.id
    assert decoded.claims["exp"] - decoded.claims["iat"] == 3600


def test_trap_8_the_audience_is_the_api_not_the_client(program):
    assert claims_of(program.access_token())["aud"] == [program.request.products[0].audience]


def test_the_plan_sets_how_long_a_token_lives(app):
    answer = make_program(app, token_lifetime_seconds=120).token()

    claims = claims_of(answer.json["access_token"])
    assert answer.json["expires_in"] == claims["exp"] - claims["iat"] == 120


def test_no_token_outlives_the_credential(app):
    program = make_program(app, credential_lifetime_days=1)
    credential = stored(program)

    with transaction():
        credential.plan.token_lifetime_seconds = 7 * 24 * 3600

    claims = claims_of(program.access_token())
    assert claims["exp"] == int(credential.expires_at.timestamp())


def test_T21_two_products_give_the_union_and_a_scope_narrows_the_audience_too(app):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    make_product(plans=[plan])
    program = make_program(app, first, second, plan=plan)

    everything = claims_of(program.access_token())
    part = claims_of(program.access_token(scope=first.scope_names[0]))

    assert sorted(everything["aud"]) == sorted([first.audience, second.audience])
    assert everything["scope"].split() == sorted(first.scope_names + second.scope_names)
    assert part["aud"] == [first.audience]
    assert part["scope"] == first.scope_names[0]


@pytest.fixture
def uses(app):
    found = app.extensions["portico.oauth"]["server"].uses
    found.forget()  # what an earlier test left waiting is about a credential that is no more
    kept = found.every_seconds
    yield found
    found.every_seconds = kept


def test_the_use_of_a_credential_is_noted_once_a_minute(app, program, uses):
    uses.every_seconds = 0
    program.token()
    first = stored(program).last_used_at

    with app.app_context(), count_queries() as counted:
        program.token()

    assert first is not None
    assert stored(program).last_used_at == first
    assert not [statement for statement in counted if not statement.startswith("SELECT")]
    with time_machine.travel(now() + timedelta(seconds=61), tick=False):
        program.token()
    assert stored(program).last_used_at > first + timedelta(seconds=60)


def test_uses_within_a_second_are_written_together(app, program, uses):
    uses.every_seconds = 3600
    uses.write()
    others = [program, make_program(app), make_program(app)]
    for other in others:
        other.token()
    assert {stored(other).last_used_at for other in others} == {None}

    uses.write()

    assert None not in {stored(other).last_used_at for other in others}


# --- browsers and strangers ------------------------------------------------------------------------------------------


def test_C8_the_cookie_of_somebody_signed_in_changes_nothing(app, program, browser):
    person = browser(program.request.requester)
    client = person.client
    db.session.rollback()
    with app.app_context(), count_queries() as counted:
        answer = client.post("/oauth/token", data=GRANT, content_type=FORM)

    assert error_of(answer) == "invalid_client"
    assert len(counted) == 0, "not even the session is looked up"
    assert person.get("/account").status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/token"),
        ("OPTIONS", "/oauth/token"),
        ("OPTIONS", "/oauth/introspect"),
        ("GET", "/oauth/jwks.json"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ],
)
def test_E7_no_other_origin_is_let_in(app, origin, method, path):
    answer = send(app, method, path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})

    assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
