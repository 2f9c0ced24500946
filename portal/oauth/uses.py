"""Remembering that credentials are in use, without a write for each token.

A use is noted once a minute for a credential, and all that came up within a second are written together. So a thousand
busy clients cost one short transaction a second, and the last second of a killed process is all that can be lost.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from portal import credentials
from portal.access import Entitlement
from portal.credentials import USE_NOTED_EVERY
from portal.db import now, transaction

log = structlog.get_logger(__name__)


class Uses:
    """The uses that are not written yet."""

    def __init__(self, app: Flask, every_seconds: float = 1.0) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._waiting: dict[int, datetime] = {}
        self._written_at = 0.0
        self._later: threading.Timer | None = None
        self.every_seconds = every_seconds

    def note(self, entitlement: Entitlement) -> None:
        """Note a use if none was noted within the last minute; it is written now, or with others within a second."""
        moment = now()
        last = entitlement.last_used_at
        if (last is not None and moment - last < USE_NOTED_EVERY) or entitlement.credential_id in self._waiting:
            return
        with self._lock:
            self._waiting[entitlement.credential_id] = moment
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
            self._written_at, self._later = time.monotonic(), None
        try:
            with transaction():
                for credential_id, moment in sorted(taken.items()):
                    credentials.note_use(credential_id, at=moment)
        except SQLAlchemyError as error:
            log.warning("last_use_not_noted", error=str(error)[:200])

    def forget(self) -> None:
        """Drop what waits, unwritten."""
        with self._lock:
            self._waiting.clear()
            if self._later is not None:
                self._later.cancel()
            self._later = None

    def _write_later(self) -> None:
        with self._app.app_context():
            self.write()
