"""Every sentence of the RFCs that an answer can break, by its section: status, header, body, and what is not said."""

import base64
import json

import pytest
from joserfc.jwk import KeySet

from portal import access
from portal.catalog import ProductState
from portal.db import transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import basic, claims_of, encoded, header_of, make_program, post, send
from tests.web.oauth.answers import GRANT, error_of

ENDPOINTS = ("token", "introspect", "revoke")
METADATA = "/.well-known/oauth-authorization-server"


def metadata(app):
    return send(app, "GET", METADATA).json


# --- RFC 6749: the framework -----------------------------------------------------------------------------------------


def test_RFC6749_2_3_1_the_basic_header_is_form_encoded_first(app, program):
    """A client that encodes what need not be encoded means the same."""
    encoded_id = "".join(f"%{ord(sign):02x}" for sign in program.id)

    assert post(app, "/oauth/token", GRANT, headers=basic(encoded_id, program.secret)).status_code == 200


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_RFC7617_2_the_scheme_is_read_in_any_case(app, program, scheme):
    pair = basic(program.id, program.secret)["Authorization"].split()[1]

    assert post(app, "/oauth/token", GRANT, headers={"Authorization": f"{scheme} {pair}"}).status_code == 200


def test_RFC6749_3_2_a_parameter_that_nobody_knows_is_ignored_and_an_empty_one_counts_as_missing(program):
    assert program.token(unknown="1", scope="").status_code == 200
    assert error_of(program.token(grant_type="")) == "invalid_request"


def test_RFC6749_4_4_3_a_client_credentials_answer_has_no_refresh_token(program):
    assert set(program.token().json) == {"access_token", "token_type", "expires_in", "scope"}


def test_RFC6749_5_1_the_answer_is_JSON_that_nobody_stores(program):
    answer = program.token()

    assert answer.content_type == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert isinstance(answer.json["expires_in"], int)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    "header",
    [None, "Basic", "Basic ", "Basic !!!", "Basic YWJj", "Bearer abc", "Digest username=x", "Basic " + "A" * 100_000],
)
def test_RFC6749_5_2_a_client_that_tried_the_header_is_told_how_to(app, endpoint, header):
    fields = {**GRANT, "token": "x"}

    answer = post(app, f"/oauth/{endpoint}", fields, headers={"Authorization": header} if header else {})

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")
    assert answer.headers.getlist("WWW-Authenticate") == ['Basic realm="Portico", charset="UTF-8"']


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "not-ours"}, "invalid_scope"),
        ({"resource": "urn:portico:api:not-ours"}, "invalid_target"),
    ],
)
def test_RFC6749_5_2_every_other_error_is_a_400_without_a_challenge(program, fields, error):
    body = {name: value for name, value in {**GRANT, **fields}.items() if value is not None}

    answer = program.post("/oauth/token", body)

    assert (answer.status_code, error_of(answer)) == (400, error)
    assert "WWW-Authenticate" not in answer.headers


def test_RFC6749_5_2_a_client_that_may_not_is_unauthorized(program):
    (grant,) = access.grants_of(program.request.app)
    with transaction():
        grant.product.state = ProductState.RETIRED

    answer = program.token()

    assert (answer.status_code, error_of(answer)) == (400, "unauthorized_client")


@pytest.mark.parametrize("hostile", ['"><script>', "\\\n\r", "é", "\x7f", "%00"])
def test_RFC6749_5_2_an_error_repeats_nothing_that_was_sent(program, hostile):
    for fields in ({"scope": hostile}, {"grant_type": hostile}, {"resource": hostile}):
        answer = program.token(**fields)
        assert answer.status_code == 400
        error_of(answer)
        assert hostile not in answer.text


def test_RFC6749_10_no_secret_of_the_caller_is_in_any_answer(app, program):
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        for fields in ({**GRANT, "token": "x"}, {"scope": "x"}, {}):
            assert program.secret not in program.post(path, fields).text
            assert program.secret not in post(app, path, fields, auth=("pci_other", program.secret)).text


# --- RFC 7009: revocation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "é"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "unknown"])
def test_RFC7009_2_2_what_is_no_token_is_as_good_as_revoked(program, token, hint):
    answer = program.revoke(token, **({"token_type_hint": hint} if hint else {}))

    assert answer.status_code == 200
    assert answer.text in {"", "{}"}


def test_RFC7009_2_1_another_client_s_token_goes_on(app, program):
    token = program.access_token()

    make_program(app).revoke(token)

    assert program.introspect(token)["active"]


def test_RFC7009_2_1_a_call_without_a_token_is_an_invalid_request(program):
    answer = program.post("/oauth/revoke", {"token_type_hint": "access_token"})

    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


# --- RFC 7662: introspection -----------------------------------------------------------------------------------------


def test_RFC7662_2_2_an_inactive_token_is_told_apart_by_nothing(app, program):
    revoked = program.access_token()
    program.revoke(revoked)
    foreign = make_program(app).access_token()

    answers = [program.post("/oauth/introspect", {"token": token}) for token in (revoked, foreign, "nonsense", "é")]

    assert {answer.data for answer in answers} == {b'{"active": false}'}
    assert {answer.status_code for answer in answers} == {200}


def test_RFC7662_2_2_an_active_token_is_told_in_the_names_of_the_registry(program):
    told = program.introspect(program.access_token())

    assert set(told) <= {
        "active", "scope", "client_id", "username", "token_type", "exp", "iat", "nbf", "sub", "aud", "iss", "jti",
    }  # fmt: skip
    assert told["active"] is True
    assert isinstance(told["exp"], int)


