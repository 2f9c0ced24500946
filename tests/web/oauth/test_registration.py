"""RFC 7591 and 7592: a client registers itself with a token of the app's owner, once, and opens what the app opens."""

import json
import time
from datetime import timedelta

import jwt
import pytest
import time_machine
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select

from portal import access, accounts, credentials
from portal.accounts import RoleName
from portal.credentials import Credential, CredentialState, InitialAccessToken
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_user
from tests.support.programs import basic, claims_of, post, send
from tests.support.queries import count_queries
from tests.support.threads import race
from tests.web.oauth.answers import GRANT, stored

REGISTER = "/oauth/register"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def allowed(program):
    """A token of the app's owner."""
    credential = stored(program)
    with transaction():
        return credentials.allow_registration(credential, by=program.request.requester).token


def call(program, method, path, token, content=None, **kwargs):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = {} if content is None else {"data": json.dumps(content)}
    return send(program.app, method, path, headers=headers, content_type="application/json", **body, **kwargs)


def register(program, token=None, /, **metadata):
    return call(program, "POST", REGISTER, token if token is not None else allowed(program), metadata)


@pytest.fixture(autouse=True)
def nothing_counted(app):
    """Wrong tokens are counted by address, and all tests have one."""
    app.extensions["portico.oauth"]["server"].failures.forget()


@pytest.fixture
def client(program):
    """What a client was told when it registered."""
    answer = register(program, client_name="Build 7")
    assert answer.status_code == 201, answer.text
    return answer.json


def manage(program, client, method, content=None, token=None):
    path = client["registration_client_uri"].removeprefix("http://localhost")
    return call(program, method, path, token or client["registration_access_token"], content)


def token_of(program, client):
    return post(program.app, "/oauth/token", GRANT, auth=(client["client_id"], client["client_secret"]))


def inspect(program, token):
    """What a gateway is told."""
    with transaction():
        gateway = credentials.add_gateway(f"Edge {time.time_ns()}", by=None)
    return post(program.app, "/oauth/introspect", {"token": token}, auth=(gateway.client_id, gateway.secret)).json


def error_of(answer, *, bearer=False):
    """The error, in the form of RFC 7591, section 3.2.2, or of RFC 6750, section 3."""
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert set(answer.json) <= {"error", "error_description"}
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Portico"')
    return answer.json["error"]


def refused(answer):
    return (answer.status_code, error_of(answer)) == (401, "invalid_token")


def keys_of(key):
    return {"keys": [key.as_dict(private=False)]}


def signed(client, key, alg="ES256"):
    moment = int(time.time())
    claims = {
        "iss": client["client_id"],
        "sub": client["client_id"],
        "aud": "http://localhost",
        "jti": str(time.time_ns()),
    }
    return jwt.encode({**claims, "exp": moment + 60}, key.as_pem(private=True), algorithm=alg)


# --- registering -----------------------------------------------------------------------------------------------------


def test_RFC7591_3_2_1_a_client_registers_and_gets_a_token_for_what_the_app_opens(program, client):
    answer = token_of(program, client)

    assert answer.status_code == 200, answer.text
    claims = claims_of(answer.json["access_token"])
    assert claims["sub"] == client["client_id"] != program.id
    assert claims["aud"] == claims_of(program.access_token())["aud"]
    assert inspect(program, answer.json["access_token"])["active"]


def test_RFC7591_3_2_1_the_answer_has_all_that_is_registered(program, client):
    assert set(client) == {
        "client_id", "client_secret", "client_secret_expires_at", "client_id_issued_at", "client_name", "grant_types",
        "response_types", "scope", "token_endpoint_auth_method", "registration_access_token", "registration_client_uri",
    }  # fmt: skip
    assert client["client_secret_expires_at"] == 0
    assert client["token_endpoint_auth_method"] == "client_secret_basic"
    assert client["grant_types"] == ["client_credentials"]
    assert client["registration_client_uri"] == f"http://localhost{REGISTER}/{client['client_id']}"
    assert credentials.well_formed(client["client_secret"])
    assert credentials.well_formed(client["registration_access_token"])


def test_RFC7591_3_2_1_the_answer_is_stored_by_nobody(program):
    answer = register(program)

    assert (answer.status_code, answer.content_type) == (201, "application/json")
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")


