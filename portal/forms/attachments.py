"""Keeping files: bytes once under their SHA-256, names and versions beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from portal.accounts import User
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record
from portal.forms.files import GivenFile
from portal.forms.models import Attachment, StoredFile

MOST_UNSENT = 30
MOST_UNSENT_BYTES = 50 * 1024 * 1024


def add_file(given: GivenFile, *, by: User) -> Attachment:
    """Keep a file for a request that is not submitted yet. Raises Invalid when too many wait already."""
    held = db.session.execute(
        select(func.count(), func.coalesce(func.sum(Attachment.size), 0)).where(
            Attachment.uploader_id == by.id, Attachment.sealed_at.is_(None)
        )
    ).one()
    if held[0] >= MOST_UNSENT or held[1] + len(given.content) > MOST_UNSENT_BYTES:
        raise Invalid("You have too many files in your cart that were not sent yet. Remove some of them first.")
    return _keep(given, by=by)


def replace_file(old: Attachment, given: GivenFile, *, by: User) -> Attachment:
    """A new version of a file that was handed in with a request. The old one stays, and can still be read (C24)."""
    locked = lock(Attachment, old.id)
    if locked is None or locked.sealed_at is None:
        raise Conflict("Only a file that was handed in with a request gets a new version.")
    if locked.uploader_id != by.id:
        raise NotAllowed("Only the person who handed a file in can replace it.")
    if db.session.scalar(select(Attachment.id).where(Attachment.replaces_id == locked.id)) is not None:
        raise Conflict("This file has been replaced already. Look at the newest version.")
    new = _keep(given, by=by, replaces=locked)
    new.sealed_at = now()
    db.session.flush()
    record(
        EventKind.FILE_REPLACED,
        subject=new,
        by=by,
        before={"file": locked.label, "sha256": locked.sha256},
        after={"file": new.label, "sha256": new.sha256},
    )
    return new


def remove_unsent(attachment: Attachment, *, by: User) -> None:
    """Take back a file that was not submitted yet, bytes and all, unless somebody else handed in the same bytes."""
    if attachment.uploader_id != by.id:
        raise NotAllowed("This is not your file.")
    if attachment.sealed_at is not None:
        raise Conflict("This file belongs to a request, and stays with it.")
    digest = attachment.sha256
    db.session.delete(attachment)
    db.session.flush()
    try:
        with db.session.begin_nested():
            used = select(Attachment.id).where(Attachment.sha256 == digest)
            db.session.execute(delete(StoredFile).where(StoredFile.sha256 == digest, ~used.exists()))
    except IntegrityError:  # somebody has handed in the same bytes at this moment
        pass


def keeps_files(before: Mapping[str, Any], after: Mapping[str, Any], *, among: Collection[str]) -> bool:
    """Whether every file of the earlier answers is there still, itself or in a later version, where it is asked for."""
    named = {file.id for number in attachment_ids(after) for file in versions_of(db.session.get(Attachment, number))}
    return named >= set(attachment_ids({key: value for key, value in before.items() if key in among}))


def with_replacement(answers: Mapping[str, Any], old: Attachment, new: Attachment) -> dict[str, Any]:
    """The same answers with a new version in the place of a file, for the request that is changed by it."""

    def put(entry: Any) -> Any:
        return new.reference() if isinstance(entry, Mapping) and entry.get("id") == old.id else entry

    return {
        key: [put(entry) for entry in value] if isinstance(value, list) else value for key, value in answers.items()
    }


def seal(ids: Collection[int], *, by: User) -> None:
    """Bind these files to the request that is being submitted: from now on they never change."""
    for attachment in _own(ids, by):
        if attachment.sealed_at is None:
            attachment.sealed_at = now()


def files_of(ids: Collection[int], *, by: User) -> dict[int, Attachment]:
    """Those of these files that this person has handed in, by key."""
    return {attachment.id: attachment for attachment in _own(ids, by)}


def files_in(answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files that answers name, each in its version: what somebody who reads them now has before them."""
    lists = [value for value in answers.values() if isinstance(value, list | tuple)]
    named = [entry for value in lists for entry in value if isinstance(entry, Mapping) and _is_key(entry.get("id"))]
    return [{name: entry.get(name) for name in ("id", "name", "version", "sha256")} for entry in named]


def find_file(attachment_id: int, answers: Mapping[str, Any], *, also: Collection[int] = ()) -> Attachment | None:
    """The file with this key, if these answers name it or a later version of it, or it is one of ``also``; else None.

    Whoever may see a request may read its files: the caller has found the request for that person.
    """
    wanted = db.session.get(Attachment, attachment_id)
    if wanted is None or attachment_id in also:
        return wanted
    newest = (db.session.get(Attachment, number) for number in attachment_ids(answers))
    return wanted if any(wanted in versions_of(each) for each in newest) else None


def versions_of(newest: Attachment | None) -> list[Attachment]:
    """The file and those it replaced, the newest first."""
    found: list[Attachment] = []
    while newest is not None:
        found.append(newest)
        newest = newest.replaces
    return found


def named_files(references: Sequence[Mapping[str, Any]]) -> Sequence[Attachment]:
    """The files that one answer names, in its order."""
    ids = attachment_ids({"": references})
    found = {a.id: a for a in db.session.scalars(select(Attachment).where(Attachment.id.in_(ids)))} if ids else {}
    return [found[number] for number in ids if number in found]


def content_of(attachment: Attachment) -> bytes:
    """The bytes of a file."""
    return attachment.file.content


def attachment_ids(answers: Mapping[str, Any]) -> list[int]:
    """The keys of all files that answers name."""
    lists = [value for value in answers.values() if isinstance(value, list | tuple)]
    named = [entry.get("id") for value in lists for entry in value if isinstance(entry, Mapping)]
    return [number for number in named if isinstance(number, int) and _is_key(number)]


def _is_key(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def _own(ids: Iterable[int], by: User) -> Sequence[Attachment]:
    wanted = {number for number in ids if _is_key(number)}
    if not wanted:
        return []
    query = select(Attachment).where(Attachment.id.in_(wanted), Attachment.uploader_id == by.id)
    return db.session.scalars(query.order_by(Attachment.id)).all()


def _keep(given: GivenFile, *, by: User, replaces: Attachment | None = None) -> Attachment:
    digest = hashlib.sha256(given.content).hexdigest()
    _store(digest, given.content)
    attachment = Attachment(
        sha256=digest,
        name=given.name,
        media_type=given.media_type,
        size=len(given.content),
        version=replaces.version + 1 if replaces else 1,
        replaces_id=replaces.id if replaces else None,
        uploader_id=by.id,
    )
    db.session.add(attachment)
    db.session.flush()
    return attachment


def _store(digest: str, content: bytes) -> None:
    """Write the bytes, unless they are there. Of two at once, the second finds the first's."""
    if db.session.scalar(select(StoredFile.sha256).where(StoredFile.sha256 == digest)) is not None:
        return
    try:
        with db.session.begin_nested():
            db.session.add(StoredFile(sha256=digest, size=len(content), content=content))
    except IntegrityError:  # somebody else wrote the same bytes at this moment
        pass
