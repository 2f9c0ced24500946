"""An attacker's afternoon at the authorization server: cases by RFC and section, beside those of ``test_rfc_answers``.

What each case stands for, and where the others are, is told in docs/security.md.
"""

import ast
import base64
import hashlib
import json
import socket
import time
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
import time_machine
from joserfc.jwk import ECKey

import portal
from portal import access, credentials
from portal.catalog import AuthMethod
from portal.db import now, transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import FORM, basic, claims_of, encoded, header_of, make_program, post, send
from tests.support.threads import race
from tests.web.oauth.answers import GRANT, error_of, stored

METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = ("token", "introspect", "revoke")
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
INACTIVE = {"active": False}


def resigned(app, token, **claims):
    """The token with other claims, and our own signature over it: what a stolen key could make."""
    keys = app.extensions["portico.oauth"]["server"].keys
    changed = {name: value for name, value in {**claims_of(token), **claims}.items() if value is not ...}
    text = f"{token.partition('.')[0]}.{encoded(changed)}"
    return f"{text}.{encoded(keys._first.algorithm.sign(text.encode(), keys._first.key))}"


@pytest.fixture
def key(program):
    made = ECKey.generate_key("P-256")
    with transaction():
        owner = program.request.requester
        credentials.add_app_key(program.request.app, made.as_pem(private=False).decode(), by=owner)
    return made


def assertion(program, key, **changes):
    moment = int(time.time())
    made = {
        "iss": program.id,
        "sub": program.id,
        "aud": "http://localhost",
        "exp": moment + 60,
        "jti": str(time.time_ns()),
    }
    return jwt.encode({**made, **changes}, key.as_pem(private=True), algorithm="ES256")


def proved(app, text, path="/oauth/token", **fields):
    return post(app, path, {**GRANT, "client_assertion_type": TYPE, "client_assertion": text, **fields})


# --- RFC 6749 --------------------------------------------------------------------------------------------------------


def test_RFC6749_10_10_secrets_and_ids_cannot_be_guessed():
    secrets = {credentials.new_secret(AuthMethod.OAUTH2) for _ in range(500)}
    ids = {credentials.new_client_id(AuthMethod.OAUTH2) for _ in range(500)}

    assert len(secrets) == len(ids) == 500
    for place in range(4, 47):  # 43 places of 62 signs: 256 bits, none of them fixed
        assert len({secret[place] for secret in secrets}) > 10 or place == 46


def test_RFC6749_2_3_1_the_secret_of_one_client_opens_no_other(app, program):
    other = make_program(app)

    for client_id, secret in ((program.id, other.secret), (other.id, program.secret)):
        answer = post(app, "/oauth/token", GRANT, auth=(client_id, secret))
        assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "cp037", "unknown"])
def test_RFC6749_appendix_B_a_form_in_another_charset_is_not_guessed_at(app, program, charset):
    answer = post(
        app,
        "/oauth/token",
        b"grant_type=client_credentials",
        content_type=f"{FORM}; charset={charset}",
        headers=basic(program.id, program.secret),
    )

    assert (answer.status_code, error_of(answer)) == (415, "invalid_request")


def test_RFC6749_3_3_a_scope_is_its_exact_name(program):
    name = program.request.products[0].scope_names[0]

    for scope in (name.upper(), name + ":", name[:-1], f"{name},{name}", f" {name}", f"{name}\t{name}", f"{name}\0"):
        answer = program.token(scope=scope)
        assert (answer.status_code, error_of(answer)) == (400, "invalid_scope"), scope


def test_RFC6749_10_3_a_token_is_good_for_nothing_at_the_token_endpoint(app, program):
    token = program.access_token()

    for headers, fields in (
        ({"Authorization": f"Bearer {token}"}, GRANT),
        ({}, {**GRANT, "access_token": token}),
        ({}, {**GRANT, "client_id": program.id, "client_secret": token}),
        (basic(program.id, token), GRANT),
        ({}, {**GRANT, "client_assertion_type": TYPE, "client_assertion": token}),
        ({}, {"grant_type": "refresh_token", "refresh_token": token}),
        ({}, {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token}),
    ):
        answer = post(app, "/oauth/token", fields, headers=headers)
        assert answer.status_code in {400, 401}
        assert "access_token" not in answer.text


