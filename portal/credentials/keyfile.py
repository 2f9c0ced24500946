"""Where signing keys are kept: a PEM file with a line or two above each key, or the environment; the same everywhere.

Above a key may stand ``Made``, ``Signs-From`` and ``Ends``, each with a moment in UTC; OpenSSL reads past them. A file
without them works as ever: the first key signs, all verify. With an encryption key the private keys are sealed in it.
A note beside the file remembers which key signed last: one that is lost or exchanged stops the start, instead of
silently ending every token that is out there.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from portal.credentials.keys import ES256, RSA_BITS, BadSigningKey, Key, SigningKey, SigningKeys, new_signing_key
from portal.credentials.sealing import BadEncryptionKey, Sealer
from portal.db import now
from portal.errors import Conflict, NotFound

KEY_FILE = "signing_key.pem"
NOTE_FILE = "signing_key.id"
SEALED = "PORTICO SEALED KEY"
LONGEST_TOKEN_LIFE = timedelta(seconds=86_400 + 60)  # the most that a plan allows, and the skew of two clocks
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----(.+?)-----END \1-----", re.DOTALL)
_MOMENT = re.compile(r"^(Made|Signs-From|Ends):(.*)$", re.MULTILINE)
log = structlog.get_logger(__name__)


@dataclass
class KeyFile:
    """The file of the keys with the note of which one signs. ``is_own`` says that Portico made it and may seal it."""

    path: Path
    note: Path
    sealer: Sealer | None = None
    algorithm: str = ES256
    is_own: bool = False
    seen: tuple[int, int, int] | None = None

    @property
    def source(self) -> str:
        """The file as errors name it."""
        return str(self.path) if self.is_own else f"PORTICO_SIGNING_KEY_FILE ({self.path})"

    def load(self) -> SigningKeys:
        """The keys, which follow the file as it changes. Raises BadSigningKey."""
        if self.is_own and not (self.note.exists() or self.path.exists()):
            self._make()
        keys = self.read()
        if self.is_own and self.sealer is not None and not self._is_sealed(self.sealer):
            with self.locked():
                keys = self.read()
                self.write(keys)
        return _checked(keys, self.note, self.source, self)

    def read(self) -> list[SigningKey]:
        """The keys as they stand in the file. Raises BadSigningKey."""
        self.seen = self._stamp()
        return _parsed(self._text(), self.source, self.sealer)

    def changed(self) -> Sequence[SigningKey] | None:
        """The keys, if the file has changed and can be read; one that cannot leaves the process with what it has."""
        if self._stamp() == self.seen:
            return None
        try:
            return self.read()
        except BadSigningKey as error:
            log.error("signing_keys_not_read_anew", reason=str(error))
            return None

    def signs(self, key_id: str) -> None:
        """Note that this key is the one which signs."""
        try:
            _write_note(self.note, key_id)
        except OSError as error:
            log.warning("signing_key_not_noted", reason=type(error).__name__)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the file among all processes that change it."""
        try:
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unkeepable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def write(self, keys: Sequence[SigningKey]) -> None:
        """Put these keys into the file at once, readable for the same user as before. Raises BadSigningKey."""
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        try:
            _write_private(draft, "".join(_written(key, self.sealer) for key in keys))
            if self.path.exists() and os.geteuid() == 0:
                before = self.path.stat()
                os.chown(draft, before.st_uid, before.st_gid)  # an operator may be root where the server is not
            draft.replace(self.path)
        except OSError as error:
            raise self._unkeepable(error) from None
        finally:
            draft.unlink(missing_ok=True)

    def _make(self) -> None:
        """A new key in the file, unless another process put one there at the same moment."""
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_private(draft, _written(_new_key(self.algorithm), self.sealer))
            with suppress(FileExistsError):
                os.link(draft, self.path)  # unlike a rename, this does not replace a file that is there
        except OSError as error:
            raise self._unkeepable(error) from None
        finally:
            draft.unlink(missing_ok=True)

    def _is_sealed(self, sealer: Sealer) -> bool:
        blocks = _PEM_BLOCK.findall(self._text())
        return all(kind == SEALED and sealer.is_sealed_by_first(body.strip()) for kind, body in blocks)

    def _text(self) -> str:
        try:
            return self.path.read_text()
        except FileNotFoundError:
            raise BadSigningKey(
                f"The signing key is missing: {self.path} does not exist. Restore it from the backup; "
                f"if it is lost for good, delete {NOTE_FILE} beside it, and every token that is out there ends."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise BadSigningKey(f"The signing key in {self.path} cannot be read: {type(error).__name__}.") from None

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _unkeepable(self, error: OSError) -> BadSigningKey:
        return BadSigningKey(f"A signing key cannot be kept in {self.path}: {type(error).__name__}.")


def load_signing_keys(
    *, pem: str = "", file: Path | None = None, folder: Path, sealer: Sealer | None = None, algorithm: str = ES256
) -> SigningKeys:
    """The keys from a PEM text, a PEM file, or ``folder`` (made there at the first start).

    Raises BadSigningKey with one sentence when the key is lost, exchanged or unreadable.
    """
    if pem:
        keys = _parsed(pem.replace("\\n", "\n"), "PORTICO_SIGNING_KEY", sealer)
        return _checked(keys, folder / NOTE_FILE, "PORTICO_SIGNING_KEY", None)
    return key_file(file=file, folder=folder, sealer=sealer, algorithm=algorithm).load()


def key_file(
    *, file: Path | None = None, folder: Path, sealer: Sealer | None = None, algorithm: str = ES256
) -> KeyFile:
    """The file in which the keys are kept: the one that is named, or Portico's own in ``folder``."""
    return KeyFile(file or folder / KEY_FILE, folder / NOTE_FILE, sealer, algorithm, is_own=file is None)


def rotate_keys(file: KeyFile, *, publish_for: timedelta) -> SigningKey:
    """A new key, published now, that signs once ``publish_for`` is over; those before it stay while tokens need them.

    Raises Conflict while an earlier new key waits for its time.
    """
    with file.locked():
        return _rotate(file, file.read(), publish_for)


def rotate_keys_if_due(file: KeyFile, *, every: timedelta, publish_for: timedelta) -> SigningKey | None:
    """A new key when the newest was made so long ago; None when it is not time."""
    if not _is_due(file.read(), every):
        return None
    with file.locked():
        keys = file.read()  # another worker may have been quicker
        return _rotate(file, keys, publish_for) if _is_due(keys, every) else None


def replace_keys(file: KeyFile) -> SigningKey:
    """For an emergency: a new key that signs at once, and no other. Every token that is out there ends."""
    with file.locked():
        made = _new_key(file.algorithm)
        file.write([made])
        file.signs(made.id)
        return made


def retire_key(file: KeyFile, key_id: str, *, emergency: bool = False) -> SigningKey:
    """Take one key out. Raises NotFound, or Conflict while tokens need it, unless it is an ``emergency``.

    Of a key that was the only one to sign, an emergency leaves a new one that signs at once.
    """
    with file.locked():
        keys, moment = file.read(), now()
        gone = next((key for key in keys if key.id == key_id), None)
        if gone is None:
            raise NotFound("There is no such signing key.")
        if not (emergency or gone.is_over(moment)):
            raise Conflict(_why_needed(gone))
        left = [key for key in keys if key is not gone]
        if not any(key.may_sign(moment) for key in left):
            left.insert(0, _new_key(file.algorithm))
        file.write(left)
        file.signs(_signer(left, moment).id)
        return gone


def seal_keys(file: KeyFile) -> None:
    """Write the keys anew, sealed with the first encryption key."""
    with file.locked():
        file.write(file.read())


def _is_due(keys: Sequence[SigningKey], every: timedelta) -> bool:
    """Whether the newest key is so old. One that does not say when it was made counts as old."""
    waiting = any(key.signs_from is not None and key.signs_from > now() for key in keys)
    made = [key.made_at for key in keys if key.made_at is not None]
    return not waiting and (not made or max(made) + every <= now())


def _rotate(file: KeyFile, keys: Sequence[SigningKey], publish_for: timedelta) -> SigningKey:
    moment = now()
    if any(key.signs_from is not None and key.signs_from > moment for key in keys):
        raise Conflict("A new key waits for its time already.")
    signs_from = (moment + publish_for).replace(microsecond=0)
    made = replace(_new_key(file.algorithm), signs_from=signs_from)
    over = signs_from + LONGEST_TOKEN_LIFE
    kept = [replace(key, ends_at=key.ends_at or over) for key in keys if not key.is_over(moment)]
    file.signs(_signer(kept, moment).id)
    file.write([made, *kept])
    return made


def _signer(keys: Sequence[SigningKey], moment: datetime) -> SigningKey:
    return next(key for key in keys if key.may_sign(moment))


def _why_needed(key: SigningKey) -> str:
    if key.ends_at is None:
        return "This key signs, or has no end yet: rotate first, or retire it as an emergency, which ends its tokens."
    return f"Tokens need this key until {key.ends_at:%Y-%m-%d %H:%M} UTC. An emergency ends them before."


def _new_key(algorithm: str) -> SigningKey:
    return SigningKey(_imported(new_signing_key(algorithm)), made_at=now().replace(microsecond=0))


def _parsed(text: str, source: str, sealer: Sealer | None) -> list[SigningKey]:
    keys, end = [], 0
    blocks = list(_PEM_BLOCK.finditer(text))
    try:
        for found in blocks:
            above, end = text[end : found.start()], found.end()
            if "PARAMETERS" not in found[1]:
                keys.append(_read_key(found, above, sealer))
    except BadEncryptionKey as error:
        raise BadSigningKey(f"The signing key in {source} cannot be opened. {error}") from None
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError):
        keys = []
    if not keys or text.count("-----BEGIN ") != len(blocks):
        raise BadSigningKey(
            f"The signing key in {source} is not usable: it must be a private EC key on the curve P-256, or an RSA key "
            f"of {RSA_BITS} bits or more, as PEM without a password "
            "(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)."
        )
    return keys