def test_RFC8414_2_the_metadata_names_the_endpoint(app):
    assert send(app, "GET", "/.well-known/oauth-authorization-server").json["registration_endpoint"].endswith(REGISTER)


@pytest.mark.parametrize(("key", "alg"), [(ECKey.generate_key("P-256"), "ES256"), (RSAKey.generate_key(2048), "RS256")])
def test_RFC7591_2_a_client_that_signs_has_no_secret_and_its_own_keys(program, key, alg):
    client = register(program, token_endpoint_auth_method="private_key_jwt", jwks=keys_of(key)).json

    proof = {"client_assertion_type": TYPE, "client_assertion": signed(client, key, alg)}
    answer = post(program.app, "/oauth/token", {**GRANT, **proof})

    assert "client_secret" not in client
    assert not {"d", "p", "q"} & set(client["jwks"]["keys"][0])
    assert answer.status_code == 200, answer.text


def test_RFC7591_2_keys_of_the_app_and_of_its_clients_prove_nobody_else(program):
    app_key, key, other = (ECKey.generate_key("P-256") for _ in range(3))
    with transaction():
        owner = program.request.requester
        credentials.add_app_key(program.request.app, app_key.as_pem(private=False).decode(), by=owner)
    method = "private_key_jwt"
    first = register(program, token_endpoint_auth_method=method, jwks=keys_of(key)).json
    second = register(program, token_endpoint_auth_method=method, jwks=keys_of(other)).json

    for client, wrong in ((first, app_key), (first, other), (second, key), ({"client_id": program.id}, key)):
        proof = {"client_assertion_type": TYPE, "client_assertion": signed(client, wrong)}
        assert post(program.app, "/oauth/token", {**GRANT, **proof}).status_code == 401


def test_RFC7591_2_what_is_not_known_is_left_out(program):
    answer = register(
        program, client_name="x", contacts=["a@x"], logo_uri="http://127.0.0.1/", tos_uri="file:///etc/passwd", custom=1
    )

    assert answer.status_code == 201
    assert not {"contacts", "logo_uri", "tos_uri", "custom"} & set(answer.json)


def test_B2_what_a_client_says_of_itself_gives_it_nothing(program):
    forged = {
        "client_id": program.id, "client_secret": "mine", "app_id": 1, "plan_id": 1, "state": "active",
        "parent_id": None, "expires_at": None, "registration_access_token": "prt_mine", "client_secret_expires_at": 1,
    }  # fmt: skip
    client = register(program, **forged).json

    assert client["client_id"] != program.id
    assert client["client_secret"] != "mine"
    assert client["registration_access_token"] != "prt_mine"


# --- what is refused -------------------------------------------------------------------------------------------------


METADATA = {
    "another grant": ({"grant_types": ["authorization_code"]}, "invalid_client_metadata"),
    "one grant more": ({"grant_types": ["client_credentials", "refresh_token"]}, "invalid_client_metadata"),
    "no grant": ({"grant_types": []}, "invalid_client_metadata"),
    "a grant as text": ({"grant_types": "client_credentials"}, "invalid_client_metadata"),
    "a response type": ({"response_types": ["code"]}, "invalid_client_metadata"),
    "no authentication": ({"token_endpoint_auth_method": "none"}, "invalid_client_metadata"),
    "client_secret_jwt": ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
    "a certificate": ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "invalid_client_metadata"),
    "a method that is a list": ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata"),
    "signing without keys": ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    "keys without signing": ({"jwks": {"keys": []}}, "invalid_client_metadata"),
    "a scope of others": ({"scope": "admin"}, "invalid_client_metadata"),
    "scopes as a list": ({"scope": ["admin"]}, "invalid_client_metadata"),
    "a name that is a number": ({"client_name": 7}, "invalid_client_metadata"),
    "a long name": ({"client_name": "n" * 121}, "invalid_client_metadata"),
    "a name of two lines": ({"client_name": "a\r\nb"}, "invalid_client_metadata"),
    "a name with NUL": ({"client_name": "a\0"}, "invalid_client_metadata"),
    "a lone surrogate": ({"client_name": "\ud800"}, "invalid_client_metadata"),
    "a statement": ({"software_statement": "a.b.c"}, "unapproved_software_statement"),
    "redirects to nowhere": ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    "redirects with a fragment": ({"redirect_uris": ["https://x.example/#f"]}, "invalid_redirect_uri"),
    "redirects over http": ({"redirect_uris": ["http://x.example/"]}, "invalid_redirect_uri"),
    "redirects that are no list": ({"redirect_uris": "https://x.example/"}, "invalid_redirect_uri"),
    "a broken redirect": ({"redirect_uris": ["https://[x"]}, "invalid_redirect_uri"),
}


