"""The token endpoint: what it gives, and all that it refuses. Ids are those of the traps and threats."""

import base64
import hashlib
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import KeySet

from portal.catalog import AuthMethod
from portal.credentials import find_credential_by_client_id
from portal.db import db, now, transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import FORM, basic, claims_of, header_of, make_program, post, send
from tests.support.queries import count_queries

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def program(app):
    return make_program(app)


def stored(program):
    """The credential as it stands in the database."""
    db.session.rollback()
    found = find_credential_by_client_id(program.id)
    assert found is not None
    return found


def error_of(answer):
    """The error, after what RFC 6749 section 5.2 and T15 ask of every error."""
    assert answer.status_code in {400, 401, 405, 413, 415, 429}, answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert set(answer.json) <= {"error", "error_description"}
    assert all(" " <= sign <= "~" and sign not in '"\\' for sign in answer.json["error_description"])
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    return answer.json["error"]


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


# --- who it believes -------------------------------------------------------------------------------------------------


def variants(secret):
    return {
        "upper case": secret.upper(),
        "one more": secret + "a",
        "one less": secret[:-1],
        "none": "",
        "blank before": " " + secret,
        "blank after": secret + " ",
        "NUL": secret + "\0",
        "newline": secret + "\n",
        "full width": "".join(chr(ord(sign) + 0xFEE0) for sign in secret),
        "percent": "%" + secret,
        "the stored hash": hashlib.sha256(secret.encode()).hexdigest(),
        "twice": secret * 2,
        "cut and filled": secret[:40] + "A" * 12,
        "another client's form": "pcs_" + "0" * 49,
        "one megabyte": "a" * 1_000_000,
    }


@pytest.mark.parametrize("variant", variants("pcs_x"))
@pytest.mark.parametrize("method", ["header", "body"])
def test_T2_a_wrong_secret_is_refused(app, program, variant, method):
    wrong = variants(program.secret)[variant]
    if method == "header":
        answer = post(app, "/oauth/token", GRANT, headers=basic(quote(program.id), quote(wrong)))
    else:
        answer = post(app, "/oauth/token", {**GRANT, "client_id": program.id, "client_secret": wrong})

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


def test_T3_and_trap_6_an_unknown_client_reads_like_a_wrong_secret(app, program):
    program.token()  # the client is in use, so that the right pair's answer is at hand
    answers = []
    for client_id in (program.id, "pci_000000000000000000000", "nobody", "\0", "é", "a" * 500):
        with app.app_context(), count_queries() as counted:
            answer = post(app, "/oauth/token", GRANT, headers=basic(client_id, "pcs_wrong"))
        headers = [(name, value) for name, value in answer.headers if name != "X-Request-ID"]
        answers.append((answer.status_code, answer.data, headers, len(counted)))

    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401


@pytest.mark.parametrize(
    "header",
    [
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"%ff%fe:%ff").decode(),
        "Basic ä",
        "Basic !!!!",
        "Basic",
        "basic ",
        "Bearer abc",
        "Digest username=x",
        "",
        "Basic YTpi, Basic YTpi",
    ],
)
def test_trap_1_a_header_that_cannot_be_read_is_a_wrong_client_not_an_error(app, program, header):
    answer = post(app, "/oauth/token", GRANT, headers={"Authorization": header})

    assert (answer.status_code, error_of(answer)) == (401, "invalid_client")


def test_nobody_in_particular_gets_nothing(app):
    assert error_of(post(app, "/oauth/token", GRANT)) == "invalid_client"


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ({"client_secret": "{secret}"}, "wrong"),
        ({"client_id": "{id}", "client_secret": "{secret}"}, "wrong"),
        ({"client_id": "{id}", "client_secret": "{secret}"}, "right"),
        ({"client_id": "pci_another"}, "right"),
        ({"client_assertion": "x.y.z"}, "right"),
        ({"client_assertion": "x.y.z", "client_id": "{id}", "client_secret": "{secret}"}, None),
    ],
)
def test_T5_and_trap_2_two_methods_or_two_clients_are_refused(app, program, fields, who):
    sent = {name: value.format(id=program.id, secret=program.secret) for name, value in fields.items()}
    headers = {"right": basic(program.id, program.secret), "wrong": basic(program.id, "x"), None: {}}[who]

    answer = post(app, "/oauth/token", {**GRANT, **sent}, headers=headers)

    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_the_same_client_id_in_header_and_body_is_one_client(program):
    assert program.token(client_id=program.id).status_code == 200


def test_trap_3_a_header_is_decoded_as_a_form(app, program):
    def every_sign(text):
        return "".join(f"%{ord(sign):02X}" for sign in text)

    answer = post(app, "/oauth/token", GRANT, headers=basic(every_sign(program.id), every_sign(program.secret)))

    assert answer.status_code == 200


def test_trap_3_a_plus_is_a_blank(app, program):
    with transaction():
        credential = stored(program)
        credential.secret_hash = hashlib.sha256(b"a b~-.").hexdigest()

    answer = post(app, "/oauth/token", GRANT, headers=basic(program.id, "a+b%7E%2D%2E"))

    assert answer.status_code == 200


