"""The life of a credential. The secret is made at the moment it is shown, so before that there is nothing to steal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import joinedload

from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import AuthMethod, Environment, Plan
from portal.credentials.models import LIVE_STATES, Credential, CredentialState
from portal.credentials.secret import hash_secret, new_client_id, new_secret
from portal.db import db, lock, now
from portal.errors import Conflict, NotAllowed, NotFound
from portal.events import EventKind, record

USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Revealed:
    """A secret on its one way to the person who may have it. It is not stored and not printed."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Revealed(client_id={self.client_id!r}, secret=…)"


def issue(
    app: DeveloperApp,
    plan: Plan,
    auth_method: AuthMethod,
    *,
    name: str,
    lifetime_days: int | None,
    environment: Environment = Environment.TEST,
    by: User | None,
) -> Credential:
    """A credential for the app on this plan, ready to reveal; it ends after ``lifetime_days``, or never.

    It belongs to one environment: what was approved for test never opens production (C47).
    """
    credential = Credential(
        app=app,
        plan=plan,
        auth_method=auth_method,
        environment=environment,
        name=name or plan.display_name,
        client_id=new_client_id(auth_method),
        expires_at=now() + timedelta(days=lifetime_days) if lifetime_days else None,
    )
    db.session.add(credential)
    record(
        EventKind.CREDENTIAL_ISSUED,
        subject=credential,
        by=by,
        after={
            "app": app.name,
            "plan": plan.display_name,
            "expires_at": credential.expires_at,
            "environment": environment,
        },
    )
    return credential


def reveal(credential: Credential, *, by: User) -> Revealed:
    """The secret, this once, to a person who may edit the app. Raises Conflict when it has been shown before."""
    locked = _locked_for_owner(credential, by)
    _refuse_expired(locked)
    if locked.state is not CredentialState.PENDING_REVEAL:
        raise Conflict("This secret has already been shown. It cannot be shown again; rotate it to get a new one.")
    locked.move_to(CredentialState.ACTIVE)
    locked.revealed_at = now()
    return _new_secret(locked, EventKind.CREDENTIAL_REVEALED, by)


def rotate(credential: Credential, *, by: User) -> Revealed:
    """A new secret, shown this once; the old one stops at once (T84). Raises Conflict unless one was shown before."""
    locked = _locked_for_owner(credential, by)
    _refuse_expired(locked)
    if locked.state is not CredentialState.ACTIVE:
        raise Conflict(f"This credential is {locked.status.lower()}, so its secret cannot be rotated.")
    return _new_secret(locked, EventKind.CREDENTIAL_ROTATED, by)


def revoke(credential: Credential, *, by: User, reason: str = "") -> Credential:
    """End a credential at once; its owner may, and who may revoke access. Raises Conflict if it has ended."""
    if not (credential.app.is_editable_by(by) or by.may(Right.REVOKE_ACCESS)):
        raise NotAllowed("You may not revoke this credential.")
    return end(credential, by=by, reason=reason)


def end(credential: Credential, *, by: User | None, reason: str) -> Credential:
    """End a credential at once, for whoever has found that it must; raises Conflict if it has ended."""
    locked = lock(Credential, credential.id)
    if locked is None:
        raise NotFound("There is no such credential.")
    locked.move_to(CredentialState.REVOKED)
    locked.revoked_at, locked.revoked_reason = now(), reason
    record(EventKind.CREDENTIAL_REVOKED, subject=locked, by=by, reason=reason)
    return locked


def credentials_of(app: DeveloperApp) -> Sequence[Credential]:
    """All credentials of an app, the newest first, those that ended included."""
    query = select(Credential).where(Credential.app_id == app.id).order_by(Credential.id.desc())
    return db.session.scalars(query.options(joinedload(Credential.plan))).all()


def find_credential(credential_id: int, *, app: DeveloperApp) -> Credential | None:
    """This credential of this app; None when the app has no such one."""
    credential = db.session.get(Credential, credential_id)
    return credential if credential is not None and credential.app_id == app.id else None


def find_credential_by_client_id(client_id: str) -> Credential | None:
    """The credential with this client id."""
    return db.session.scalar(select(Credential).where(Credential.client_id == client_id))


def note_use(credential_id: int, *, at: datetime) -> None:
    """Remember that the credential was used, at most once a minute, so that busy clients cost no writes."""
    db.session.execute(
        update(Credential)
        .where(
            Credential.id == credential_id,
            or_(Credential.last_used_at.is_(None), Credential.last_used_at < at - USE_NOTED_EVERY),
        )
        .values(last_used_at=at)
        .execution_options(synchronize_session=False)
    )


def expire_if_over() -> int:
    """Give credentials whose time is over the state that they already have in effect; says how many."""
    over = update(Credential).where(Credential.state.in_(LIVE_STATES), Credential.expires_at <= now())
    result = db.session.execute(over.values(state=CredentialState.EXPIRED, version=Credential.version + 1))
    return int(result.rowcount)  # type: ignore[attr-defined]


def _locked_for_owner(credential: Credential, by: User) -> Credential:
    if not credential.app.is_editable_by(by):
        raise NotAllowed("Only the owner of the app can see its secrets.")
    locked = lock(Credential, credential.id)
    if locked is None:
        raise NotFound("There is no such credential.")
    return locked


def _refuse_expired(credential: Credential) -> None:
    if credential.expires_at is not None and credential.expires_at <= now():
        raise Conflict("This credential has expired. Request access again to get a new one.")


def _new_secret(credential: Credential, kind: EventKind, by: User) -> Revealed:
    secret = new_secret(credential.auth_method)
    credential.secret_hash = hash_secret(secret)
    credential.secret_hint = secret[:7]
    record(kind, subject=credential, by=by)
    return Revealed(credential.client_id, secret)
