"""Introspection: who may ask, about what, and sixty-four ways to forge a token that all fail."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from portal import credentials
from portal.oauth.tokens import CLOCK_SKEW_SECONDS
from tests.support.programs import claims_of, encoded, header_of, make_program, post, send

INACTIVE = {"active": False}


@pytest.fixture
def program(app):
    return make_program(app)


def keys_of(app):
    return app.extensions["portico.oauth"]["server"].keys


def signed(app, **claims):
    """A token that our own key signed, with these claims."""
    return keys_of(app).sign(claims)


# --- a good token ----------------------------------------------------------------------------------------------------


def test_a_program_sees_what_its_token_opens(program):
    token = program.access_token()
    claims = claims_of(token)

    assert program.introspect(token) == {"active": True, "token_type": "Bearer", **claims}


def test_the_answer_is_not_stored(program):
    answer = program.post("/oauth/introspect", {"token": program.access_token()})

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content_type == "application/json"


# --- J6: who may ask -------------------------------------------------------------------------------------------------


def test_J6_a_stranger_or_a_wrong_secret_learns_nothing(app, program):
    token = program.access_token()

    for auth in (None, (program.id, "pcs_wrong"), ("pci_unknown", program.secret)):
        answer = post(app, "/oauth/introspect", {"token": token}, auth=auth)
        assert answer.status_code == 401
        assert answer.json["error"] == "invalid_client"


def test_J6_another_program_sees_only_that_it_is_not_active_for_it(app, program):
    token = program.access_token()

    assert make_program(app).introspect(token) == INACTIVE


def test_J6_a_token_in_the_address_is_refused(app, program):
    token = program.access_token()

    answer = send(app, "POST", f"/oauth/introspect?token={token}", headers={})

    assert answer.status_code == 400
    assert answer.json["error"] == "invalid_request"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "nonsense", "é"])
def test_J6_a_hint_is_only_a_hint(program, hint):
    assert program.introspect(program.access_token(), token_type_hint=hint)["active"]


def test_a_call_without_a_token_is_refused(program):
    answer = program.post("/oauth/introspect", {"token_type_hint": "access_token"})

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


# --- J1: forgeries ---------------------------------------------------------------------------------------------------


def forgeries(app, token, canary="http://127.0.0.1:9/"):
    """Forged tokens by name."""
    header_text, payload_text, signature = token.split(".")
    header, claims = header_of(token), claims_of(token)
    public = keys_of(app).public()["keys"][0]
    pem = ECKey.import_key(public).as_pem(private=False)
    theirs = ECKey.generate_key("P-256")
    rsa = RSAKey.generate_key(2048)

    def unsigned(head, body=payload_text, sign=""):
        return f"{encoded(head)}.{body}.{sign}"

    def by(key, alg="ES256", body=None, **extra):
        return jwt.encode({**header, "alg": alg, **extra}, body or claims, key, algorithms=[alg])

    def hmac_with(raw, alg="HS256"):
        return by(OctKey.import_key(base64.urlsafe_b64encode(raw).decode().rstrip("=")), alg) if raw else ""

    made = {}
    for name in ("none", "None", "NONE", "nOnE"):
        made[f"alg {name}"] = unsigned({**header, "alg": name})
    made["alg none, signature kept"] = unsigned({**header, "alg": "none"}, sign=signature)
    made["alg missing"] = unsigned({"typ": "at+jwt", "kid": header["kid"]}, sign=signature)
    made["alg list"] = unsigned({**header, "alg": ["ES256"]}, sign=signature)
    made["alg null"] = unsigned({**header, "alg": None}, sign=signature)
    made["signature stripped"] = f"{header_text}.{payload_text}."
    made["signature and dot stripped"] = f"{header_text}.{payload_text}"
    made["signature of zeros"] = f"{header_text}.{payload_text}.{encoded(bytes(64))}"
    made["signature r=0"] = f"{header_text}.{payload_text}.{encoded(bytes(32) + b'1' * 32)}"
    made["signature of ones"] = f"{header_text}.{payload_text}.{encoded(bytes(31) + b'1' + bytes(31) + b'1')}"
    made["signature of the order"] = f"{header_text}.{payload_text}." + encoded(
        bytes.fromhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551") * 2
    )
    made["signature short"] = f"{header_text}.{payload_text}.{encoded(b'1' * 63)}"
    made["signature long"] = f"{header_text}.{payload_text}.{encoded(b'1' * 65)}"
    made["signature in DER"] = f"{header_text}.{payload_text}.{encoded(bytes.fromhex('3006020101020101'))}"
    made["signature with padding"] = token + "=="
    made["signature with newline"] = token + "\n"
    made["signature with blank"] = token + " "
    made["signature with a sign that base64 skips"] = token[:-5] + "!" + token[-5:]
    made["signature changed"] = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    made["header only"] = header_text
    made["empty parts"] = ".."
    made["four parts"] = f"{token}.{signature}"
    made["five parts"] = f"{header_text}.x.x.x.x"
    for name, value in (
        ("sub", "pci_other"),
        ("scope", "admin"),
        ("exp", 2**40),
        ("aud", ["x"]),
        ("client_id", "pci_x"),
    ):
        made[f"{name} changed"] = f"{header_text}.{encoded({**claims, name: value})}.{signature}"
    twice = json.dumps(claims)[:-1] + ', "scope": "admin"}'
    made["member twice"] = f"{header_text}.{encoded(twice.encode())}.{signature}"
    made["payload not JSON"] = f"{header_text}.{encoded(b'nonsense')}.{signature}"
    made["payload a list"] = f"{header_text}.{encoded([claims])}.{signature}"
    made["payload deep"] = f"{header_text}.{encoded(b'[' * 20_000)}.{signature}"
    secrets = {
        "PEM": pem,
        "PEM stripped": pem.strip(),
        "PEM in one line": pem.replace(b"\n", b""),
        "DER": base64.b64decode(b"".join(pem.splitlines()[1:-1])),
        "JWK": json.dumps(public).encode(),
        "JWK, compact": json.dumps(public, separators=(",", ":")).encode(),
        "x": base64.urlsafe_b64decode(public["x"] + "=="),
        "kid": header["kid"].encode(),
    }
    for name, raw in secrets.items():
        made[f"HS256 with the public key as {name}"] = hmac_with(raw)
    made["HS512 with the public key"] = hmac_with(pem, "HS512")
    made["another key, our kid"] = by(theirs)
    made["another key, RS256"] = by(rsa, "RS256")
    made["ES384"] = by(ECKey.generate_key("P-384"), "ES384")
    made["jwk header"] = by(theirs, jwk=theirs.as_dict(private=False))
    made["jku header"] = by(theirs, jku=f"{canary}jku")
    made["x5u header"] = by(theirs, x5u=f"{canary}x5u")
    made["x5c header"] = by(theirs, x5c=["MIIB"])
    for name, kid in {
        "kid traversal": "../../../../dev/null",
        "kid SQL": "' union select 'x' --",
        "kid URL": f"{canary}kid",
        "kid empty": "",
        "kid long": "k" * 5000,
    }.items():
        made[name] = by(theirs, kid=kid)
    made["kid list"] = unsigned({**header, "kid": [header["kid"]]}, sign=signature)
    made["crit"] = unsigned({**header, "crit": ["b64"]}, sign=signature)
    made["b64 false"] = unsigned({**header, "b64": False, "crit": ["b64"]}, sign=signature)
    made["header member twice"] = unsigned(b'{"alg":"none","alg":"ES256","typ":"at+jwt"}', sign=signature)
    made["zip"] = unsigned({**header, "zip": "DEF"}, sign=signature)
    made["PBES2 bomb"] = unsigned(
        {"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": 2**31, "p2s": "AAAA"}, "x.x.x", "x"
    )
    made["one megabyte"] = f"{header_text}.{'A' * 1_000_000}.{signature}"
    made["NUL"] = "\0"
    made["lone percent"] = "%"
    made["not ASCII"] = "é" * 10
    return made


def test_J1_no_forged_token_is_active(app, program):
    forged = forgeries(app, program.access_token())
    assert len(forged) >= 64

    for name, token in forged.items():
        started = time.monotonic()
        assert program.introspect(token) == INACTIVE, name
        assert time.monotonic() - started < 3, name


def test_J2_no_address_in_a_token_is_ever_fetched(app, program):
    asked = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Canary)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        forged = forgeries(app, program.access_token(), canary=f"http://127.0.0.1:{server.server_port}/")
        for name in ("jku header", "x5u header", "kid URL"):
            assert program.introspect(forged[name]) == INACTIVE
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()

    assert asked == []


# --- J4: tokens for something else -----------------------------------------------------------------------------------


def test_J4_a_token_of_another_issuer_kind_or_without_its_claims_is_not_one_of_ours(app, program):
    claims = claims_of(program.access_token())
    other_kind = jwt.encode(
        {"alg": "ES256", "typ": "JWT", "kid": keys_of(app).ids[0]},
        claims,
        keys_of(app)._first.key,
        algorithms=["ES256"],
    )
    tokens = {
        "another issuer": signed(app, **{**claims, "iss": "https://evil.example"}),
        "no issuer": signed(app, **{name: value for name, value in claims.items() if name != "iss"}),
        "another kind": other_kind,
        "no audience": signed(app, **{**claims, "aud": []}),
        "another audience": signed(app, **{**claims, "aud": ["urn:portico:api:unknown"]}),
        "no expiry": signed(app, **{name: value for name, value in claims.items() if name != "exp"}),
        "expiry a word": signed(app, **{**claims, "exp": "soon"}),
        "no jti": signed(app, **{name: value for name, value in claims.items() if name != "jti"}),
        "nothing": signed(app),
    }

    for name, token in tokens.items():
        assert program.introspect(token) == INACTIVE, name
    assert program.introspect(signed(app, **claims))["active"]


# --- J5: time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 30, 60, 61])
def test_J5_a_token_is_over_at_its_very_second(app, program, seconds):
    token = program.access_token()
    end = claims_of(token)["exp"]

    with time_machine.travel(end - 1, tick=False):
        assert program.introspect(token)["active"]
    with time_machine.travel(end + seconds, tick=False):
        assert program.introspect(token) == INACTIVE


@pytest.mark.parametrize(("seconds", "active"), [(0, True), (30, True), (60, True), (61, False), (3600, False)])
def test_J5_a_token_from_the_future_is_good_within_the_skew_of_two_clocks(app, program, seconds, active):
    assert CLOCK_SKEW_SECONDS == 60
    claims = claims_of(program.access_token())
    moment = claims["iat"] + 1  # the access itself began within that second
    token = signed(app, **{**claims, "iat": moment + seconds, "exp": moment + seconds + 600})

    with time_machine.travel(moment, tick=False):
        assert program.introspect(token)["active"] is active


def test_a_token_signed_before_the_key_changed_is_good_while_the_old_key_stands_below_the_new_one(app, program):
    token = program.access_token()
    server = app.extensions["portico.oauth"]["server"]
    old = server.keys
    new = credentials.SigningKeys([ECKey.generate_key("P-256"), old._first.key])
    try:
        server.keys = new
        assert program.introspect(token)["active"]
        assert header_of(program.access_token())["kid"] == new.ids[0] != old.ids[0]
    finally:
        server.keys = old