def test_RFC6749_5_2_an_error_is_the_same_whoever_else_uses_the_client(app, program):
    """Neither the kept answer of a busy client nor an old secret beside the present one shows."""
    plain = post(app, "/oauth/token", GRANT, auth=(program.id, "pcs_wrong"))
    credential = stored(program)
    with transaction():
        credentials.rotate(credential, by=program.request.requester, overlap_days=7)
    program.token()

    again = post(app, "/oauth/token", GRANT, auth=(program.id, "pcs_wrong"))

    assert (plain.status_code, plain.data) == (again.status_code, again.data)


# --- RFC 7009 --------------------------------------------------------------------------------------------------------


def test_RFC7009_2_2_a_token_is_revoked_twice_as_well_as_once(program):
    token = program.access_token()

    assert [program.revoke(token).status_code for _ in range(2)] == [200, 200]
    assert program.introspect(token) == INACTIVE


@pytest.mark.parametrize("fields", [{"token": ""}, {}, {"token": "a", "token[]": "b"}, {"token_type_hint": "x"}])
def test_RFC7009_2_1_no_token_no_revocation(program, fields):
    answer = program.post("/oauth/revoke", fields)

    assert answer.status_code in {200, 400}
    assert answer.status_code == 200 or error_of(answer) == "invalid_request"


def test_RFC7009_2_1_a_forged_token_of_ours_revokes_nothing(app, program):
    """Whoever changes ``client_id`` or ``jti`` of a token of theirs ends nobody else's."""
    victim = make_program(app)
    token = victim.access_token()
    header, _, signature = program.access_token().split(".")
    forged = f"{header}.{encoded({**claims_of(token), 'client_id': program.id})}.{signature}"

    assert program.revoke(forged).status_code == 200
    assert victim.introspect(token)["active"]


def test_RFC7009_2_1_a_revoked_client_revokes_nothing(app, program):
    token, credential = program.access_token(), stored(program)
    with transaction():
        credentials.revoke(credential, by=program.request.requester)

    answer = program.revoke(token)

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


def test_RFC7009_3_revoking_against_asking_ends_at_once(program):
    token = program.access_token()

    answers = race(6, lambda n: program.revoke(token).status_code if n == 0 else program.introspect(token))

    assert answers[0] == 200
    assert program.introspect(token) == INACTIVE


# --- RFC 7523 --------------------------------------------------------------------------------------------------------


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


# --- RFC 7662 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_RFC7662_2_1_only_a_post_asks(app, program, method):
    token = program.access_token()
    headers = basic(program.id, program.secret)

    answer = send(app, method, f"/oauth/introspect?token={token}", headers=headers)

    assert answer.status_code == 405
    assert "active" not in answer.text


@pytest.mark.parametrize("accept", ["application/jwt", "application/token-introspection+jwt", "text/html", "*/*"])
def test_RFC7662_2_2_the_answer_is_JSON_whatever_is_accepted(app, program, accept):
    headers = {**basic(program.id, program.secret), "Accept": accept}

    answer = post(app, "/oauth/introspect", {"token": program.access_token()}, headers=headers)

    assert (answer.content_type, answer.json["active"]) == ("application/json", True)


def test_RFC7662_4_asking_about_many_tokens_at_once_is_one_question_too_many(program):
    body = f"token={program.access_token()}&token={program.access_token()}"

    answer = program.post("/oauth/introspect", body)

    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_RFC7662_2_2_what_ended_is_inactive_however_it_ended(app):
    """Grant, product, scope and time: each ends the token's use, and none is told apart."""
    ends = {
        "grant": lambda grant: setattr(grant, "ends_at", now()),
        "not yet": lambda grant: setattr(grant, "starts_at", now() + timedelta(hours=1)),
    }
    for end in ends.values():
        program = make_program(app)
        token = program.access_token()
        (grant,) = access.grants_of(program.request.app)
        with transaction():
            end(grant)
        assert program.introspect(token) == INACTIVE


