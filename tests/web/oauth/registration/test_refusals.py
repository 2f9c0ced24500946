"""RFC 7591: what cannot be registered, and who may not register."""

import pytest
import time_machine
from joserfc.jwk import ECKey
from sqlalchemy import select

from portal import credentials
from portal.credentials import InitialAccessToken
from portal.db import db, now, transaction
from tests.support.builders import make_user
from tests.support.programs import basic, post
from tests.support.threads import race
from tests.web.oauth.answers import stored
from tests.web.oauth.registration.registering import REGISTER, allowed, call, error_of, refused, register

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
