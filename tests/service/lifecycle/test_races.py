"""Races around secrets, with real threads and connections of their own: reveal, rotate, end, token, clock."""

from __future__ import annotations

import contextvars
from datetime import timedelta

import pytest
import time_machine

from portal import catalog, credentials, lifecycle
from portal.accounts import RoleName, User
from portal.catalog import ApiProduct, LeakAction
from portal.credentials import Credential, CredentialState
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid
from portal.events import AuditEvent, EventKind
from portal.schedule import Planned, arm
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.programs import FORM, basic, make_program
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def program(app):
    return make_program(app, plan=make_plan(auto_approve=True))


def stored(credential_id: int) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, credential_id)


def events(kind: EventKind) -> int:
    return db.session.query(AuditEvent).filter_by(kind=kind).count()


def rotate(ids: tuple[int, int], **kwargs) -> str:
    with transaction():
        credential, person = db.session.get(Credential, ids[0]), db.session.get(User, ids[1])
        return lifecycle.rotate(credential, by=person, **{"overlap_days": 7, **kwargs}).secret


def token_status(app, client_id: str, secret: str) -> int:
    """What the server answers a program; in a context of its own, as in a server."""

    def ask() -> int:
        data, headers = {"grant_type": "client_credentials"}, basic(client_id, secret)
        return app.test_client().post("/oauth/token", data=data, headers=headers, content_type=FORM).status_code

    return contextvars.Context().run(ask)


def test_H1_a_secret_claimed_by_eight_at_once_is_shown_to_one_with_one_receipt():
    plan, owner = make_plan(auto_approve=True), make_user(RoleName.API_OWNER)
    product = make_product(plans=[plan], owners=[owner])
    request = make_request(None, product, plan=plan)
    with transaction():
        terms_id = catalog.publish_terms(product, "Be kind.", by=owner).id
    ids = request.credential_id, request.requester_id

    def claim(_):
        with transaction():
            credential, person = db.session.get(Credential, ids[0]), db.session.get(User, ids[1])
            return lifecycle.claim(credential, accepted={terms_id}, by=person).secret

    results = race(8, claim)

    (secret,) = [result for result in results if isinstance(result, str)]
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert credentials.secret_matches(secret, stored(ids[0]).secret_hash)
    assert len(credentials.receipts_of([ids[0]])) == 1
    assert events(EventKind.CREDENTIAL_REVEALED) == events(EventKind.TERMS_ACCEPTED) == 1


@pytest.mark.parametrize("turn", range(3))
def test_R12_of_rotations_at_once_one_wins_and_the_running_secret_goes_on(app, program, turn):
    ids = program.request.credential_id, program.request.requester_id
    seen, first = stored(ids[0]).secret_made_at, program.secret

    results = race(4, lambda _: rotate(ids, seen=seen))

    (new,) = [result for result in results if isinstance(result, str)]
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert [token_status(app, program.id, secret) for secret in (first, new)] == [200, 200]
    assert events(EventKind.CREDENTIAL_ROTATED) == 1


@pytest.mark.parametrize("turn", range(3))
def test_R12_no_program_is_refused_while_its_secret_is_rotated(app, program, turn):
    ids = program.request.credential_id, program.request.requester_id
    old = program.secret

    def act(number):
        if number == 0:
            return rotate(ids)
        return [token_status(app, program.id, old) for _ in range(8)]

    new, *answers = race(5, act)

    assert answers == [[200] * 8] * 4
    assert token_status(app, program.id, new) == 200


@pytest.mark.parametrize("turn", range(3))
def test_R12_once_the_old_secret_has_been_ended_it_gets_no_token_and_the_new_one_always_does(app, program, turn):
    ids = program.request.credential_id, program.request.requester_id
    old, new = program.secret, rotate(ids)

    def act(number):
        if number == 0:
            with transaction():
                lifecycle.end_old_secret(db.session.get(Credential, ids[0]), by=db.session.get(User, ids[1]))
            return [token_status(app, program.id, old) for _ in range(4)]
        secret = old if number % 2 else new
        return [token_status(app, program.id, secret) for _ in range(8)]

    after, *answers = race(5, act)

    assert after == [401] * 4
    assert answers[1] == answers[3] == [200] * 8
    for statuses in (answers[0], answers[2]):  # each is refused from some moment on, and never let in again
        assert statuses == sorted(statuses)
        assert set(statuses) <= {200, 401}