# --- RFC 8414 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost@evil.example", "[::1]"])
def test_RFC8414_3_3_nobody_names_the_issuer_but_the_settings(app, program, host):
    for headers in ({"Host": host}, {"X-Forwarded-Host": host}, {"Forwarded": f"host={host}"}):
        found = send(app, "GET", METADATA, headers=headers)
        assert "evil" not in found.text
        token = post(app, "/oauth/token", GRANT, headers={**headers, **basic(program.id, program.secret)})
        assert token.status_code in {200, 400}
        assert token.status_code == 400 or claims_of(token.json["access_token"])["iss"] == "http://localhost"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_RFC8414_3_the_document_is_only_read(app, method):
    assert send(app, method, METADATA, content_type=FORM).status_code == 405


def test_RFC8414_2_every_endpoint_that_is_named_is_there_and_no_other(app):
    named = {name: url for name, url in send(app, "GET", METADATA).json.items() if name.endswith("_endpoint")}

    assert set(named) == {
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "registration_endpoint",
    }
    for url in named.values():
        assert send(app, "POST", url.removeprefix("http://localhost")).status_code in {400, 401, 415}


# --- RFC 9068 --------------------------------------------------------------------------------------------------------


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


# --- RFC 9700 --------------------------------------------------------------------------------------------------------


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


# --- S: nothing is fetched -------------------------------------------------------------------------------------------


ADDRESSES = (
    "http://127.0.0.1:9/", "http://[::1]/", "http://0/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
    "http://localhost:6379/", "gopher://127.0.0.1:25/", "http://2130706433/", "http://127.1/", "//evil.example/",
    "https://evil.example/jwks.json", "ftp://evil.example/", "unix:///var/run/docker.sock", "http://metadata.google.internal/",
)  # fmt: skip


def test_S1_S3_S4_S5_no_address_that_a_client_sends_is_ever_called(app, program, key, monkeypatch):
    """There is no server-side request at all, so no redirect, no port and no endless answer either."""
    called, credential = [], stored(program)
    with transaction():
        token = credentials.allow_registration(credential, by=program.request.requester).token
    program.token()
    with monkeypatch.context() as watched:
        watched.setattr(socket.socket, "connect", lambda _self, address: called.append(address))
        watched.setattr(socket, "getaddrinfo", lambda *address, **_: called.append(address))
        for address in ADDRESSES:
            program.token(resource=address)
            headers = {"jku": address, "x5u": address, "jwk": {"kty": "EC"}, "kid": address}
            forged = jwt.encode({"sub": program.id, "iss": address}, key.as_pem(private=True), "ES256", headers=headers)
            proved(app, forged)
            program.introspect(forged)
            body = json.dumps({"jwks_uri": address, "logo_uri": address, "redirect_uris": [address]})
            bearer = {"Authorization": f"Bearer {token}"}
            post(app, "/oauth/register", body, headers=bearer, content_type="application/json")

    assert called == []


WAYS_OUT = {"requests", "httpx", "aiohttp", "urllib3", "http.client", "urllib.request", "ftplib", "socket", "smtplib"}


WITH_A_REASON = {
    "portal/mail/delivery.py",  # mails, to the server of the settings
    "portal/policies/provider_http.py",  # facts for policies, from hosts of the operator's list alone
    "portal/serving.py",  # asks itself whether it is up
    "portal/worker.py",  # wants to know the machine's name
}


def test_S7_the_server_has_no_other_way_to_call_out():
    """Whoever adds one adds its allow list, limits and tests with it (S1 to S7)."""
    root = Path(portal.__file__).parent.parent
    found = set()
    for file in [*(root / "portal").rglob("*.py"), *(root / "admin").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {str(file.relative_to(root)) for name in names if name in WAYS_OUT}

    assert found <= WITH_A_REASON
