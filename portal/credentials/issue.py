"""The life of a credential. The secret is made at the moment it is shown, so before that there is nothing to steal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, literal, or_, select, update
from sqlalchemy.orm import joinedload

from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import AuthMethod, Environment, Plan
from portal.credentials.models import LIVE_STATES, Credential, CredentialState
from portal.credentials.secret import PREFIXES, hash_secret, new_client_id, new_secret, well_formed
from portal.db import UtcDateTime, db, lock, now
from portal.errors import Conflict, NotAllowed, NotFound
from portal.events import EventKind, record

USE_NOTED_EVERY = timedelta(minutes=1)
MOST_AT_ONCE = 1000
HINT_LENGTH = 7


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
) -> Credential:
    """A credential for the app on this plan, ready to reveal; it ends after ``lifetime_days``, or never.

    It belongs to one environment: what was approved for test never opens production (C47). The caller stores it with
    what it is for, and then says so (``record_issue``).
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
    return credential


def record_issue(credential: Credential, *, by: User | None) -> None:
    """Say in the record that a new credential has been stored."""
    after = {
        "app": credential.app.name,
        "plan": credential.plan.display_name,
        "expires_at": credential.expires_at,
        "environment": credential.environment,
    }
    record(EventKind.CREDENTIAL_ISSUED, subject=credential, by=by, after=after)


def reveal(credential: Credential, *, by: User) -> Revealed:
    """The secret, this once, to a person who may edit the app. Raises Conflict when it has been shown before."""
    locked = lock_for_owner(credential, by=by)
    refuse_shown(locked)
    locked.move_to(CredentialState.ACTIVE)
    locked.revealed_at = now()
    revealed = put_secret(locked)
    record(EventKind.CREDENTIAL_REVEALED, subject=locked, by=by)
    return revealed


def activate(credential: Credential, *, by: User) -> Credential:
    """Put a credential to use without a secret, for programs that prove themselves by a key. Raises as ``reveal``."""
    locked = lock_for_owner(credential, by=by)
    refuse_shown(locked)
    if locked.auth_method is not AuthMethod.OAUTH2:
        raise Conflict("An API key is a secret: there is nothing to use in its place.")
    locked.move_to(CredentialState.ACTIVE)
    record(EventKind.CREDENTIAL_ACTIVATED, subject=locked, by=by)
    return locked


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
    registered = select(Credential).where(Credential.parent_id == locked.id, Credential.state.in_(LIVE_STATES))
    for client in db.session.scalars(registered).all():
        end(client, by=by, reason=reason)
    return locked


def credentials_of(app: DeveloperApp) -> Sequence[Credential]:
    """All credentials of an app, the newest first, those that ended included, without registered clients."""
    query = select(Credential).where(Credential.app_id == app.id, Credential.parent_id.is_(None))
    query = query.order_by(Credential.id.desc())
    return db.session.scalars(query.options(joinedload(Credential.plan))).all()


def find_credential(credential_id: int, *, app: DeveloperApp) -> Credential | None:
    """This credential of this app; None when the app has no such one."""
    credential = db.session.get(Credential, credential_id)
    return credential if credential is not None and credential.app_id == app.id else None


def find_credential_by_client_id(client_id: str) -> Credential | None:
    """The credential with this client id."""
    return db.session.scalar(select(Credential).where(Credential.client_id == client_id))


def client_of_key(text: str) -> str | None:
    """The client id of the API key in this text, which names none itself; None for every text that is no key of ours.

    Whether the key is good now is not said: its credential may have ended, and its secret may be the old one.
    """
    if not text.startswith(PREFIXES[AuthMethod.API_KEY]) or not well_formed(text):
        return None
    known = hash_secret(text)
    held = or_(Credential.secret_hash == known, Credential.retiring_hash == known)
    return db.session.scalar(select(Credential.client_id).where(held, Credential.auth_method == AuthMethod.API_KEY))


def note_use(credential_id: int, *, at: datetime, secret_hash: str | None = None) -> None:
    """Remember that the credential was used, at most once a minute, so that busy clients cost no writes.

    ``secret_hash`` is that of the secret which was used: it may have become the old one since, or have ended.
    """
    stale = _is_stale(Credential.last_used_at, at)
    values: dict[str, Any] = {"last_used_at": at}
    if secret_hash is not None:
        for known, used_at in (
            (Credential.secret_hash, Credential.secret_used_at),
            (Credential.retiring_hash, Credential.retiring_used_at),
        ):
            stale = or_(stale, and_(known == secret_hash, _is_stale(used_at, at)))
            values[used_at.key] = case((known == secret_hash, literal(at, UtcDateTime())), else_=used_at)
    statement = update(Credential).where(Credential.id == credential_id, stale).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))


def _is_stale(noted: Any, at: datetime) -> ColumnElement[bool]:
    return or_(noted.is_(None), noted < at - USE_NOTED_EVERY)


def expire_if_over() -> int:
    """Give credentials whose time is over the state that they already have in effect; says how many."""
    over = select(Credential).where(Credential.state.in_(LIVE_STATES), Credential.expires_at <= now())
    over = over.order_by(Credential.id).limit(MOST_AT_ONCE).with_for_update(key_share=True, skip_locked=True)
    ended = db.session.scalars(over.execution_options(populate_existing=True)).all()
    for credential in ended:
        credential.move_to(CredentialState.EXPIRED)
        record(EventKind.CREDENTIAL_EXPIRED, subject=credential, by=None, after={"expires_at": credential.expires_at})
    return len(ended)


def lock_for_owner(credential: Credential, *, by: User) -> Credential:
    """The credential as it is now, locked with its app, for a person who may see its secrets. Raises NotAllowed."""
    app = lock(DeveloperApp, credential.app_id)  # whoever gives it away at this moment must not see a secret afterwards
    if app is None or not app.is_editable_by(by):
        raise NotAllowed("Only the owner of the app can see its secrets.")
    locked = lock(Credential, credential.id)
    if locked is None:
        raise NotFound("There is no such credential.")
    return locked


def refuse_expired(credential: Credential) -> None:
    """Raise Conflict for a credential whose time is over."""
    if credential.expires_at is not None and credential.expires_at <= now():
        raise Conflict("This credential has expired. Request access again to get a new one.")


def refuse_shown(credential: Credential) -> None:
    """Raise Conflict for a credential whose secret cannot be revealed: it was, or the credential has ended."""
    refuse_expired(credential)
    if credential.state is CredentialState.ACTIVE:
        raise Conflict("This secret has already been shown. It cannot be shown again; rotate it to get a new one.")
    if credential.state is not CredentialState.PENDING_REVEAL:
        raise Conflict(f"This credential is {credential.status.lower()}, so there is no secret to reveal.")


def refuse_to_rotate(credential: Credential) -> None:
    """Raise Conflict for a credential whose secret cannot be rotated: none was shown yet, or it has ended."""
    refuse_expired(credential)
    if credential.state is not CredentialState.ACTIVE:
        raise Conflict(f"This credential is {credential.status.lower()}, so its secret cannot be rotated.")


def put_secret(credential: Credential) -> Revealed:
    """Make the credential's secret anew. Whoever calls this keeps the old one, or lets it go, before."""
    secret = new_secret(credential.auth_method)
    credential.secret_hash, credential.secret_hint = hash_secret(secret), secret[:HINT_LENGTH]
    credential.secret_made_at, credential.secret_used_at = now(), None
    return Revealed(credential.client_id, secret)