def test_R12_a_leak_report_and_a_rotation_at_once_leave_no_leaked_secret(app, program):
    ids = program.request.credential_id, program.request.requester_id
    leaked = program.secret

    def act(number):
        if number == 0:
            return rotate(ids)
        with transaction():
            credential = db.session.get(Credential, ids[0])
            credentials.rotate_leaked(credential, credentials.hash_secret(leaked), reason="Found in public.")
            return ""

    new, reported = race(2, act)

    assert (isinstance(new, str), reported) == (True, "")
    assert token_status(app, program.id, leaked) == 401
    assert token_status(app, program.id, new) == 200


@pytest.mark.parametrize("turn", range(3))
def test_R12_a_report_of_a_secret_that_is_rotated_away_at_that_moment_is_no_error(app, program, turn):
    ids = program.request.credential_id, program.request.requester_id
    leaked = program.secret
    with transaction():
        stored(ids[0]).plan.leak_action = LeakAction.ROTATE

    def act(number):
        if number == 0:
            return rotate(ids, overlap_days=0)
        with transaction():
            return lifecycle.take_reports([lifecycle.Find(leaked)], reporter="GitHub")

    new, reported = race(2, act)

    assert isinstance(new, str)
    assert isinstance(reported, list)
    assert token_status(app, program.id, leaked) == 401
    assert token_status(app, program.id, new) == 200


@pytest.mark.parametrize("turn", range(3))
def test_C5_a_claim_against_the_clock_that_takes_it_back_ends_in_one_of_both(turn):
    request = make_request(plan=make_plan(auto_approve=True))
    ids = request.credential_id, request.requester_id
    with transaction():
        arm(lifecycle.SUBJECT, ids[0], [Planned(lifecycle.CredentialTimer.CLAIM_END, now() - timedelta(seconds=1))])

    def act(number):
        with transaction():
            if number:
                return lifecycle.keep_time(ids[0])
            credential, person = db.session.get(Credential, ids[0]), db.session.get(User, ids[1])
            return lifecycle.claim(credential, by=person).secret

    results = race(3, act)

    assert all(isinstance(error, Conflict) for error in errors_in(results))
    credential = stored(ids[0])
    was_shown = any(isinstance(result, str) for result in results)
    assert credential.state is (CredentialState.ACTIVE if was_shown else CredentialState.REVOKED)
    assert events(EventKind.CREDENTIAL_REVOKED) == int(not was_shown)


def test_C5_two_workers_forget_an_old_secret_once(program):
    ids = program.request.credential_id, program.request.requester_id
    rotate(ids)
    with time_machine.travel(now() + timedelta(days=8), tick=False):

        def look(_):
            with transaction():
                return lifecycle.keep_time(ids[0])

        results = race(4, look)

    assert not errors_in(results)
    assert events(EventKind.CREDENTIAL_OLD_SECRET_ENDED) == 1


def test_R10_terms_published_by_four_at_once_are_one_version():
    owner = make_user(RoleName.API_OWNER)
    product = make_product(owners=[owner])
    product_id, owner_id = product.id, owner.id

    def publish(number):
        with transaction():
            person, it = db.session.get(User, owner_id), db.session.get(ApiProduct, product_id)
            return catalog.publish_terms(it, f"Be kind, {number} times.", by=person).number

    results = race(4, publish)

    assert [result for result in results if isinstance(result, int)] == [1]
    assert all(isinstance(error, Conflict | Invalid) for error in errors_in(results))
    assert len(catalog.terms_versions(db.session.get(ApiProduct, product_id))) == 1
