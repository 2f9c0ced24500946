"""H8: who does not sign stops nothing and learns nothing; what cannot be read is refused."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from portal.oauth import leaks
from tests.support.programs import send
from tests.web.oauth.leaks.reporting import (
    KEY_ID,
    PATH,
    labels,
    report,
    send_report,
    signature,
)


def test_H8_who_does_not_sign_changes_and_learns_nothing(app, program):
    body = json.dumps([{"token": program.secret, "type": "x", "url": "", "source": ""}]).encode()
    other = ec.generate_private_key(ec.SECP256R1())
    good = signature(body)
    wrong = [
        {},
        {leaks.KEY_ID_HEADER: KEY_ID},
        {leaks.SIGNATURE_HEADER: good},
        {leaks.KEY_ID_HEADER: "unknown", leaks.SIGNATURE_HEADER: good},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: signature(body, other)},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: signature(body + b" ")},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: good[:-4]},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: "!!!"},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: "é"},
        {leaks.KEY_ID_HEADER: KEY_ID, leaks.SIGNATURE_HEADER: base64.b64encode(b"0" * 64).decode()},
        {
            leaks.KEY_ID_HEADER: KEY_ID,
            leaks.SIGNATURE_HEADER: base64.b64encode(bytes.fromhex("3006020100020100")).decode(),
        },
        {"Authorization": f"Bearer {program.access_token()}"},
    ]

    answers = [send_report(app, body, headers=headers) for headers in wrong]

    assert {(answer.status_code, answer.json["error"]) for answer in answers} == {(401, "invalid_signature")}
    assert len({answer.data for answer in answers}) == 1
    assert all("WWW-Authenticate" in answer.headers for answer in answers)
    assert program.token().status_code == 200


def test_nobody_is_believed_until_a_key_is_set(app, program):
    app.extensions["portico.oauth"]["reporters"] = {}

    assert report(app, program.secret).status_code == 401
    assert program.token().status_code == 200


def test_T14_unsigned_reports_are_counted_and_signed_ones_still_taken(app, program):
    statuses = [send_report(app, b"[]", headers={}).status_code for _ in range(61)]

    assert (set(statuses[:60]), statuses[60]) == ({401}, 429)
    assert labels(report(app, program.secret)) == ["true_positive"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"null", 400),
        (b"[1]", 400),
        (b'[{"type": "x"}]', 400),
        (b'[{"token": 7}]', 400),
        (b'[{"token": "x", "url": 7}]', 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"[" + b",".join([b'{"token": "x"}'] * 1001) + b"]", 413),
        (b"[" + b" " * 2_000_000 + b"]", 413),
    ],
)
def test_T10_a_report_that_cannot_be_read(app, body, status):
    answer = send_report(app, body)

    assert answer.status_code == status
    assert set(answer.json) == {"error", "error_description"}


def test_an_empty_report_is_fine_and_missing_words_are_empty(app, program):
    assert send_report(app, b"[]").json == []
    body = json.dumps([{"token": program.secret, "url": None}]).encode()
    assert labels(send_report(app, body)) == ["true_positive"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post(app, method):
    answer = send(app, method, PATH)

    assert (answer.status_code, "POST" in answer.headers["Allow"]) == (405, True)
