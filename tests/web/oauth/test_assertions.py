"""T13 and RFC 7523: a client proves itself with a signed assertion, and nobody else does with anything like it."""

import hashlib
import hmac
import json
import time

import jwt
import pytest
import time_machine
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import func, select

from portal import accounts, credentials
from portal.accounts import RoleName
from portal.credentials import UsedAssertion
from portal.db import db, now, transaction
from tests.support.builders import make_user
from tests.support.programs import basic, claims_of, encoded, make_program, post, send
from tests.support.threads import race
from tests.web.oauth.answers import GRANT, error_of

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "http://localhost"


def registered(program, key):
    """The key, of which the program's app has the public half."""
    with transaction():
        app = program.request.app
        credentials.add_app_key(app, key.as_pem(private=False).decode(), by=program.request.requester)
    return key


@pytest.fixture
def key(program):
    return registered(program, ECKey.generate_key("P-256"))


def claims(program, **changes):
    moment = int(time.time())
    made = {
        "iss": program.id,
        "sub": program.id,
        "aud": ISSUER,
        "exp": moment + 60,
        "iat": moment,
        "jti": f"{time.time_ns()}",
    }
    return {name: value for name, value in {**made, **changes}.items() if value is not ...}


def signed(key, content, alg="ES256", **headers):
    return jwt.encode(content, key.as_pem(private=True), algorithm=alg, headers=headers or None)


def proved(program, assertion, path="/oauth/token", kind=TYPE, headers=None, **fields):
    """The answer to a call that this assertion should prove."""
    body = {**GRANT, "client_assertion_type": kind, "client_assertion": assertion, **fields}
    return post(program.app, path, {name: value for name, value in body.items() if value}, headers=headers or {})


def refused(answer):
    return (answer.status_code, error_of(answer)) == (401, "invalid_client")


# --- what proves a client --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/oauth/token", [ISSUER]])
def test_RFC7523_3_a_signed_assertion_gets_a_token(program, key, audience):
    answer = proved(program, signed(key, claims(program, aud=audience)))

    assert answer.status_code == 200, answer.text
    assert claims_of(answer.json["access_token"])["sub"] == program.id


def test_RFC7523_3_RS256_with_an_RSA_key(program):
    key = registered(program, RSAKey.generate_key(2048))

    assert proved(program, signed(key, claims(program), "RS256")).status_code == 200


def test_RFC7521_4_2_the_client_id_may_stand_beside_it(program, key):
    assert proved(program, signed(key, claims(program)), client_id=program.id).status_code == 200


def test_a_kid_and_a_type_may_be_named(program, key):
    for headers in ({"kid": "mine"}, {"typ": "client-authentication+jwt"}, {"typ": "JWT"}):
        assert proved(program, signed(key, claims(program), **headers)).status_code == 200, headers


def test_it_introspects_and_revokes_too(program, key):
    token = program.access_token()

    told = proved(program, signed(key, claims(program)), "/oauth/introspect", token=token)
    ended = proved(program, signed(key, claims(program, aud=f"{ISSUER}/oauth/revoke")), "/oauth/revoke", token=token)

    assert told.json["active"]
    assert ended.status_code == 200
    assert program.introspect(token) == {"active": False}


def test_the_second_of_two_keys_proves_as_well_and_the_secret_goes_on(program, key):
    other = registered(program, ECKey.generate_key("P-256"))

    assert proved(program, signed(key, claims(program))).status_code == 200
    assert proved(program, signed(other, claims(program))).status_code == 200
    assert program.token().status_code == 200


def test_authlib_s_own_assertion(program, key):
    assertion = private_key_jwt_sign(key, program.id, f"{ISSUER}/oauth/token", "ES256")

    assert proved(program, assertion).status_code == 200


def test_the_metadata_says_so(app):
    metadata = send(app, "GET", "/.well-known/oauth-authorization-server").json

    for endpoint in ("token", "introspection", "revocation"):
        assert "private_key_jwt" in metadata[f"{endpoint}_endpoint_auth_methods_supported"]
        assert metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == ["ES256", "RS256"]


# --- T13: what does not ----------------------------------------------------------------------------------------------


WRONG_CLAIMS = {
    "another audience": {"aud": "https://evil.example"},
    "two audiences": {"aud": [ISSUER, "https://evil.example"]},
    "no audience": {"aud": ...},
    "an empty list": {"aud": []},
    "an address that begins like ours": {"aud": f"{ISSUER}.evil.example"},
    "another issuer": {"iss": "pci_other"},
    "no issuer": {"iss": ...},
    "another subject": {"sub": "pci_other"},
    "no subject": {"sub": ...},
    "a subject that is a list": {"sub": ["x"]},
    "expired": {"exp": 1},
    "no end": {"exp": ...},
    "an end far away": {"exp": 2**40},
    "an end that is a word": {"exp": "soon"},
    "an end that is true": {"exp": True},
    "issued tomorrow": {"iat": 2**40},
    "issued at a word": {"iat": "now"},
    "not before tomorrow": {"nbf": 2**40},
    "no id": {"jti": ...},
    "an empty id": {"jti": ""},
    "an id that is a number": {"jti": 7},
    "a long id": {"jti": "j" * 201},
}


def raw(key, content):
    """Signed, whatever the claims are like: the library would refuse to."""
    return jwt.PyJWS().encode(json.dumps(content).encode(), key.as_pem(private=True), algorithm="ES256")


@pytest.mark.parametrize("name", WRONG_CLAIMS)
def test_T13_wrong_claims(program, key, name):
    assert refused(proved(program, raw(key, claims(program, **WRONG_CLAIMS[name]))))


