"""The token endpoint: what it reads, and refuses to read. Ids are those of the traps and threats."""

from urllib.parse import urlencode

import pytest

from tests.support.programs import FORM, basic, claims_of, header_of, post, send
from tests.web.oauth.answers import GRANT, error_of


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
    "name", ["sub", "exp", "iss", "aud", "jti", "user", "act", "claims", "audience", "expires_in", "kid"]
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
