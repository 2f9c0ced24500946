"""Forged, borrowed and outlived: assertions (RFC 7523), access tokens (RFC 9068) and what RFC 9700 says of both."""

import base64
import hashlib
import json
from datetime import timedelta

import jwt
import pytest
import time_machine

from portal import access, credentials
from portal.db import now, transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import claims_of, header_of, make_program, post
from tests.web.oauth.answers import GRANT, error_of, stored
from tests.web.oauth.attacks.forging import ENDPOINTS, INACTIVE, assertion, proved, resigned


def test_RFC7523_2_1_an_assertion_is_no_grant(app, program, key):
    """The JWT bearer grant does not exist here: an assertion proves a client and stands for nobody."""
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    answer = proved(app, assertion(program, key), grant_type=grant, assertion=assertion(program, key))

    assert (answer.status_code, error_of(answer)) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "audience", ["http://localhost/", "https://localhost", "http://LOCALHOST", "/oauth/token", "*"]
)
def test_RFC7523_3_an_audience_is_ours_to_the_letter(app, program, key, audience):
    answer = proved(app, assertion(program, key, aud=audience))

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


def test_RFC7523_3_an_assertion_for_one_endpoint_opens_no_other(app, program, key):
    """``aud`` may be the endpoint that is called, the token endpoint or the issuer: not a third one."""
    text = assertion(program, key, aud="http://localhost/oauth/revoke")

    assert proved(app, text).status_code == 401
    assert proved(app, text, "/oauth/introspect", token="x").status_code == 401


def test_RFC7523_3_an_assertion_that_was_used_at_one_endpoint_is_used_up_at_all(app, program, key):
    text = assertion(program, key)

    assert proved(app, text, "/oauth/introspect", token="x").status_code == 200
    for path in ("token", "introspect", "revoke"):
        assert proved(app, text, f"/oauth/{path}", token="x").status_code == 401


def test_RFC7523_3_a_registered_key_signs_no_access_token(app, program, key):
    """Keys of clients and of the server are never taken for each other."""
    token = program.access_token()
    forged = jwt.encode(claims_of(token), key.as_pem(private=True), algorithm="ES256", headers=header_of(token))

    assert program.introspect(forged) == INACTIVE


FORGED_CLAIMS = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": ...},
    "no audience": {"aud": ...},
    "another audience": {"aud": ["urn:portico:api:not-ours"]},
    "an unknown client": {"client_id": "pci_unknown"},
    "no client": {"client_id": ...},
    "a client that is a list": {"client_id": ["x"]},
    "no id": {"jti": ...},
    "no end": {"exp": ...},
    "an end in the past": {"exp": 1},
    "an end that is a word": {"exp": "never"},
    "a start in the future": {"iat": 2**40, "exp": 2**41},
    "a confirmation that is none": {"cnf": {}},
    "a confirmation that is a text": {"cnf": "x"},
}


def test_a_token_that_is_signed_anew_without_a_change_is_good(app, program):
    """What stands below relies on it."""
    assert program.introspect(resigned(app, program.access_token()))["active"]


@pytest.mark.parametrize("name", FORGED_CLAIMS)
def test_RFC9068_4_even_with_our_signature_claims_must_be_right(app, program, name):
    assert program.introspect(resigned(app, program.access_token(), **FORGED_CLAIMS[name])) == INACTIVE


def test_RFC9068_4_more_scope_than_was_granted_is_not_told_even_with_our_signature(app, program):
    token = program.access_token()

    told = program.introspect(resigned(app, token, scope=f"{claims_of(token)['scope']} admin:all"))

    assert "admin:all" not in told.get("scope", "")


def test_RFC9068_5_a_token_says_nothing_of_people(program):
    claims = claims_of(program.access_token())

    assert not {"email", "name", "auth_time", "acr", "amr", "roles", "groups", "act"} & set(claims)
    assert program.request.requester.email not in json.dumps(claims)


def test_RFC9068_2_1_each_token_is_another(program):
    tokens = [claims_of(program.access_token())["jti"] for _ in range(5)]

    assert len(set(tokens)) == 5
    assert all(len(base64.urlsafe_b64decode(jti + "==")) >= 16 for jti in tokens)


def test_RFC9068_5_two_apis_that_must_not_share_tokens_need_not(app):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    program = make_program(app, first, second, plan=plan)

    claims = claims_of(program.access_token(resource=first.audience))

    assert claims["aud"] == [first.audience]
    assert not set(second.scope_names) & set(claims["scope"].split())


def test_RFC9700_2_5_a_client_that_signs_needs_no_secret_at_all(app, program, key):
    credential = stored(program)
    with transaction():
        credentials.stop_secrets(credential, by=None, reason="It signs.")

    assert proved(app, assertion(program, key)).status_code == 200
    for secret in (program.secret, "", "None", "null", "0" * 64):
        assert post(app, "/oauth/token", GRANT, auth=(program.id, secret)).status_code == 401


def test_RFC9700_4_10_1_a_bound_token_carries_its_thumbprint_where_apis_look(app):
    keys = app.extensions["portico.oauth"]["server"].keys
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(b"certificate").digest()).rstrip(b"=").decode()
    token = resigned(app, make_program(app).access_token(), cnf={"x5t#S256": thumbprint})

    assert keys.verify(token)["cnf"] == {"x5t#S256": thumbprint}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_RFC9700_4_3_1_no_answer_may_be_kept_by_a_cache(app, program, endpoint):
    for auth in ((program.id, program.secret), (program.id, "wrong"), None):
        answer = post(app, f"/oauth/{endpoint}", {**GRANT, "token": "x"}, auth=auth)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_RFC9700_4_16_and_4_17_no_answer_can_be_framed_sniffed_or_run(app, program, endpoint):
    answer = post(app, f"/oauth/{endpoint}", GRANT, auth=(program.id, "wrong"))

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_RFC9700_4_9_a_token_outlives_nothing_that_it_opens(program):
    moment = now() + timedelta(seconds=100)
    (grant,) = access.grants_of(program.request.app)
    with transaction():
        grant.ends_at = moment

    token = program.access_token()

    assert claims_of(token)["exp"] <= moment.timestamp() + 1
    with time_machine.travel(moment.timestamp() + 1, tick=False):
        assert program.introspect(token) == INACTIVE