@pytest.mark.parametrize("name", METADATA)
def test_RFC7591_3_2_2_metadata_that_cannot_be_honoured(program, name):
    metadata, error = METADATA[name]
    token = allowed(program)

    answer = register(program, token, **metadata)

    assert (answer.status_code, error_of(answer)) == (400, error)
    assert register(program, token).status_code == 201, "the token is not used up"


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9/jwks", "http://169.254.169.254/", "file:///etc/passwd", "https://keys.example/jwks", 7],
)
def test_S1_keys_by_address_are_refused_and_never_fetched(program, monkeypatch, address):
    monkeypatch.setattr("socket.create_connection", lambda *_a, **_k: pytest.fail("something was fetched"))
    metadata = {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": address}

    answer = register(program, **metadata)

    assert (answer.status_code, error_of(answer)) == (400, "invalid_client_metadata")


def wrong_keys():
    good = ECKey.generate_key("P-256")
    yield {}
    yield []
    yield {"keys": {}}
    yield {"keys": [None]}
    yield {"keys": [good.as_dict(private=True)]}
    yield {"keys": [good.as_dict(private=False)] * 6}
    yield {"keys": [ECKey.generate_key("P-384").as_dict(private=False)]}
    yield {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}
    yield {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}


def test_H2_keys_that_are_no_public_ones(program):
    for jwks in wrong_keys():
        answer = register(program, token_endpoint_auth_method="private_key_jwt", jwks=jwks)
        assert (answer.status_code, error_of(answer)) == (400, "invalid_client_metadata"), jwks


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"client_name": "a", "client_name": "b"}', "application/json", 400),
        (b'{"x": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"a":' * 10_000, "application/json", 400),
        (b'{"client_name": "a"}', "text/plain", 415),
        (b"client_name=a", "application/x-www-form-urlencoded", 415),
        (b'{"x": "' + b"a" * 100_000 + b'"}', "application/json", 413),
    ],
)
def test_T10_a_body_that_is_no_sound_object(program, body, content_type, status):
    headers = {"Authorization": f"Bearer {allowed(program)}"}

    answer = post(program.app, REGISTER, body, headers=headers, content_type=content_type)

    assert answer.status_code == status
    error_of(answer)


def test_RFC6750_3_who_comes_without_a_good_token_reads_the_same(app, program, client):
    good = allowed(program)
    wrong = ["", "x", good[:-1], good[:-1] + "!", good + "a", good.swapcase(), program.secret]
    wrong += [client["registration_access_token"], client["client_secret"], program.access_token()]
    answers = [register(program, token) for token in wrong]

    assert all(refused(answer) for answer in answers)
    assert len({answer.data for answer in answers}) == 1
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {
        'Bearer realm="Portico", error="invalid_token"'
    }
    for headers in ({}, basic(program.id, program.secret), {"Authorization": good}):
        answer = post(app, REGISTER, b"{}", headers=headers, content_type="application/json")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Portico"'


def test_T6_a_token_in_the_address_is_refused(program):
    answer = call(program, "POST", f"{REGISTER}?access_token={allowed(program)}", None, {})

    assert (answer.status_code, error_of(answer)) == (400, "invalid_client_metadata")


def test_RFC7591_3_a_token_is_good_once(program):
    token = allowed(program)

    assert register(program, token).status_code == 201
    assert refused(register(program, token))


def test_of_eight_at_once_one_registers(program):
    token = allowed(program)

    assert sorted(race(8, lambda _: register(program, token).status_code)) == [201] + [401] * 7