def _read_key(found: re.Match[str], above: str, sealer: Sealer | None) -> SigningKey:
    pem = found[0]
    if found[1] == SEALED:
        if sealer is None:
            raise BadEncryptionKey("It is sealed: set PORTICO_ENCRYPTION_KEY.")
        pem = sealer.unseal(found[2].strip())
    said = {name: _moment(text) for name, text in _MOMENT.findall(above)}
    return SigningKey(_imported(pem), said.get("Made"), said.get("Signs-From"), said.get("Ends"))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _imported(pem: str) -> Key:
    key = load_pem_private_key(pem.encode(), None)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ECKey.import_key(pem)
    if isinstance(key, RSAPrivateKey) and key.key_size >= RSA_BITS:
        return RSAKey.import_key(pem)
    raise ValueError("Another kind of key.")


def _written(key: SigningKey, sealer: Sealer | None) -> str:
    moments = {"Made": key.made_at, "Signs-From": key.signs_from, "Ends": key.ends_at}
    above = "".join(f"{name}: {moment.isoformat()}\n" for name, moment in moments.items() if moment is not None)
    pem = key.key.as_pem(private=True).decode()
    return above + (f"-----BEGIN {SEALED}-----\n{sealer.seal(pem)}\n-----END {SEALED}-----\n" if sealer else pem)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _checked(keys: list[SigningKey], note: Path, source: str, file: KeyFile | None) -> SigningKeys:
    """The keys, unless the one that signed last is not among them."""
    try:
        known = note.read_text().strip() if note.exists() else ""
        if known and known not in {key.id for key in keys}:
            raise BadSigningKey(
                f"The signing key in {source} is not the one that was used before ({known}): tokens that are out there "
                f"would end. Put the former key below the new one, or delete {note} if they may end."
            )
        ready = SigningKeys(keys, file)
        if known != ready.ids[0]:
            _write_note(note, ready.ids[0])
    except OSError as error:
        raise BadSigningKey(f"{note} cannot be kept: {type(error).__name__}.") from None
    return ready


def _write_note(note: Path, key_id: str) -> None:
    note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = note.with_name(f"{note.name}.{secrets.token_hex(8)}")
    draft.write_text(key_id + "\n")
    draft.replace(note)
