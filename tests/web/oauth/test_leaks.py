"""H8: a leaked secret is told by somebody who signs, and stops at once; nobody else stops or learns anything."""

import base64
import hashlib
import json
import re
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from portal import access, credentials, lifecycle
from portal.accounts import RoleName
from portal.catalog import AuthMethod, LeakAction
from portal.config import BadSettings
from portal.credentials import CredentialState, InitialAccessToken
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.oauth import leaks
from tests.support.builders import make_plan, make_product, make_user
from tests.support.programs import make_program, post, send
from tests.support.threads import race
from tests.web.oauth.answers import stored

PATH = "/oauth/leaked-secrets"
KEY_ID = "9f3a1c"
KEY = ec.generate_private_key(ec.SECP256R1())
WHERE = "https://code.example.com/acme/planner/blob/main/.env"


def public_pem(key):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


@pytest.fixture(autouse=True)
def reporters(app):
    extension = app.extensions["portico.oauth"]
    extension["server"].failures.forget()
    extension["reporters"] = {KEY_ID: leaks.Reporter("GitHub", KEY.public_key())}
    yield
    extension["reporters"] = {}


def signature(body, key=KEY):
    return base64.b64encode(key.sign(body, ec.ECDSA(hashes.SHA256()))).decode()


def send_report(app, body, *, key=KEY, key_id=KEY_ID, headers=None):
    signed = {leaks.KEY_ID_HEADER: key_id, leaks.SIGNATURE_HEADER: signature(body, key)}
    sent = signed if headers is None else headers
    return post(app, PATH, body, headers=sent, content_type="application/json")


def report(app, *tokens, url=WHERE, **kwargs):
    finds = [{"token": token, "type": "portico", "url": url, "source": "content"} for token in tokens]
    return send_report(app, json.dumps(finds).encode(), **kwargs)


def labels(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return [each["label"] for each in answer.json]


def mails(kind="leaked"):
    return db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == kind)).all()


def leaky(app, action=LeakAction.ROTATE, **kwargs):
    """A program on a plan that does this with leaked secrets."""
    plan = make_plan(auto_approve=True, leak_action=action)
    return make_program(app, make_product(plans=[plan], **kwargs), plan=plan)


# --- what is done ----------------------------------------------------------------------------------------------------


def test_H8_a_leaked_secret_revokes_its_credential_at_once(app, program):
    token = program.access_token()

    answer = report(app, program.secret)

    assert labels(answer) == ["true_positive"]
    assert program.token().status_code == 401
    assert stored(program).state is CredentialState.REVOKED
    assert not any(grant.is_live for grant in access.grants_of(program.request.app))
    other = make_program(app)
    assert other.introspect(token) == {"active": False}


def test_the_answer_names_each_by_its_hash_and_never_by_itself(app, program):
    answer = report(app, program.secret, "pcs_unknown")

    assert answer.json == [
        {
            "token_hash": hashlib.sha256(program.secret.encode()).hexdigest(),
            "token_type": "portico",
            "label": "true_positive",
        },
        {
            "token_hash": hashlib.sha256(b"pcs_unknown").hexdigest(),
            "token_type": "portico",
            "label": "false_positive",
        },
    ]
    assert program.secret not in answer.text


def test_where_the_plan_says_so_only_the_secret_stops_and_its_owner_makes_a_new_one(app):
    program = leaky(app)

    assert labels(report(app, program.secret)) == ["true_positive"]

    assert program.token().status_code == 401
    credential = stored(program)
    assert credential.state is CredentialState.ACTIVE
    with transaction():
        program.secret = credentials.rotate(credential, by=program.request.requester).secret
    assert program.token().status_code == 200


@pytest.mark.parametrize("action", list(LeakAction))
def test_a_secret_that_is_being_replaced_counts_as_well(app, action):
    program = leaky(app, action)
    credential, old = stored(program), program.secret
    with transaction():
        program.secret = credentials.rotate(credential, by=program.request.requester, overlap_days=3).secret

    assert labels(report(app, old)) == ["true_positive"]

    assert post(app, "/oauth/token", {"grant_type": "client_credentials"}, auth=(program.id, old)).status_code == 401
    assert program.token().status_code == (200 if action is LeakAction.ROTATE else 401)


def test_an_API_key_too(app):
    program = leaky(app, LeakAction.REVOKE, auth_method=AuthMethod.API_KEY)
    assert program.secret.startswith("pak_")

    assert labels(report(app, program.secret)) == ["true_positive"]

    assert stored(program).state is CredentialState.REVOKED


