"""The keys that sign access tokens, each from its own moment on, and verify them as long as a token may live.

The first key that may sign now signs; every key whose time is not over is published and verifies. So a new key is
published before it signs, and the old one stays after it until its last token has ended. ``keyfile`` keeps the keys.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

TOKEN_TYPE = "at+jwt"
ES256, RS256 = "ES256", "RS256"
ALGORITHMS = (ES256, RS256)
RSA_BITS = 2048
LONGEST_TOKEN = 64 * 1024
LOOK_EVERY_SECONDS = 5.0
Key = ECKey | RSAKey


class BadSigningKey(Exception):
    """The signing key is lost, exchanged or unreadable; the text says which and what to do."""


@dataclass(frozen=True)
class SigningKey:
    """A private key: from when on it signs (from ever, if nothing is said), and until when it is needed."""

    key: Key
    made_at: datetime | None = None
    signs_from: datetime | None = None
    ends_at: datetime | None = None

    @property
    def id(self) -> str:
        """Its thumbprint (RFC 7638), by which tokens name it."""
        return self.key.thumbprint()

    @property
    def algorithm(self) -> str:
        """The one algorithm with which it signs."""
        return ES256 if isinstance(self.key, ECKey) else RS256

    def is_over(self, moment: datetime) -> bool:
        """Whether it neither signs nor verifies any more."""
        return self.ends_at is not None and self.ends_at <= moment

    def may_sign(self, moment: datetime) -> bool:
        """Whether it may sign at this moment."""
        return not self.is_over(moment) and (self.signs_from is None or self.signs_from <= moment)


class Source(Protocol):
    """Where keys are kept, and may change while the process runs."""

    def changed(self) -> Sequence[SigningKey] | None:
        """The keys as they stand there now; None when they are as they were."""

    def signs(self, key_id: str) -> None:
        """Remember that this key is the one which signs."""


class SigningKeys:
    """Signs and verifies access tokens (RFC 9068). Made once a process; follows the clock, and its source."""

    def __init__(self, keys: Sequence[SigningKey | Key], source: Source | None = None) -> None:
        self._all = [key if isinstance(key, SigningKey) else SigningKey(key) for key in keys]
        self._source = source
        self._arranged = _arranged(self._all, watched=source is not None)

    @property
    def ids(self) -> list[str]:
        """The ids of all keys whose time is not over, that of the one which signs first."""
        return [key.id for key in self._now().keys.values()]

    @property
    def _first(self) -> _Prepared:
        return self._now().first

    def public(self) -> dict[str, Any]:
        """The public halves as a JWK set (RFC 7517); the same object as long as nothing changes."""
        return self._now().public

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims."""
        first = self._now().first
        signed = f"{first.header}.{_encoded(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{_encoded(first.algorithm.sign(signed.encode(), first.key))}"

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that one of these keys signed, whatever they say; None for any other text.

        The header must be, to the letter, the one that we write. So ``alg``, ``kid``, ``jku``, ``crit`` and whatever
        else a forger puts there is never read, let alone obeyed.
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        header, dot, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        key = self._now().keys.get(header)
        if key is None or not dot:
            return None
        raw = _decoded(signature)
        if raw is None or not key.algorithm.verify(f"{header}.{payload}".encode(), raw, key.key):
            return None
        claims: dict[str, Any] = json.loads(_decoded(payload) or b"{}")
        return claims

    def _now(self) -> _Arranged:
        arranged = self._arranged
        if not arranged.since <= time.time() < arranged.until:
            arranged = self._arranged = self._rearranged(arranged)
        return arranged

    def _rearranged(self, before: _Arranged) -> _Arranged:
        changed = self._source.changed() if self._source is not None else None
        self._all = list(changed) if changed is not None else self._all
        try:
            arranged = _arranged(self._all, watched=self._source is not None, before=before)
        except BadSigningKey:
            # The last key ran out, or its file was edited so: tokens that can be verified are better than none.
            return _Arranged(before.first, before.keys, before.public, time.time(), time.time() + LOOK_EVERY_SECONDS)
        if self._source is not None and arranged.first.id != before.first.id:
            self._source.signs(arranged.first.id)
        return arranged


def new_signing_key(algorithm: str = ES256) -> str:
    """A fresh private key as PEM."""
    key: Key = ECKey.generate_key("P-256") if algorithm == ES256 else RSAKey.generate_key(RSA_BITS)
    return key.as_pem(private=True).decode()


@dataclass(frozen=True)
class _Prepared:
    id: str
    key: Key
    algorithm: Any  # joserfc's, which signs and verifies bytes
    header: str  # the first part of each of its tokens, encoded


@dataclass(frozen=True)
class _Arranged:
    """What holds from one moment to another: which key signs, and which verify."""

    first: _Prepared
    keys: dict[str, _Prepared]  # by header
    public: dict[str, Any]
    since: float
    until: float


def _arranged(keys: Sequence[SigningKey], *, watched: bool, before: _Arranged | None = None) -> _Arranged:
    stamp = time.time()
    moment = datetime.fromtimestamp(stamp, UTC)
    standing = [key for key in keys if not key.is_over(moment)]
    signer = next((key for key in standing if key.may_sign(moment)), None)
    if signer is None:
        raise BadSigningKey("None of the signing keys may sign now.")
    ordered = [signer, *[key for key in standing if key is not signer]]
    changes = [
        at.timestamp() for key in standing for at in (key.signs_from, key.ends_at) if at is not None and at > moment
    ]
    until = min([*changes, stamp + LOOK_EVERY_SECONDS if watched else float("inf")])
    if before is not None and [key.id for key in before.keys.values()] == [key.id for key in ordered]:
        return _Arranged(before.first, before.keys, before.public, stamp, until)
    prepared = [_prepared(key) for key in ordered]
    public = {"keys": [_public(key) for key in prepared]}
    since = stamp if watched or changes else float("-inf")
    return _Arranged(prepared[0], {key.header: key for key in prepared}, public, since, until)


def _prepared(key: SigningKey) -> _Prepared:
    header = {"alg": key.algorithm, "kid": key.id, "typ": TOKEN_TYPE}
    encoded = _encoded(json.dumps(header, separators=(",", ":")).encode())
    return _Prepared(key.id, key.key, JWSRegistry.algorithms[key.algorithm], encoded)


def _public(key: _Prepared) -> dict[str, Any]:
    return {**key.key.as_dict(private=False), "kid": key.id, "alg": key.algorithm.name, "use": "sig"}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """What was encoded; None for a text that our own encoding would not have made."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _encoded(raw) == text else None
