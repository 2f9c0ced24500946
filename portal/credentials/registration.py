"""Clients that register themselves (RFC 7591) under an approved credential, and manage their registration (RFC 7592).

A registered client is a credential whose ``parent_id`` names the one that was approved: it opens what that one opens,
and ends with it. Only a token that the app's owner has made lets it in, once, within a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import AuthMethod
from portal.credentials.certificates import certificates_of
from portal.credentials.clientkeys import keys_of
from portal.credentials.issue import end
from portal.credentials.keys import ES256, RS256, Key
from portal.credentials.models import LIVE_STATES, Credential, CredentialState
from portal.credentials.personal import MADE_MEANWHILE
from portal.credentials.secret import (
    hash_secret,
    new_client_id,
    new_initial_token,
    new_registration_token,
    new_secret,
    secret_matches,
    well_formed,
)
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, NotAllowed, NotFound
from portal.events import EventKind, record

TOKEN_LIFETIME = timedelta(hours=24)
MOST_OPEN_TOKENS = 20
MOST_CLIENTS = 100
HINT_LENGTH = 7
BY_KEY = "private_key_jwt"


class InitialAccessToken(Base):
    """A token that lets one client register itself under a credential; only its hash is kept."""

    __tablename__ = "initial_access_token"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token_hint: Mapped[str] = mapped_column(String(12), default="")
    made_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    credential: Mapped[Credential] = relationship()
    made_by: Mapped[User] = relationship()

    @property
    def is_good(self) -> bool:
        """Whether a client may still register with it."""
        return self.used_at is None and now() < self.expires_at


class RegisteredClient(Base):
    """What a client said of itself when it registered, and the hash of the token by which it changes that."""

    __tablename__ = "registered_client"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    auth_method: Mapped[str] = mapped_column(String(40), default="client_secret_basic")
    registered_at: Mapped[datetime] = mapped_column(default=now)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    credential: Mapped[Credential] = relationship()


@dataclass(frozen=True)
class Registration:
    """What a client asks to be registered as, checked: how it proves itself, and what it says of itself."""

    auth_method: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AllowedRegistration:
    """A token on its one way to the app's owner. It is not stored and not printed."""

    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"AllowedRegistration(token=…, expires_at={self.expires_at!r})"


@dataclass(frozen=True)
class Registered:
    """A client with what it is told once: its secret, unless it signs, and the token that manages it."""

    client: RegisteredClient
    secret: str | None
    token: str

    def __repr__(self) -> str:
        return f"Registered(client_id={self.client.credential.client_id!r}, secret=…, token=…)"


@dataclass(frozen=True)
class RegisteredKey:
    """A key with which a registered client signs."""

    key: Key
    algorithm: str


def allow_registration(credential: Credential, *, by: User, seen: int | None = None) -> AllowedRegistration:
    """A token with which one client can register under this credential. Raises NotAllowed or Conflict.

    ``seen`` is the newest token that the form knew of, 0 for none: of two presses of one form the second makes none.
    """
    locked = _locked_for_owner(credential, by)
    if locked.auth_method is not AuthMethod.OAUTH2 or locked.parent_id is not None:
        raise Conflict("Clients can register only under an OAuth credential that was approved.")
    if locked.state is not CredentialState.ACTIVE or not locked.is_live:
        raise Conflict(f"This credential is {locked.status.lower()}. It has to be active.")
    known = initial_tokens_of(locked)
    if seen is not None and seen != (known[0].id if known else 0):
        raise Conflict(f"{MADE_MEANWHILE} If you have not seen it, withdraw it and make another.")
    if len([token for token in known if token.is_good]) >= MOST_OPEN_TOKENS:
        raise Conflict(f"{MOST_OPEN_TOKENS} tokens are open already. Use or withdraw one first.")
    text = new_initial_token()
    made = InitialAccessToken(
        credential=locked,
        token_hash=hash_secret(text),
        token_hint=text[:HINT_LENGTH],
        made_by=by,
        expires_at=now() + TOKEN_LIFETIME,
    )
    db.session.add(made)
    after = {"token": made.token_hint, "expires_at": made.expires_at}
    record(EventKind.REGISTRATION_ALLOWED, subject=locked, by=by, after=after)
    return AllowedRegistration(text, made.expires_at)


def forbid_registration(credential: Credential, token_id: int, *, by: User) -> None:
    """Take back a token that nobody has used. Raises NotAllowed or NotFound."""
    locked = _locked_for_owner(credential, by)
    token = lock(InitialAccessToken, token_id)
    if token is None or token.credential_id != locked.id or not token.is_good:
        raise NotFound("There is no such open token.")
    withdraw_token(token, by=by)


def withdraw_token(token: InitialAccessToken, *, by: User | None, reason: str = "") -> None:
    """End a token that nobody has used, for whoever has found that it must."""
    token.expires_at = now()
    before = {"token": token.token_hint}
    record(EventKind.REGISTRATION_FORBIDDEN, subject=token.credential, by=by, reason=reason, before=before)


def initial_tokens_of(credential: Credential) -> Sequence[InitialAccessToken]:
    """The tokens that were made for a credential, the newest first."""
    query = select(InitialAccessToken).where(InitialAccessToken.credential_id == credential.id)
    return db.session.scalars(query.order_by(InitialAccessToken.id.desc())).all()


def find_initial_token(text: str) -> InitialAccessToken | None:
    """The token in a text, if a client may register with it now: not one of who has given the app away since."""
    if not well_formed(text):
        return None
    query = select(InitialAccessToken).where(InitialAccessToken.token_hash == hash_secret(text))
    token = db.session.scalar(query.options(joinedload(InitialAccessToken.credential).joinedload(Credential.app)))
    return token if token is not None and _counts(token) else None


