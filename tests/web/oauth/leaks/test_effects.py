"""H8: what was found in public stops at once, as its plan says, once."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import access, credentials, lifecycle
from portal.accounts import RoleName
from portal.catalog import AuthMethod, LeakAction
from portal.credentials import CredentialState, InitialAccessToken
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_user
from tests.support.programs import make_program, post
from tests.support.threads import race
from tests.web.oauth.answers import stored
from tests.web.oauth.leaks.reporting import WHERE, labels, leaky, mails, report


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


def test_a_secret_whose_time_is_over_is_told_as_real_and_nothing_else(app):
    program = leaky(app)
    credential = stored(program)
    with transaction():
        credential.expires_at = now() - timedelta(seconds=1)

    assert labels(report(app, program.secret)) == ["true_positive"]
    assert lifecycle.leak_reports() == []