def test_secrets_and_tokens_of_registration(app, program):
    credential, person = stored(program), program.request.requester
    with transaction():
        first = credentials.allow_registration(credential, by=person).token
        open_token = credentials.allow_registration(credential, by=person).token
    headers = {"Authorization": f"Bearer {first}"}
    client = post(app, "/oauth/register", b"{}", headers=headers, content_type="application/json").json

    assert labels(report(app, client["registration_access_token"], open_token)) == ["true_positive"] * 2

    assert credentials.find_credential_by_client_id(client["client_id"]).state is CredentialState.REVOKED
    assert not any(token.is_good for token in db.session.scalars(select(InitialAccessToken)))
    assert program.token().status_code == 200


def test_the_secret_of_a_registered_client_ends_that_client_alone(app, program):
    credential = stored(program)
    with transaction():
        token = credentials.allow_registration(credential, by=program.request.requester).token
    headers = {"Authorization": f"Bearer {token}"}
    client = post(app, "/oauth/register", b"{}", headers=headers, content_type="application/json").json

    assert labels(report(app, client["client_secret"])) == ["true_positive"]

    assert credentials.find_credential_by_client_id(client["client_id"]).state is CredentialState.REVOKED
    assert program.token().status_code == 200


def test_an_access_token_is_revoked(app, program):
    token = program.access_token()

    assert labels(report(app, token, token[:-1] + "x")) == ["true_positive", "false_positive"]

    assert program.introspect(token) == {"active": False}
    assert program.token().status_code == 200


def test_a_gateway_s_secret_is_told_to_administrators_and_goes_on(app):
    admin = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        gateway = credentials.add_gateway("Edge", by=None)

    assert [labels(report(app, gateway.secret)) for _ in range(2)] == [["true_positive"]] * 2

    assert credentials.gateway_for(gateway.client_id, gateway.secret) is not None
    assert [mail.recipient for mail in mails()] == [admin.email]


def test_the_token_of_a_person_ends(app):
    person = make_user()
    with transaction():
        token = credentials.make_personal_token("Pipeline", days=30, by=person).token

    url = f"https://code.example.com/?k={token}"
    assert [labels(report(app, token, url=url)) for _ in range(2)] == [["true_positive"]] * 2

    assert credentials.find_personal_token(token) is None
    (mail,) = mails("token_leaked")
    assert mail.recipient == person.email
    assert "https://code.example.com/?k=…" in mail.payload["text"]
    assert "and never used" in mail.payload["text"]
    assert mails() == []


def test_the_token_of_a_person_that_is_reported_eight_times_at_once_ends_once(app):
    person = make_user()
    with transaction():
        token = credentials.make_personal_token("Pipeline", days=30, by=person).token

    assert race(8, lambda _: labels(report(app, token))) == [["true_positive"]] * 8

    assert len(mails("token_leaked")) == 1


def test_what_is_not_ours_or_has_ended_changes_nothing(app, program):
    ended = make_program(app)
    credential = stored(ended)
    with transaction():
        credentials.revoke(credential, by=ended.request.requester)
    count = len(db.session.scalars(select(AuditEvent.id)).all())
    unknown = credentials.new_secret(AuthMethod.OAUTH2)
    wrong = [unknown, program.secret[:-1], program.secret + "a", program.id, "", "é", "\ud800", ended.secret]

    assert labels(report(app, *wrong)) == ["false_positive"] * 7 + ["true_positive"]

    assert len(db.session.scalars(select(AuditEvent.id)).all()) == count
    assert lifecycle.leak_reports() == []
    assert program.token().status_code == 200


def test_the_same_report_again_and_eight_times_at_once_is_one(app, program):
    answers = race(8, lambda _: labels(report(app, program.secret)))

    assert answers == [["true_positive"]] * 8
    assert labels(report(app, program.secret, url="https://elsewhere.example/")) == ["true_positive"]
    (told,) = lifecycle.leak_reports()
    assert (told.reporter, told.source, told.url, told.action) == ("GitHub", "content", WHERE, LeakAction.REVOKE)
    kinds = db.session.scalars(select(AuditEvent.kind).order_by(AuditEvent.id)).all()
    assert kinds.count(EventKind.SECRET_LEAKED) == kinds.count(EventKind.CREDENTIAL_REVOKED) == 1


def test_one_that_leaks_again_after_rotation_is_another_report(app):
    program = leaky(app)
    report(app, program.secret)
    credential = stored(program)
    with transaction():
        program.secret = credentials.rotate(credential, by=program.request.requester).secret

    assert labels(report(app, program.secret)) == ["true_positive"]
    assert len(lifecycle.leak_reports()) == 2


# --- who hears of it, and what nobody reads --------------------------------------------------------------------------