def test_an_api_key_gets_no_token(app):
    plan = make_plan(auto_approve=True)
    program = make_program(app, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)

    answer = program.token()

    assert (answer.status_code, error_of(answer)) == (400, "unauthorized_client")


# --- what it reads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["token", "introspect", "revoke"])
def test_T6_and_trap_4_nothing_is_taken_from_the_address(app, program, where):
    query = urlencode({**GRANT, "client_id": program.id, "client_secret": program.secret, "token": "x", "scope": "a"})

    alone = post(app, f"/oauth/{where}?{query}")
    beside = post(app, f"/oauth/{where}?scope=a", GRANT, auth=(program.id, program.secret))

    for answer in (alone, beside):
        assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


@pytest.mark.parametrize("where", ["token", "introspect", "revoke"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "PROPFIND"])
def test_T6_only_post_is_taken(app, program, where, method):
    answer = send(app, method, f"/oauth/{where}", headers=basic(program.id, program.secret), query_string=GRANT)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_T6_a_secret_in_the_address_is_not_logged(app, program, capfd):
    send(app, "POST", f"/oauth/token?client_secret={program.secret}")
    post(app, "/oauth/token", GRANT, auth=(program.id, "pcs_wrongwrongwrong"))

    out = "".join(capfd.readouterr())
    assert program.secret not in out
    assert "wrongwrongwrong" not in out


@pytest.mark.parametrize(
    "grant",
    [
        "password",
        "implicit",
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "CLIENT_CREDENTIALS",
        "Client_Credentials",
        " client_credentials",
        "client_credentials client_credentials",
        'client_credentials"\\é',
    ],
)
def test_T7_every_other_grant_is_unsupported(program, grant):
    answer = program.token(grant_type=grant)

    assert (answer.status_code, error_of(answer)) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "body",
    [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&grant_type=password",
        "grant_type=client_credentials&scope=a&scope=b",
        "grant_type=client_credentials&scope=&scope=a",
        "grant_type=client_credentials&client_id=a&client_id=b",
        "grant_type=client_credentials&unknown=a&unknown=b",
        "grant_type[]=client_credentials",
        "grant_type[0]=client_credentials",
        "scope=a",
        "",
        "grant_type=",
        "grant_type=client_credentials&x=%ff%fe",
        "&".join(f"f{number}=1" for number in range(200)),
    ],
)
def test_T9_and_trap_5_a_parameter_counts_once_or_not_at_all(program, body):
    answer = program.post("/oauth/token", body)

    assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b'{"grant_type": "client_credentials"}', 415),
        ("application/json", b"[" * 100_000, 415),
        ("text/plain", b"grant_type=client_credentials", 415),
        ("text/xml", b"<grant_type>client_credentials</grant_type>", 415),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\na\r\n--x--',
            415,
        ),
        ("multipart/form-data", b"", 415),
        ("", b"grant_type=client_credentials", 415),
        (f"{FORM}; charset=utf-7", b"grant_type=client_credentials", 415),
        (f"{FORM}; charset=utf-16", "grant_type=client_credentials".encode("utf-16"), 415),
        (FORM, "grant_type=client_credentials&x=ä".encode("latin-1"), 400),
        (FORM, b"grant_type=client_credentials&x=" + b"a" * 8_000_000, 413),
    ],
)
def test_T10_only_a_form_in_utf_8_of_sound_size_is_read(app, program, content_type, body, status):
    answer = post(app, "/oauth/token", body, content_type=content_type, headers=basic(program.id, program.secret))

    assert (answer.status_code, error_of(answer)) == (status, "invalid_request")


def test_a_form_that_names_utf_8_is_read(app, program):
    for content_type in (f"{FORM}; charset=UTF-8", f"{FORM};charset=utf-8", FORM.upper()):
        answer = post(
            app, "/oauth/token", urlencode(GRANT), content_type=content_type, headers=basic(program.id, program.secret)
        )
        assert answer.status_code == 200, content_type


@pytest.mark.parametrize(
    "name", ["sub", "exp", "iss", "aud", "jti", "user", "act", "claims", "resource", "audience", "expires_in", "kid"]
)
def test_T11_nothing_else_that_is_sent_gets_into_the_token(program, name):
    token = program.access_token(**{name: "https://evil.example/"})

    assert "evil" not in str(claims_of(token))
    assert "evil" not in str(header_of(token))
    assert set(claims_of(token)) == {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope"}


@pytest.mark.parametrize(
    "scope", ["other:read", "{own} other:read", "{own}  {own}", "{own}\n", " ", "*", 'a"b', "é", "A" * 9000]
)
def test_trap_7_a_scope_that_is_not_open_is_refused_not_dropped(program, scope):
    answer = program.token(scope=scope.format(own=program.request.products[0].scope_names[0]))

    assert (answer.status_code, error_of(answer)) == (400, "invalid_scope")


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