def test_a_token_ends_after_a_day_and_when_its_owner_withdraws_it(program):
    late, withdrawn = allowed(program), allowed(program)
    (_, stored_token) = db.session.scalars(select(InitialAccessToken).order_by(InitialAccessToken.id)).all()
    credential = stored(program)
    with transaction():
        credentials.forbid_registration(credential, stored_token.id, by=program.request.requester)

    assert refused(register(program, withdrawn))
    with time_machine.travel(now().timestamp() + 24 * 3600 + 1, tick=False):
        assert refused(register(program, late))


def test_a_token_of_who_has_given_the_app_away_since_is_not_good(program):
    token, other = allowed(program), make_user()
    with transaction():
        program.request.app.owner_id = other.id

    assert refused(register(program, token))


def test_T14_wrong_tokens_are_counted_and_the_right_one_still_works(program):
    statuses = [register(program, "pit_wrong").status_code for _ in range(61)]
    late = register(program, "pit_wrong")

    assert (set(statuses[:60]), statuses[60]) == ({401}, 429)
    assert int(late.headers["Retry-After"]) > 0
    assert register(program).status_code == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_T6_only_post_registers(program, method):
    answer = call(program, method, REGISTER, allowed(program))

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_C8_the_cookie_of_somebody_signed_in_changes_nothing(program, browser):
    person = browser(program.request.requester)
    answer = person.client.post(REGISTER, data="{}", content_type="application/json")

    assert answer.status_code == 401


# --- managing --------------------------------------------------------------------------------------------------------


def test_RFC7592_2_1_a_client_reads_its_registration_without_the_secret(program, client):
    answer = manage(program, client, "GET")

    assert answer.status_code == 200
    assert "client_secret" not in answer.json
    assert answer.json == {name: client[name] for name in client if not name.startswith("client_secret")}


def test_RFC7592_2_2_an_update_takes_the_place_of_what_was(program, client):
    sent = {"client_id": client["client_id"], "client_secret": client["client_secret"], "client_name": "Build 8"}

    answer = manage(program, client, "PUT", {**sent, "token_endpoint_auth_method": "client_secret_post"})

    assert answer.status_code == 200, answer.text
    assert (answer.json["client_name"], answer.json["token_endpoint_auth_method"]) == ("Build 8", "client_secret_post")
    assert token_of(program, client).status_code == 200
    assert "client_name" not in manage(program, client, "PUT", {"client_id": client["client_id"]}).json


def test_RFC7592_2_2_to_signing_and_back(program, client):
    key, sent = ECKey.generate_key("P-256"), {"client_id": client["client_id"]}
    signing = {**sent, "token_endpoint_auth_method": "private_key_jwt", "jwks": keys_of(key)}
    assert manage(program, client, "PUT", signing).status_code == 200
    assert token_of(program, client).status_code == 401

    back = manage(program, client, "PUT", sent).json

    assert back["client_secret"] != client["client_secret"]
    assert token_of(program, back).status_code == 200
    proof = {"client_assertion_type": TYPE, "client_assertion": signed(client, key)}
    assert post(program.app, "/oauth/token", {**GRANT, **proof}).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": None},
        {"client_id": "pci_other"},
        {"client_secret": "chosen"},
        {"client_secret": None},
        {"registration_access_token": "x"},
        {"registration_client_uri": "https://evil.example/"},
        {"client_secret_expires_at": 0},
        {"client_id_issued_at": 0},
        {"grant_types": ["password"]},
    ],
)
def test_RFC7592_2_2_what_a_client_may_not_set(program, client, change):
    answer = manage(program, client, "PUT", {"client_id": client["client_id"], **change})

    assert (answer.status_code, error_of(answer)) == (400, "invalid_client_metadata")
    assert token_of(program, client).status_code == 200


def test_RFC7592_2_3_a_client_ends_itself_at_once(program, client):
    token = token_of(program, client).json["access_token"]

    answer = manage(program, client, "DELETE")

    assert (answer.status_code, answer.data) == (204, b"")
    assert token_of(program, client).status_code == 401
    assert inspect(program, token) == {"active": False}
    assert refused(manage(program, client, "GET"))
    assert program.token().status_code == 200