def forged(program, key):
    good = signed(key, claims(program))
    header, payload, signature = good.split(".")
    public = key.as_pem(private=False)
    der = key.private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    yield "garbage", "nonsense"
    yield "empty parts", ".."
    yield "unsigned", f"{header}.{payload}."
    for alg in ("none", "None", "NONE"):
        yield f"alg {alg}", f"{encoded({'alg': alg})}.{payload}."
    yield "HS256 with the public key", by_hmac(claims(program), public)
    yield "HS256 with the public key in DER", by_hmac(claims(program), der)
    yield "HS256 with the secret", by_hmac(claims(program), program.secret.encode())
    yield "another key", signed(ECKey.generate_key("P-256"), claims(program))
    theirs = ECKey.generate_key("P-256")
    yield "a key in the header", signed(theirs, claims(program), jwk=theirs.as_dict(private=False))
    yield "a key by address", signed(theirs, claims(program), jku="http://127.0.0.1:9/keys")
    yield "RS256 with a key of their own", signed(RSAKey.generate_key(2048), claims(program), "RS256")
    yield "crit", signed(key, claims(program), crit=["b64"], b64=True)
    yield "an access token's type", signed(key, claims(program), typ="at+jwt")
    yield "payload changed", f"{header}.{encoded({**claims(program), 'exp': 2**31})}.{signature}"
    yield "our own access token", program.access_token()
    yield "deep", f"{header}.{encoded(b'[' * 5000)}.{signature}"
    yield "long", f"{header}.{'A' * 20_000}.{signature}"
    yield "surrogate", raw(key, {**claims(program), "sub": "\ud800"})


def by_hmac(content, secret):
    text = f"{encoded({'alg': 'HS256', 'typ': 'JWT'})}.{encoded(content)}"
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def test_T13_forged_assertions(program, key):
    answers = {name: proved(program, assertion) for name, assertion in forged(program, key)}

    assert [name for name, answer in answers.items() if not refused(answer)] == []
    assert len({answer.data for answer in answers.values()}) == 1, "all read the same"


def test_T13_the_id_is_good_once_for_the_client(app, program, key):
    assertion = signed(key, claims(program, jti="one\ud800".encode("utf-8", "replace").decode()))
    other = make_program(app)
    theirs = registered(other, ECKey.generate_key("P-256"))

    assert proved(program, assertion).status_code == 200
    assert refused(proved(program, assertion))
    assert refused(proved(program, signed(key, claims(program, jti="one?"))))
    assert proved(other, signed(theirs, claims(other, jti="one?"))).status_code == 200


def test_T13_of_eight_at_once_one_is_let_in(program, key):
    assertion = signed(key, claims(program))

    answers = race(8, lambda _: proved(program, assertion).status_code)

    assert sorted(answers) == [200] + [401] * 7


def test_T13_an_assertion_is_remembered_until_it_has_ended_and_not_longer(program, key):
    assertion, end = signed(key, claims(program)), int(time.time()) + 60
    assert proved(program, assertion).status_code == 200

    with time_machine.travel(end + 59, tick=False), transaction():
        credentials.forget_expired_assertions()
        assert db.session.scalar(select(func.count()).select_from(UsedAssertion)) == 1
    with time_machine.travel(end + 61, tick=False):
        assert refused(proved(program, assertion))
        with transaction():
            credentials.forget_expired_assertions()
        assert db.session.scalar(select(func.count()).select_from(UsedAssertion)) == 0


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (59, 200), (60, 401), (600, 401)])
def test_J5_the_clock_of_a_client_may_be_a_minute_off(program, key, seconds, status):
    moment = int(now().timestamp()) + 1  # the access itself began within this second
    with time_machine.travel(moment, tick=False):
        assertion = signed(key, claims(program, exp=moment - seconds, iat=moment - 120))
        assert proved(program, assertion).status_code == status


def test_T13_another_client_s_key(app, program, key):
    other = make_program(app)
    registered(other, ECKey.generate_key("P-256"))

    assert refused(proved(program, signed(key, claims(other))))
    assert refused(proved(program, signed(key, claims(program, sub=other.id))))


def test_T13_another_client_named_beside_it(app, program, key):
    assert refused(proved(program, signed(key, claims(program)), client_id=make_program(app).id))


@pytest.mark.parametrize("kind", ["", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", TYPE.upper()])
def test_RFC7521_4_2_another_type_of_assertion(program, key, kind):
    assert refused(proved(program, signed(key, claims(program)), kind=kind))


def test_T5_two_methods_at_once(program, key):
    with_header = proved(program, signed(key, claims(program)), headers=basic(program.id, program.secret))
    with_secret = proved(program, signed(key, claims(program)), client_id=program.id, client_secret=program.secret)

    for answer in (with_header, with_secret):
        assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_a_program_whose_app_has_no_key(program):
    assert refused(proved(program, signed(ECKey.generate_key("P-256"), claims(program))))


def test_C157_a_removed_key_a_revoked_credential_and_a_deactivated_owner(app, program, key):
    person, admin = program.request.requester, make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(person, by=admin)
    assert refused(proved(program, signed(key, claims(program))))
    with transaction():
        accounts.reactivate(person, by=admin)
    assert proved(program, signed(key, claims(program))).status_code == 200
    with transaction():
        (held,) = credentials.keys_of(program.request.app_id)
        credentials.remove_app_key(program.request.app, held.id, by=person)
    assert refused(proved(program, signed(key, claims(program))))


def test_T14_wrong_assertions_are_counted(program, key):
    statuses = [proved(program, signed(key, claims(program, aud="x"))).status_code for _ in range(61)]

    assert (set(statuses[:60]), statuses[60]) == ({401}, 429)
    assert proved(program, signed(key, claims(program))).status_code == 200
