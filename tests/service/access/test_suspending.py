"""Suspending, resuming and revoking access: who may, what it does at once, and what is told of it."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal import access, credentials
from portal.access import GrantState
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import AuditEvent, EventKind, OutboxMessage
from tests.support.builders import fill_cart, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def grant(owner):
    """The access of somebody's app to a product of this owner."""
    plan = make_plan(auto_approve=True, credential_lifetime_days=90)
    product = make_product("Weather", plans=[plan], owners=[owner])
    request = make_request(None, product, plan=plan)
    with transaction():
        credentials.reveal(request.credential, by=request.requester)
    (found,) = access.grants_of(request.app)
    return found


def suspend(grant, by, reason="Too many calls."):
    with transaction():
        return access.suspend_access(grant, by=by, reason=reason)


def resume(grant, by):
    with transaction():
        return access.resume_access(grant, by=by)


def opened(grant):
    entitlement = access.find_entitlement(grant.credential.client_id)
    return entitlement.scopes if entitlement.is_live else None


def kinds_of(grant):
    query = select(AuditEvent.kind).where(AuditEvent.subject_type == "access_grant", AuditEvent.subject_id == grant.id)
    return list(db.session.scalars(query.order_by(AuditEvent.id)))


def told(kind):
    return [m.recipient for m in db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == kind))]


def test_I15_suspended_access_opens_nothing_at_once_and_all_of_it_again_when_resumed(grant, owner):
    scopes = opened(grant)
    assert scopes == set(grant.scopes)

    suspend(grant, owner)
    assert opened(grant) == frozenset()
    assert (grant.state, grant.suspended_reason, grant.status) == (
        GrantState.SUSPENDED,
        "Too many calls.",
        "Suspended",
    )
    assert grant.is_held
    assert not grant.is_live

    resume(grant, owner)
    assert opened(grant) == scopes
    assert (grant.suspended_at, grant.suspended_reason) == (None, "")


def test_I11_each_step_is_one_event_and_the_apps_owner_is_told_once(grant, owner):
    suspend(grant, owner)
    resume(grant, owner)
    with transaction():
        access.revoke_access(grant, by=owner, reason="Misuse.")

    assert kinds_of(grant) == [
        EventKind.ACCESS_GRANTED,
        EventKind.ACCESS_SUSPENDED,
        EventKind.ACCESS_RESUMED,
        EventKind.ACCESS_REVOKED,
    ]
    assert told("suspended") == told("resumed") == told("revoked") == [grant.app.owner.email]


def test_nobody_gets_a_mail_about_what_they_did_themselves(grant):
    suspend(grant, grant.app.owner)
    resume(grant, grant.app.owner)

    assert told("suspended") == told("resumed") == []


def test_the_apps_owner_the_products_owner_and_administrators_suspend_and_nobody_else(grant, owner):
    for person in (make_user(), make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR)):
        with pytest.raises(NotAllowed):
            suspend(grant, person)
    for person in (grant.app.owner, owner, make_user(RoleName.ADMINISTRATOR)):
        suspend(grant, person)
        resume(grant, person)


def test_what_the_products_owner_suspended_the_apps_owner_cannot_resume(grant, owner):
    suspend(grant, owner)

    with pytest.raises(NotAllowed):
        resume(grant, grant.app.owner)
    with pytest.raises(NotAllowed):
        resume(grant, make_user(RoleName.API_OWNER))

    resume(grant, make_user(RoleName.ADMINISTRATOR))
    assert grant.is_live


def test_what_the_apps_owner_suspended_the_products_owner_does_not_open_again(grant, owner):
    suspend(grant, grant.app.owner)

    with pytest.raises(NotAllowed):
        resume(grant, owner)

    resume(grant, grant.app.owner)
    assert grant.is_live


@pytest.mark.parametrize("act", [access.suspend_access, access.revoke_access])
def test_C77_a_reason_is_needed(grant, owner, act):
    with pytest.raises(Invalid, match="Give a reason") as refusal, transaction():
        act(grant, by=owner, reason="  ")

    assert refusal.value.field == "reason"
    assert grant.is_live


def test_I2_suspended_access_is_held_and_the_cart_says_why(grant, owner):
    suspend(grant, owner)
    requester = grant.app.owner
    fill_cart(requester, grant.product, plan=grant.plan)

    with pytest.raises(access.CartRejected, match="It is suspended"), transaction():
        access.submit(grant.app, by=requester)


def test_the_credential_stays_while_suspended_access_hangs_on_it(owner):
    plan = make_plan(auto_approve=True)
    first, second = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    request = make_request(None, first, second, plan=plan)
    one, other = access.grants_of(request.app)
    suspend(one, owner)

    with transaction():
        access.revoke_access(other, by=owner, reason="Over.")
    assert request.credential.is_live

    with transaction():
        access.revoke_access(one, by=owner, reason="Over.")
    assert not request.credential.is_live


def test_revoking_a_credential_ends_suspended_access_too(grant, owner):
    suspend(grant, owner)

    with transaction():
        access.revoke_credential(grant.credential, by=owner, reason="Leaked.")

    assert grant.state is GrantState.REVOKED
    assert told("revoked") == [grant.app.owner.email]


def test_deleting_the_app_ends_suspended_access_too(grant, owner):
    suspend(grant, owner)

    with transaction():
        access.delete_app(grant.app, by=grant.app.owner)

    assert grant.state is GrantState.REVOKED


@pytest.mark.parametrize("suspended", [False, True])
def test_I11_access_whose_time_is_over_expires_with_one_event(grant, owner, suspended):
    if suspended:
        suspend(grant, owner)
    with time_machine.travel(now() + timedelta(days=91)):
        assert grant.status == "Expired"
        assert not grant.is_held
        for act in (access.suspend_access, access.resume_access, access.revoke_access):
            with pytest.raises(Conflict, match="expired already"), transaction():
                act(grant, by=owner, reason="Late.")
        with transaction():
            assert access.end_expired() == 1
        with transaction():
            assert access.end_expired() == 0

    assert grant.state is GrantState.EXPIRED
    assert kinds_of(grant)[-1] == EventKind.ACCESS_EXPIRED
    assert kinds_of(grant).count(EventKind.ACCESS_EXPIRED) == 1


def test_I11_a_credential_whose_time_is_over_expires_with_one_event(grant):
    with time_machine.travel(now() + timedelta(days=91)):
        with transaction():
            assert credentials.expire_if_over() == 1
        with transaction():
            assert credentials.expire_if_over() == 0

    about = AuditEvent.subject_type == "credential", AuditEvent.subject_id == grant.credential_id
    events = list(db.session.scalars(select(AuditEvent.kind).where(*about).order_by(AuditEvent.id)))
    assert events[-1] == EventKind.CREDENTIAL_EXPIRED
    assert events.count(EventKind.CREDENTIAL_EXPIRED) == 1


def test_what_has_ended_is_neither_suspended_nor_resumed(grant, owner):
    with transaction():
        access.revoke_access(grant, by=owner, reason="Over.")

    for act in (access.suspend_access, access.resume_access, access.revoke_access):
        with pytest.raises(Conflict, match="revoked already"), transaction():
            act(grant, by=owner, reason="Again.")
