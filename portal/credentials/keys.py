"""The keys that sign access tokens: ES256, in a PEM file or the environment, the same for every web process.

The first key signs; every key is published and verifies. So a new key is put on top of the file and the old one stays
below it until its last token has expired. A note beside the file remembers which key signed last: one that is lost or
exchanged stops the start, instead of silently ending every token that is out there.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"
KEY_FILE = "signing_key.pem"
NOTE_FILE = "signing_key.id"
LONGEST_TOKEN = 64 * 1024
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_ES256 = JWSRegistry.algorithms[ALGORITHM]


class BadSigningKey(Exception):
    """The signing key is lost, exchanged or unreadable; the text says which and what to do."""


@dataclass(frozen=True)
class _Key:
    id: str
    key: ECKey
    header: str  # the first part of each of its tokens, encoded


class SigningKeys:
    """Signs and verifies access tokens (RFC 9068). Made once a process by ``load_signing_keys``."""

    def __init__(self, keys: list[ECKey]) -> None:
        self._keys = {key.header: key for key in map(_prepared, keys)}
        self._first = next(iter(self._keys.values()))

    @property
    def ids(self) -> list[str]:
        """The ids of all keys, that of the one which signs first."""
        return [key.id for key in self._keys.values()]

    def public(self) -> dict[str, Any]:
        """The public halves as a JWK set (RFC 7517)."""
        return {"keys": [_public(key) for key in self._keys.values()]}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims."""
        signed = f"{self._first.header}.{_encoded(json.dumps(claims, separators=(',', ':')).encode())}"
        return f"{signed}.{_encoded(_ES256.sign(signed.encode(), self._first.key))}"

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that one of these keys signed, whatever they say; None for any other text.

        The header must be, to the letter, the one that we write. So ``alg``, ``kid``, ``jku``, ``crit`` and whatever
        else a forger puts there is never read, let alone obeyed.
        """
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        header, dot, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        key = self._keys.get(header)
        if key is None or not dot:
            return None
        raw = _decoded(signature)
        if raw is None or not _ES256.verify(f"{header}.{payload}".encode(), raw, key.key):
            return None
        claims: dict[str, Any] = json.loads(_decoded(payload) or b"{}")
        return claims


def load_signing_keys(*, pem: str = "", file: Path | None = None, folder: Path) -> SigningKeys:
    """The keys from a PEM text, a PEM file, or ``folder`` (made there at the first start).

    Raises BadSigningKey with one sentence when the key is lost, exchanged or unreadable.
    """
    note = folder / NOTE_FILE
    if pem:
        source, text = "PORTICO_SIGNING_KEY", pem.replace("\\n", "\n")
    elif file is not None:
        source, text = f"PORTICO_SIGNING_KEY_FILE ({file})", _text_of(file)
    else:
        file = folder / KEY_FILE
        source, text = str(file), _text_of(file) if note.exists() or file.exists() else _make_key(file)
    keys = SigningKeys(_parsed(text, source))
    try:
        _compare_with_note(keys, note, source)
    except OSError as error:
        raise BadSigningKey(f"{note} cannot be kept: {type(error).__name__}.") from None
    return keys


def new_signing_key() -> str:
    """A fresh private key as PEM."""
    return ECKey.generate_key("P-256").as_pem(private=True).decode()


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        raise BadSigningKey(
            f"The signing key is missing: {file} does not exist. Restore it from the backup; "
            f"if it is lost for good, delete {NOTE_FILE} beside it, and every token that is out there ends."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSigningKey(f"The signing key in {file} cannot be read: {type(error).__name__}.") from None


def _make_key(file: Path) -> str:
    """A new key in the file, or the one that another process put there at the same moment."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(new_signing_key())
        with suppress(FileExistsError):
            os.link(draft, file)  # unlike a rename, this does not replace a file that is there
    except OSError as error:
        raise BadSigningKey(f"A signing key cannot be kept in {file}: {type(error).__name__}.") from None
    finally:
        draft.unlink(missing_ok=True)
    return _text_of(file)


def _parsed(text: str, source: str) -> list[ECKey]:
    blocks = [found[0] for found in _PEM_BLOCK.finditer(text) if "PARAMETERS" not in found[1]]
    try:
        keys = [ECKey.import_key(block) for block in blocks]
        usable = [key for key in keys if key.curve_name == "P-256" and key.is_private]
    except (JoseError, ValueError, TypeError):
        usable = []
    if not usable or len(usable) != len(blocks):
        raise BadSigningKey(
            f"The signing key in {source} is not usable: it must be a private EC key on the curve P-256, as PEM "
            "without a password (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)."
        )
    return usable


def _compare_with_note(keys: SigningKeys, note: Path, source: str) -> None:
    known = note.read_text().strip() if note.exists() else ""
    if known and known not in keys.ids:
        raise BadSigningKey(
            f"The signing key in {source} is not the one that was used before ({known}): tokens that are out there "
            f"would end. Put the former key below the new one, or delete {note} if they may end."
        )
    if known != keys.ids[0]:
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = note.with_name(f"{note.name}.{secrets.token_hex(8)}")
        draft.write_text(keys.ids[0] + "\n")
        draft.replace(note)


def _prepared(key: ECKey) -> _Key:
    key_id = key.thumbprint()
    header = {"alg": ALGORITHM, "kid": key_id, "typ": TOKEN_TYPE}
    return _Key(key_id, key, _encoded(json.dumps(header, separators=(",", ":")).encode()))


def _public(key: _Key) -> dict[str, Any]:
    return {**key.key.as_dict(private=False), "kid": key.id, "alg": ALGORITHM, "use": "sig"}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """What was encoded; None for a text that our own encoding would not have made."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return raw if _encoded(raw) == text else None
