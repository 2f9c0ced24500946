"""Public keys of apps: a client that signs with the private half needs to send no secret (RFC 7523).

Only public halves are taken. Each key proves by one algorithm, which its kind decides and no assertion can choose.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts import User
from portal.apps import DeveloperApp
from portal.credentials.keys import ES256, RS256, RSA_BITS, Key
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record

MOST_KEYS = 5
LONGEST_NAME = 120
LONGEST_TEXT = 20_000
MOST_RSA_BITS = 8192
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_UNUSABLE = (
    "This is no public key that can be used here. Paste an EC key on the curve P-256, or an RSA key of "
    f"{RSA_BITS} bits or more, as PEM (BEGIN PUBLIC KEY), as a JSON Web Key, or as a set with one key."
)


class AppKey(Base):
    """The public half of a key with which an app's clients prove themselves."""

    __tablename__ = "app_key"

    id: Mapped[pk]
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"))
    key_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    algorithm: Mapped[str] = mapped_column(String(10))
    pem: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("app_id", "key_id"),)

    @property
    def key(self) -> Key:
        """The key as assertions are verified with it."""
        return ECKey.import_key(self.pem) if self.algorithm == ES256 else RSAKey.import_key(self.pem)


class UsedAssertion(Base):
    """An assertion that has proved somebody once, by the hash of its client and ``jti``; it does so no second time."""

    __tablename__ = "used_assertion"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_used_assertion_expires_at", "expires_at"),)


def keys_of(app_id: int) -> Sequence[AppKey]:
    """The public keys of an app, the oldest first."""
    return db.session.scalars(select(AppKey).where(AppKey.app_id == app_id).order_by(AppKey.id)).all()


def add_app_key(app: DeveloperApp, text: str, *, name: str = "", by: User) -> AppKey:
    """Let the app's clients prove themselves with this key. Raises NotAllowed, Invalid or Conflict."""
    locked = _locked_for_owner(app, by)
    key = _public_key(text)
    name = name.strip()
    if len(name) > LONGEST_NAME or not (name.isprintable() or not name):
        raise Invalid(f"The name has at most {LONGEST_NAME} characters.")
    held = keys_of(locked.id)
    if any(each.key_id == key.thumbprint() for each in held):
        raise Conflict("This key is registered already.")
    if len(held) >= MOST_KEYS:
        raise Conflict(f"An app has at most {MOST_KEYS} public keys. Remove one first.")
    made = AppKey(
        app_id=locked.id,
        key_id=key.thumbprint(),
        name=name or f"Key of {now():%Y-%m-%d}",
        algorithm=ES256 if isinstance(key, ECKey) else RS256,
        pem=key.as_pem(private=False).decode(),
    )
    db.session.add(made)
    record(EventKind.APP_KEY_ADDED, subject=locked, by=by, after={"key": made.key_id, "algorithm": made.algorithm})
    return made


def remove_app_key(app: DeveloperApp, key_id: int, *, by: User) -> AppKey:
    """Take a key away: nobody proves anything with it from now on. Raises NotAllowed or NotFound."""
    locked = _locked_for_owner(app, by)
    gone = next((each for each in keys_of(locked.id) if each.id == key_id), None)
    if gone is None:
        raise NotFound("There is no such key.")
    db.session.delete(gone)
    record(EventKind.APP_KEY_REMOVED, subject=locked, by=by, before={"key": gone.key_id})
    return gone


def use_assertion(client_id: str, jti: str, *, expires_at: datetime) -> bool:
    """Whether this is the first time that this client shows this assertion; in the caller's transaction."""
    used = hashlib.sha256(f"{client_id}\0{jti}".encode("utf-8", "surrogatepass")).hexdigest()
    try:
        with db.session.begin_nested():
            db.session.add(UsedAssertion(id=used, expires_at=expires_at))
    except IntegrityError:
        return False
    return True


def forget_expired_assertions() -> int:
    """Drop what is remembered of assertions that have expired anyway; says how many."""
    result = db.session.execute(delete(UsedAssertion).where(UsedAssertion.expires_at < now()))
    return int(result.rowcount)  # type: ignore[attr-defined]


def keys_in(given: object) -> list[Key]:
    """The public keys of a JWK set that a client registers with. Raises Invalid, in words that tell a private one."""
    held = given.get("keys") if isinstance(given, dict) else None
    if not isinstance(held, list) or not 0 < len(held) <= MOST_KEYS:
        raise Invalid(f"The set must hold one key at least, and {MOST_KEYS} at most.")
    try:
        return [_from_jwk(each) for each in held]
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, RecursionError):
        raise Invalid(_UNUSABLE) from None


def _locked_for_owner(app: DeveloperApp, by: User) -> DeveloperApp:
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can change its keys.")
    return locked


def _public_key(text: str) -> Key:
    """The public key in a text. Raises Invalid, in words that tell who pasted a private one."""
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise Invalid(_UNUSABLE)
    if "PRIVATE KEY" in text:
        raise Invalid("This is a private key. Keep it to yourself, and paste its public half.")
    try:
        return _imported(text) if text.startswith("-----BEGIN") else _from_jwk(json.loads(text))
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, RecursionError):
        raise Invalid(_UNUSABLE) from None


def _from_jwk(given: object) -> Key:
    if isinstance(given, dict) and isinstance(given.get("keys"), list):
        (given,) = given["keys"]
    if not isinstance(given, dict):
        raise TypeError("No JSON Web Key.")
    if _PRIVATE_MEMBERS & set(given):
        raise Invalid("This is a private key. Keep it to yourself, and paste its public half.")
    kind: Any = {"EC": ECKey, "RSA": RSAKey}[given["kty"]]
    bare = {name: value for name, value in given.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    return _imported(kind.import_key(bare).as_pem(private=False).decode())


def _imported(pem: str) -> Key:
    key = load_pem_public_key(pem.encode())
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return ECKey.import_key(pem)
    if isinstance(key, RSAPublicKey) and RSA_BITS <= key.key_size <= MOST_RSA_BITS:
        return RSAKey.import_key(pem)
    raise ValueError("Another kind of key.")