def register_client(token: InitialAccessToken, asked: Registration) -> Registered:
    """A client under the token's credential, which uses the token up. Raises NotFound or Conflict."""
    parent = lock(Credential, token.credential_id)
    used = lock(InitialAccessToken, token.id)
    if parent is None or used is None or not _counts(used) or not parent.is_live:
        raise NotFound("This token is not good any more.")
    if count_registered(parent) >= MOST_CLIENTS:
        raise Conflict(f"{MOST_CLIENTS} clients are registered here already.")
    used.used_at = now()
    made = Credential(
        app=parent.app,
        plan=parent.plan,
        auth_method=parent.auth_method,
        environment=parent.environment,
        name=_name_in(asked),
        client_id=new_client_id(parent.auth_method),
        parent_id=parent.id,
        state=CredentialState.ACTIVE,
        revealed_at=now(),
    )
    text = new_registration_token()
    client = RegisteredClient(credential=made, token_hash=hash_secret(text))
    db.session.add_all([made, client])
    secret = _take_over(client, asked)
    after = {"app": parent.app.name, "under": parent.client_id, "authentication": asked.auth_method}
    record(EventKind.CLIENT_REGISTERED, subject=made, by=None, after=after)
    return Registered(client, secret, text)


def find_registered(client_id: str, token: str) -> RegisteredClient | None:
    """The registered client of this id, for whoever has its registration token; None for every wrong pair."""
    query = select(RegisteredClient).join(RegisteredClient.credential).where(Credential.client_id == client_id)
    client = db.session.scalar(query) if well_formed(token) else None
    if not secret_matches(token, client.token_hash if client is not None else None):
        return None
    return client


def change_client(client: RegisteredClient, asked: Registration) -> str | None:
    """Put what it says of itself in place of what it said; gives a new secret if it needs one and has none."""
    locked = lock(Credential, client.credential_id)
    if locked is None or not locked.is_live:
        raise NotFound("This client is registered no more.")
    before = {"authentication": client.auth_method, "name": locked.name}
    locked.name = _name_in(asked)
    secret = _take_over(client, asked)
    after = {"authentication": asked.auth_method, "name": locked.name}
    record(EventKind.CLIENT_CHANGED, subject=locked, by=None, before=before, after=after)
    return secret


def end_client(client: RegisteredClient, *, by: User | None, reason: str) -> None:
    """End a registered client at once. Raises Conflict if it has ended."""
    end(client.credential, by=by, reason=reason)


def registered_clients_of(credential: Credential) -> Sequence[RegisteredClient]:
    """The clients that registered under a credential, the newest first, those that ended included."""
    query = select(RegisteredClient).join(RegisteredClient.credential).where(Credential.parent_id == credential.id)
    query = query.options(joinedload(RegisteredClient.credential)).order_by(RegisteredClient.id.desc())
    return db.session.scalars(query).all()


def registered_in(app: DeveloperApp) -> Mapping[int, Sequence[Credential]]:
    """The registered clients of an app that stand, by the credential under which they registered; in one query."""
    standing = Credential.parent_id.is_not(None), Credential.state.in_(LIVE_STATES)
    query = select(Credential).where(Credential.app_id == app.id, *standing).order_by(Credential.id.desc())
    found: dict[int, list[Credential]] = {}
    for client in db.session.scalars(query):
        found.setdefault(client.parent_id or 0, []).append(client)
    return found


def proofs_known_before(app: DeveloperApp, moment: datetime) -> bool:
    """Whether the app has keys, certificates or registered clients from before: who had it then may hold them."""
    return (
        any(key.added_at < moment for key in keys_of(app.id))
        or any(certificate.added_at < moment for certificate in certificates_of(app.id))
        or any(client.created_at < moment for clients in registered_in(app).values() for client in clients)
    )


def count_registered(credential: Credential) -> int:
    """How many clients that registered under a credential stand."""
    query = select(func.count()).where(Credential.parent_id == credential.id, Credential.state.in_(LIVE_STATES))
    return int(db.session.scalar(query) or 0)


def keys_of_registered(credential_id: int) -> Sequence[RegisteredKey]:
    """The keys with which a registered client signs: its own, and none of the app."""
    query = select(RegisteredClient).where(RegisteredClient.credential_id == credential_id)
    client = db.session.scalar(query)
    held = client.details.get("jwks", {}).get("keys", []) if client is not None else []
    return [
        RegisteredKey(ECKey.import_key(key), ES256)
        if key["kty"] == "EC"
        else RegisteredKey(RSAKey.import_key(key), RS256)
        for key in held
    ]


def _take_over(client: RegisteredClient, asked: Registration) -> str | None:
    """Register what was asked for: a client that signs has no secret, every other one has."""
    credential = client.credential
    client.auth_method, client.details = asked.auth_method, asked.details
    if asked.auth_method == BY_KEY:
        credential.secret_hash, credential.secret_hint = None, ""
        credential.retiring_hash, credential.retiring_until = None, None
        return None
    if credential.secret_hash is not None:
        return None
    secret = new_secret(credential.auth_method)
    credential.secret_hash, credential.secret_hint = hash_secret(secret), secret[:HINT_LENGTH]
    credential.secret_made_at = now()
    return secret


def _counts(token: InitialAccessToken) -> bool:
    return token.is_good and token.made_by_id == token.credential.app.owner_id


def _name_in(asked: Registration) -> str:
    return str(asked.details.get("client_name") or f"Registered on {now():%Y-%m-%d}")


def _locked_for_owner(credential: Credential, by: User) -> Credential:
    if not credential.app.is_editable_by(by):
        raise NotAllowed("Only the owner of the app can let clients register.")
    locked = lock(Credential, credential.id)
    if locked is None:
        raise NotFound("There is no such credential.")
    return locked
