"""Remembering that credentials are in use, without a write for each token.

A use is noted once a minute for each secret of a credential, for an access and each of its scopes, and all that came up
within a second are written together. So a thousand busy clients cost one short transaction a second, and the last
second of a killed process is all that can be lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from portal import credentials, register
from portal.access import Entitlement, Opening
from portal.credentials import USE_NOTED_EVERY
from portal.db import now, transaction

MOST_REMEMBERED = 20_000
log = structlog.get_logger(__name__)


class Uses:
    """The uses that are not written yet."""

    def __init__(self, app: Flask, every_seconds: float = 1.0) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, str | None], datetime] = {}
        self._opened: set[tuple[int, frozenset[str]]] = set()
        self._noted: dict[Hashable, datetime] = {}
        self._written_at = 0.0
        self._later: threading.Timer | None = None
        self.every_seconds = every_seconds

    def note(self, entitlement: Entitlement) -> None:
        """Note a use if none was noted within the last minute; it is written now, or with others within a second."""
        moment = now()
        use = entitlement.credential_id, entitlement.proved_by
        last = entitlement.last_used_at if entitlement.proved_by is None else entitlement.proof_used_at
        if (last is not None and moment - last < USE_NOTED_EVERY) or use in self._waiting:
            return
        with self._lock:
            self._waiting[use] = moment
        self._write_soon()

    def note_access(self, openings: Iterable[Opening], scopes: frozenset[str]) -> None:
        """Note that a token opened these with these scopes, if this process noted none like it within a minute.

        What was noted is remembered here and not read: so the question that every token asks stays the same.
        """
        moment, opened = now(), [opening for opening in openings if not opening.scopes or opening.scopes & scopes]
        use = (tuple([opening.grant_id for opening in opened]), scopes)
        noted = self._noted.get(use)
        if noted is not None and timedelta(0) <= moment - noted < USE_NOTED_EVERY:
            return
        with self._lock:
            if len(self._noted) >= MOST_REMEMBERED:
                self._noted.clear()
            self._noted[use] = moment
            self._opened.update((opening.grant_id, opening.scopes & scopes) for opening in opened)
        self._write_soon()

    def _write_soon(self) -> None:
        """Write now, or with what else comes up within the second."""
        with self._lock:
            wait = self._written_at + self.every_seconds - time.monotonic()
            if wait > 0 and self._later is None:
                self._later = threading.Timer(wait, self._write_later)
                self._later.daemon = True
                self._later.start()
        if wait <= 0:
            self.write()

    def write(self) -> None:
        """Write what waits. A database that cannot be written to does not stop a token."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
            opened, self._opened = self._opened, set()
            self._written_at, self._later = time.monotonic(), None
        try:
            with transaction():
                for (credential_id, proof), moment in sorted(taken.items(), key=lambda use: use[0][0]):
                    credentials.note_use(credential_id, at=moment, secret_hash=proof)
                register.note_uses(opened, at=now())
        except SQLAlchemyError as error:
            log.warning("last_use_not_noted", error=str(error)[:200])

    def forget(self) -> None:
        """Drop what waits, unwritten."""
        with self._lock:
            self._waiting.clear()
            self._opened.clear()
            self._noted.clear()
            if self._later is not None:
                self._later.cancel()
            self._later = None

    def _write_later(self) -> None:
        with self._app.app_context():
            self.write()
