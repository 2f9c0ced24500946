"""RFC 7592: a client reads, changes and ends its own registration, and nobody else's."""

import pytest
from joserfc.jwk import ECKey

from tests.support.programs import post
from tests.web.oauth.answers import GRANT
from tests.web.oauth.registration.registering import (
    REGISTER,
    TYPE,
    allowed,
    call,
    error_of,
    inspect,
    keys_of,
    manage,
    refused,
    register,
    signed,
    token_of,
)


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
