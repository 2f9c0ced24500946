"""Revoking a token: at once, by whom it was issued to, on the record."""

import time_machine
from sqlalchemy import func, select

from portal import credentials
from portal.credentials import RevokedToken
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.programs import claims_of, make_program, post

INACTIVE = {"active": False}


def revocations():
    db.session.rollback()
    return db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.TOKEN_REVOKED)).all()


def test_a_revoked_token_is_inactive_at_once_and_only_that_one(app):
    program = make_program(app)
    token, other = program.access_token(), program.access_token()

    answer = program.revoke(token)

    assert answer.status_code == 200
    assert program.introspect(token) == INACTIVE
    assert program.introspect(other)["active"]


def test_revoking_is_recorded_by_the_token_s_id_and_never_by_the_token(app):
    program = make_program(app)
    token = program.access_token()

    program.revoke(token)
    program.revoke(token)

    (event,) = revocations()
    assert event.subject == program.id
    assert event.after["jti"] == claims_of(token)["jti"]
    assert token not in str(vars(event))


def test_what_is_no_token_of_ours_is_as_good_as_revoked(app):
    program = make_program(app)

    for nonsense in ("nonsense", "a.b.c", "\0", "x" * 100_000, program.access_token()[:-4]):
        assert program.revoke(nonsense, token_type_hint="refresh_token").status_code == 200
    assert revocations() == []


def test_another_program_cannot_revoke_it(app):
    program, other = make_program(app), make_program(app)
    token = program.access_token()

    answer = other.revoke(token)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")
    assert program.introspect(token)["active"]


def test_a_stranger_cannot_revoke_it(app):
    program = make_program(app)
    token = program.access_token()

    for auth in (None, (program.id, "pcs_wrong")):
        assert post(app, "/oauth/revoke", {"token": token}, auth=auth).status_code == 401
    assert program.introspect(token)["active"]


def test_the_deny_list_forgets_tokens_that_have_expired(app):
    program = make_program(app)
    token = program.access_token()
    program.revoke(token)

    with time_machine.travel(claims_of(token)["exp"] + 60, tick=False), transaction():
        assert credentials.forget_expired_tokens() == 1
    assert db.session.scalar(select(func.count()).select_from(RevokedToken)) == 0