def test_RFC7592_2_another_client_s_token_manages_nothing(program, client):
    other = register(program).json
    wrong = [other["registration_access_token"], allowed(program), client["client_secret"], program.secret, "x"]

    for method in ("GET", "PUT", "DELETE"):
        for token in wrong:
            assert refused(manage(program, client, method, {"client_id": client["client_id"]}, token=token))
    for client_id in (program.id, "pci_unknown", "%00", "a" * 500, "..%2f"):
        answer = call(program, "GET", f"{REGISTER}/{client_id}", client["registration_access_token"])
        assert answer.status_code in {401, 404}
    assert token_of(program, client).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_RFC7592_2_no_other_method(program, client, method):
    answer = manage(program, client, method, {})

    assert answer.status_code == 405
    assert "PUT" in answer.headers["Allow"]


# --- it opens what its parent opens, and ends with it ----------------------------------------------------------------


def ends(program, client):
    """Whether tokens, introspection and management have ended for the client."""
    gone = token_of(program, client)
    return gone.status_code == 401 and refused(manage(program, client, "GET"))


def test_T17_a_revoked_parent(program, client):
    token = token_of(program, client).json["access_token"]
    parent = stored(program)
    with transaction():
        access.revoke_credential(parent, by=program.request.requester)

    assert ends(program, client)
    assert inspect(program, token) == {"active": False}
    found = credentials.find_credential_by_client_id(client["client_id"])
    assert found.state is CredentialState.REVOKED


def test_T17_a_deactivated_owner_and_back(program, client):
    person, admin = program.request.requester, make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(person, by=admin)
    assert ends(program, client)
    with transaction():
        accounts.reactivate(person, by=admin)
    assert token_of(program, client).status_code == 200


def test_T17_a_deleted_app(program, client):
    with transaction():
        access.delete_app(program.request.app, by=program.request.requester)

    assert ends(program, client)


def test_T18_a_parent_whose_time_is_over_and_no_token_beyond_it(program, client):
    parent, moment = stored(program), now() + timedelta(seconds=90)
    with transaction():
        parent.expires_at = moment

    assert token_of(program, client).json["expires_in"] <= 90
    with time_machine.travel(moment.timestamp() + 1, tick=False):
        assert ends(program, client)


def test_T18_access_that_was_taken_away_from_the_parent(program, client):
    token = token_of(program, client).json["access_token"]
    for grant in access.grants_of(program.request.app):
        with transaction():
            grant.ends_at = now()

    assert inspect(program, token) == {"active": False}
    assert token_of(program, client).json["error"] == "unauthorized_client"


def test_T17_the_plan_of_the_parent_counts(program, client):
    parent = stored(program)
    with transaction():
        parent.plan.token_lifetime_seconds = 77

    assert token_of(program, client).json["expires_in"] == 77


def test_P1_a_registered_client_costs_no_query_more(app, program, client):
    counts = []
    token_of(program, client)
    for pair in ((program.id, program.secret), (client["client_id"], client["client_secret"])):
        post(app, "/oauth/token", GRANT, auth=pair)
        with app.app_context(), count_queries() as counted:
            post(app, "/oauth/token", GRANT, auth=pair)
        counts.append(len(counted))

    assert max(counts) <= 1, "one question, or its kept answer"


def test_a_client_cannot_let_others_register_nor_be_extended(program, client):
    held = credentials.find_credential_by_client_id(client["client_id"])

    assert held not in credentials.credentials_of(program.request.app)
    with pytest.raises(Exception, match="was approved"), transaction():
        credentials.allow_registration(held, by=program.request.requester)


# --- the record ------------------------------------------------------------------------------------------------------


def test_H4_it_is_recorded_without_secrets(program, client):
    manage(program, client, "PUT", {"client_id": client["client_id"]})
    manage(program, client, "DELETE")

    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    kinds = [event.kind for event in events][-4:]
    assert kinds == [
        EventKind.REGISTRATION_ALLOWED,
        EventKind.CLIENT_REGISTERED,
        EventKind.CLIENT_CHANGED,
        EventKind.CREDENTIAL_REVOKED,
    ]
    written = str([vars(event) for event in events])
    assert client["client_secret"] not in written
    assert client["registration_access_token"] not in written
    assert (
        db.session.scalar(select(Credential).where(Credential.client_id == client["client_id"])).parent_id is not None
    )
