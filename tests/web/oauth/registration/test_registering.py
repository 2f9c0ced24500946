"""RFC 7591: a client registers itself with a token of the app's owner, once, and opens what the app opens."""

import pytest
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import select

from portal import credentials
from portal.credentials import Credential
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.programs import claims_of, post, send
from tests.web.oauth.answers import GRANT
from tests.web.oauth.registration.registering import (
    REGISTER,
    TYPE,
    inspect,
    keys_of,
    manage,
    register,
    signed,
    token_of,
)


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
