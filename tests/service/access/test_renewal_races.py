"""Renewing and approving against the end itself, with real threads: access is renewed or has ended, never both."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from portal import access, credentials
from portal.access import AccessRequest, Grant, GrantState, RequestStatus
from portal.accounts import RoleName, User
from portal.credentials import Credential, CredentialState
from portal.db import db, now, transaction
from portal.errors import Conflict
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_plan, make_product, make_user
from tests.support.ends import hold
from tests.support.threads import race

ROUNDS = int(os.environ.get("PORTICO_RACE_ROUNDS", "6"))
pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]
DAYS = (30, 14, 7, 1)


def about_to_end(owner: User | None = None) -> AccessRequest:
    """Access that ends in a moment, at one that differs from round to round."""
    plan = make_plan(auto_approve=owner is None, credential_lifetime_days=1)
    asked = hold(None, make_product(plans=[plan], owners=[owner] if owner else []), plan=plan)
    if owner is not None:
        with transaction():
            access.approve(asked, by=owner)
            credentials.reveal(asked.credential, by=asked.requester)
    return asked


def end_soon(asked: AccessRequest) -> None:
    with transaction():
        end = now() + timedelta(milliseconds=random.uniform(30, 120))
        for grant in access.grants_from(asked):
            grant.starts_at, grant.ends_at = now() - timedelta(days=9), end
        asked.credential.expires_at = end


def act_or_let_end(act: Callable[[int], object], number: int) -> object:
    """The first of two threads acts; for the other the time is over."""
    return let_end() if number else act(number)  # type: ignore[func-returns-value]


def let_end() -> None:
    """What the worker does, again and again until the moment is over."""
    until = time.monotonic() + 0.25
    while time.monotonic() < until:
        with transaction():
            access.end_expired()
            credentials.expire_if_over()


def held(asked: AccessRequest) -> list[Grant]:
    db.session.rollback()
    return db.session.query(Grant).filter_by(app_id=asked.app_id, state=GrantState.ACTIVE).all()


def times(kind: EventKind, thing: Grant) -> int:
    return db.session.query(AuditEvent).filter_by(kind=kind, subject_type="access_grant", subject_id=thing.id).count()


def one_fate(asked: AccessRequest) -> GrantState:
    """What became of the old access: exactly one thing, which is recorded once."""
    (old,) = access.grants_from(asked)
    replaced, expired = times(EventKind.ACCESS_SUPERSEDED, old), times(EventKind.ACCESS_EXPIRED, old)
    assert (old.state, replaced, expired) in {(GrantState.SUPERSEDED, 1, 0), (GrantState.EXPIRED, 0, 1)}
    return old.state


def test_renewing_against_the_end():
    for number in range(ROUNDS):
        asked = about_to_end()
        end_soon(asked)
        credential_id, person_id = asked.credential_id, asked.requester_id

        def renew(_: int, credential_id: int = credential_id, person_id: int = person_id, pause: int = number) -> str:
            time.sleep(0.02 * pause % 0.13)
            with transaction():
                person = db.session.get(User, person_id)
                return access.renew(db.session.get(Credential, credential_id), by=person, days=DAYS).status

        renewed, _ = race(2, partial(act_or_let_end, renew))

        fate, credential = one_fate(asked), db.session.get(Credential, credential_id)
        if isinstance(renewed, Conflict):
            assert (fate, held(asked)) == (GrantState.EXPIRED, [])
            assert credential.state is CredentialState.EXPIRED
        else:
            assert renewed == RequestStatus.APPROVED
            (grant,) = held(asked)
            assert grant.credential_id == credential_id  # the old access may have got its last state just before
            assert credential.is_live


def test_approving_against_the_end_gives_the_access_once_on_one_credential_or_the_other():
    for number in range(ROUNDS):
        owner = make_user(RoleName.API_OWNER)
        asked = about_to_end(owner)
        with transaction():
            request_id = access.renew(asked.credential, by=asked.requester, days=DAYS).id
        end_soon(asked)
        owner_id = owner.id

        def approve(_: int, request_id: int = request_id, owner_id: int = owner_id, pause: int = number) -> None:
            time.sleep(0.02 * pause % 0.13)
            with transaction():
                access.approve(db.session.get(AccessRequest, request_id), by=db.session.get(User, owner_id))

        approved, ended = race(2, partial(act_or_let_end, approve))

        assert (approved, ended) == (None, None)
        one_fate(asked)
        (grant,) = held(asked)
        assert grant.request_id == request_id
        assert grant.credential.is_live
        assert grant.ends_at == grant.credential.expires_at
        old = db.session.get(Credential, asked.credential_id)
        assert old.is_live == (grant.credential_id == old.id)


def test_I1_two_renewals_at_once_are_one():
    for _ in range(ROUNDS):
        asked = about_to_end(make_user(RoleName.API_OWNER))
        credential_id, person_id = asked.credential_id, asked.requester_id

        def renew(_: int, credential_id: int = credential_id, person_id: int = person_id) -> str:
            with transaction():
                person = db.session.get(User, person_id)
                return access.renew(db.session.get(Credential, credential_id), by=person, days=DAYS).number

        results = race(3, renew)

        assert sum(isinstance(result, str) for result in results) == 1
        assert sum(isinstance(result, Conflict) for result in results) == 2
