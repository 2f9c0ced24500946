"""What is done to signing keys, in the record."""

from __future__ import annotations

from dataclasses import dataclass

from portal.accounts import User
from portal.credentials.keys import SigningKey
from portal.events import EventKind, record


@dataclass(frozen=True)
class _KeyInRecord:
    """Stands in the record for a key, which is no row."""

    label: str
    id: int | None = None
    __tablename__ = "signing_key"


def record_key(kind: EventKind, key: SigningKey, *, by: User | None, reason: str = "") -> None:
    """Write what happened to the key, by its id; of the key itself nothing."""
    after = {"algorithm": key.algorithm, "signs_from": key.signs_from, "ends_at": key.ends_at}
    record(kind, subject=_KeyInRecord(key.id), by=by, reason=reason, after=after)
