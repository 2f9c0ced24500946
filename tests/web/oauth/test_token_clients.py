"""The token endpoint: who it believes. Ids are those of the traps and threats."""

import base64
import hashlib
from urllib.parse import quote

import pytest

from portal.catalog import AuthMethod
from portal.db import transaction
from tests.support.builders import make_plan, make_product
from tests.support.programs import basic, make_program, post
from tests.support.queries import count_queries
from tests.web.oauth.answers import GRANT, error_of, stored


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