def test_RFC7662_4_a_bearer_token_lets_nobody_introspect(app, program):
    token = program.access_token()

    answer = post(app, "/oauth/introspect", {"token": token}, headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


# --- RFC 8414: metadata ----------------------------------------------------------------------------------------------


def test_RFC8414_2_the_required_members_are_there_and_none_is_empty(app):
    found = metadata(app)

    assert {"issuer", "token_endpoint", "response_types_supported"} <= set(found)
    assert all(value not in (None, [], "") for value in found.values())


def test_RFC8414_2_algorithms_are_named_where_clients_sign_and_none_is_never_one(app):
    found = metadata(app)

    for name, values in found.items():
        if name.endswith("_auth_signing_alg_values_supported"):
            assert "none" not in values
            assert "private_key_jwt" in found[name.replace("signing_alg_values", "methods")]


def test_RFC8414_3_3_the_issuer_is_that_of_the_tokens(app, program):
    assert metadata(app)["issuer"] == claims_of(program.access_token())["iss"]


def test_RFC8414_3_2_the_document_is_JSON(app):
    answer = send(app, "GET", METADATA)

    assert (answer.status_code, answer.content_type) == (200, "application/json")


# --- RFC 9068: access tokens -----------------------------------------------------------------------------------------


def test_RFC9068_2_1_the_type_is_at_jwt_and_the_algorithm_is_not_none(program):
    header = header_of(program.access_token())

    assert header["typ"] == "at+jwt"
    assert header["alg"] in {"ES256", "RS256"}
    assert set(header) == {"typ", "alg", "kid"}


def test_RFC9068_2_2_the_required_claims_are_there(program):
    claims = claims_of(program.access_token())

    assert {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"} <= set(claims)
    assert claims["sub"] == claims["client_id"]


def test_RFC9068_4_the_key_is_found_by_the_metadata(app, program):
    path = metadata(app)["jwks_uri"].removeprefix("http://localhost")
    keys = KeySet.import_key_set(send(app, "GET", path).json)

    assert keys.get_by_kid(header_of(program.access_token())["kid"]) is not None


def test_RFC9068_4_a_token_of_another_type_with_our_signature_is_refused(app, program):
    token = program.access_token()
    keys = app.extensions["portico.oauth"]["server"].keys
    header, payload, _ = token.split(".")
    for kind in ("JWT", "id_token", "application/at+jwt", "AT+JWT"):
        other = encoded({**header_of(token), "typ": kind})
        signature = keys._first.algorithm.sign(f"{other}.{payload}".encode(), keys._first.key)
        assert program.introspect(f"{other}.{payload}.{encoded(signature)}") == {"active": False}, kind
    assert header


# --- RFC 9700: best current practice ---------------------------------------------------------------------------------


def test_RFC9700_2_1_2_and_2_4_there_is_no_authorization_endpoint_no_password_and_no_implicit_grant(app):
    found = metadata(app)

    assert found["grant_types_supported"] == ["client_credentials"]
    assert found["response_types_supported"] == ["none"]
    assert "authorization_endpoint" not in found
    for path in ("/oauth/authorize", "/authorize", "/oauth/device_authorization"):
        assert send(app, "GET", path).status_code == 404


def test_RFC9700_2_3_a_token_is_for_named_apis_with_named_scopes(app):
    plan = make_plan(auto_approve=True)
    products = [make_product(plans=[plan]) for _ in range(2)]
    program = make_program(app, *products, plan=plan)

    narrow = claims_of(program.access_token(resource=products[0].audience, scope=products[0].scope_names[0]))

    assert (narrow["aud"], narrow["scope"]) == ([products[0].audience], products[0].scope_names[0])


def test_RFC9700_2_5_a_client_can_prove_itself_without_a_shared_secret(app):
    assert "private_key_jwt" in metadata(app)["token_endpoint_auth_methods_supported"]


def test_RFC9700_2_6_no_endpoint_speaks_to_scripts_of_other_origins(app):
    for endpoint in ENDPOINTS:
        answer = send(app, "OPTIONS", f"/oauth/{endpoint}", headers={"Origin": "https://evil.example"})
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]


def test_RFC9700_4_3_2_a_token_in_an_address_is_refused(app, program):
    token = program.access_token()

    for endpoint in ENDPOINTS:
        answer = post(app, f"/oauth/{endpoint}?access_token={token}&token={token}", auth=(program.id, program.secret))
        assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_RFC9700_4_12_no_endpoint_ever_redirects_what_was_posted(app, program):
    for path in ("/oauth/token/", "/oauth//token", "/OAUTH/TOKEN", "/oauth/token"):
        answer = post(app, path, GRANT, auth=(program.id, program.secret))
        assert not 300 <= answer.status_code < 400, path


def test_RFC9700_4_13_headers_that_a_proxy_should_have_cleaned_count_for_nothing(app, program):
    forged = {
        "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
        "X-SSL-Client-Cert": "MIIB", "X-Client-Id": program.id, "X-Remote-User": program.id,
    }  # fmt: skip

    answer = post(app, "/oauth/token", GRANT, headers=forged)

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")
    assert "evil" not in str(metadata(app))


def test_RFC9700_4_15_a_client_cannot_be_taken_for_a_person(program):
    subject = claims_of(program.access_token(sub="1", client_id=program.id))["sub"]

    assert subject == program.id
    assert subject.startswith("pci_")
    assert "@" not in subject
    assert not subject.isdigit()


def test_the_parts_of_a_token_are_what_they_say(program):
    """What stands above relies on it: three parts of URL-safe base64 without padding."""
    parts = program.access_token().split(".")

    assert len(parts) == 3
    assert [json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2]]