@pytest.mark.parametrize("action", list(LeakAction))
def test_the_owner_the_product_s_owners_and_security_are_told_once_each(app, action):
    owner, security = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER)
    make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    program = leaky(app, action, owners=[owner])
    before = len(db.session.scalars(select(OutboxMessage.id)).all())

    report(app, program.secret)

    told = {mail.recipient: mail.payload["text"] for mail in mails()}
    assert set(told) == {program.request.requester.email, owner.email, security.email}
    assert len(db.session.scalars(select(OutboxMessage.id)).all()) == before + 3, "and no second mail says it again"
    own = " ".join(told[program.request.requester.email].split())
    assert WHERE in own
    assert ("ask for access again" in own) == (action is LeakAction.REVOKE)
    assert ("rotate the secret" in own) == (action is LeakAction.ROTATE)
    assert "/admin/leaks" in told[security.email]


def test_I13_an_address_that_holds_the_secret_is_told_without_it(app, program):
    quoted = "".join(f"%{ord(sign):02X}" for sign in program.secret)
    for url in (f"https://x.example/?key={program.secret}#L1\r\n", f"https://x.example/?key={quoted}"):
        report(app, program.secret, url=url)
        other = make_program(app)
        report(app, other.secret, url=f"https://x.example/{other.secret}/{program.secret}")

    for table in db.metadata.tables.values():
        for row in db.session.execute(table.select()):
            assert program.secret not in str(row), table.name
            assert quoted not in str(row), table.name
    assert "…" in str([told.url for told in lifecycle.leak_reports()])


def test_people_who_may_read_the_reports_and_others_not(app, browser, program):
    report(app, program.secret, url="javascript:alert(1)//<script>")
    name = program.request.app.name

    for role in (RoleName.SECURITY_REVIEWER, RoleName.AUDITOR, RoleName.ADMINISTRATOR, RoleName.API_OWNER):
        page = browser(make_user(role)).get("/admin/leaks")
        assert name in page.text("table")
        assert "Credential revoked" in page.text("table")
        assert not page.soup.select("table a[href^=javascript], table script")
    for role in (RoleName.CONSUMER, RoleName.REVIEWER, RoleName.PLAN_MANAGER):
        assert browser(make_user(role)).get("/admin/leaks").status == 403


def test_a_plan_says_what_is_done(browser):
    plan = make_plan()
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/plans/{plan.id}")

    page.press("Save changes", **{"When a secret leaks": "rotate"})

    db.session.refresh(plan)
    assert plan.leak_action is LeakAction.ROTATE


# --- who is not believed ---------------------------------------------------------------------------------------------


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


# --- the format and the settings -------------------------------------------------------------------------------------


def test_H8_secrets_have_the_published_format(app, program):
    documented = r"\b(pcs|pak|pgs|pit|prt|ppt)_[0-9A-Za-z]{49}\b"
    credential = stored(program)
    with transaction():
        token = credentials.allow_registration(credential, by=program.request.requester).token
        gateway = credentials.add_gateway("Edge", by=None).secret

    for secret in (program.secret, token, gateway, *(credentials.new_secret(m) for m in (AuthMethod.API_KEY,))):
        assert re.fullmatch(documented, secret)
        assert credentials.well_formed(secret)
        assert not credentials.well_formed(secret[:-1] + ("0" if secret[-1] != "0" else "1"))
        assert not credentials.well_formed(secret.swapcase())


def reporters_file(tmp_path, content):
    file = tmp_path / "reporters.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_the_file_has_the_form_in_which_github_publishes_its_keys(tmp_path):
    keys = [
        {"key_identifier": "a" * 64, "key": public_pem(KEY), "is_current": True},
        {"key_identifier": "b", "key": public_pem(KEY), "name": "Our scanner"},
    ]

    found = leaks.reporters_in(reporters_file(tmp_path, {"public_keys": keys}))

    assert {key_id: reporter.name for key_id, reporter in found.items()} == {
        "a" * 64: "Key aaaaaaaaaaaa",
        "b": "Our scanner",
    }
    assert leaks.reporters_in(None) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        {"public_keys": [{"key_identifier": "a"}]},
        {"public_keys": [{"key_identifier": "a", "key": "nonsense"}]},
        {"public_keys": [{"key_identifier": "a", "key": public_pem(ec.generate_private_key(ec.SECP384R1()))}]},
    ],
)
def test_X19_a_wrong_file_stops_the_start(tmp_path, content):
    with pytest.raises(BadSettings, match="PORTICO_LEAK_REPORTERS_FILE"):
        leaks.reporters_in(reporters_file(tmp_path, content))
    with pytest.raises(BadSettings, match="PORTICO_LEAK_REPORTERS_FILE"):
        leaks.reporters_in(tmp_path / "not there")


def test_a_secret_whose_time_is_over_is_told_as_real_and_nothing_else(app):
    program = leaky(app)
    credential = stored(program)
    with transaction():
        credential.expires_at = now() - timedelta(seconds=1)

    assert labels(report(app, program.secret)) == ["true_positive"]
    assert lifecycle.leak_reports() == []
