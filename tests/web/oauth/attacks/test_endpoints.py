"""An attacker's afternoon at the endpoints: cases by RFC and section, beside those of ``test_rfc_answers``.

What each case stands for, and where the others are, is told in docs/security.md.
"""

from datetime import timedelta

import pytest

from portal import access, credentials
from portal.catalog import AuthMethod
from portal.db import now, transaction
from tests.support.programs import FORM, basic, claims_of, encoded, make_program, post, send
from tests.support.threads import race
from tests.web.oauth.answers import GRANT, error_of, stored
from tests.web.oauth.attacks.forging import INACTIVE, METADATA, TYPE


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
