"""Databases to measure on: their sizes, their settings, and people who are signed in. Filling them is another file."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

import psutil
from flask import Flask
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import insert, text

from portal.accounts import User, WebSession
from portal.config import Settings
from portal.db import db, now, transaction

SECRET_KEY = "measured-" * 6
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class Sizes:
    """How much there is of everything."""

    products: int = 100
    pending: int = 100
    decided: int = 100
    own: int = 100
    events: int = 100
    credentials: int = 100

    def __str__(self) -> str:
        """The sizes in words."""
        return (
            f"{self.products:,} products, {self.pending:,} pending and {self.decided:,} decided requests, {self.own:,} of "
            f"one person, {self.events:,} audit events, {self.credentials:,} credentials"
        )


SMALL = Sizes()
QUICK = Sizes(products=5_000, pending=1_000, decided=10_000, own=1_000, events=20_000, credentials=10_000)
USUAL = Sizes(products=10_000, pending=10_000, decided=100_000, own=1_000, events=500_000, credentials=100_000)
FULL = replace(USUAL, products=100_000, decided=1_000_000, events=5_000_000)


@dataclass
class Installation:
    """An application on a filled database."""

    database: str
    settings: Settings
    app: Flask
    sizes: Sizes
    sessions: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    client: tuple[str, str] = ("", "")

    @property
    def environment(self) -> dict[str, str]:
        """What a server of this installation needs to know."""
        return {
            "PORTICO_DATABASE_URL": self.settings.database_url,
            "PORTICO_SECRET_KEY": SECRET_KEY,
            "PORTICO_INSTANCE_DIR": str(self.settings.instance_dir),
            "PORTICO_BASE_URL": "http://127.0.0.1",
            "PORTICO_LOG_LEVEL": "ERROR",
        }

    @property
    def database_pid(self) -> int | None:
        """The process of the database server, where there is one on this machine."""
        if self.database == SQLITE:
            return None
        with self.app.app_context(), db.engine.connect() as connection:
            backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
            try:
                return psutil.Process(int(backend)).ppid()
            except psutil.NoSuchProcess:
                return None

    def csrf_token(self, session_id: str) -> str:
        """The token that the forms of this session hold."""
        signer = URLSafeTimedSerializer(SECRET_KEY, salt="wtf-csrf-token")
        return str(signer.dumps(_raw_token(session_id)))


def sign_in(person: User) -> str:
    """A session of this person, as after a sign-in."""
    session_id = secrets.token_urlsafe(32)
    with transaction() as session:
        session.execute(insert(WebSession).values(**session_row(session_id, person.id, person.fs_uniquifier)))
    return session_id


def session_row(session_id: str, user_id: int, uniquifier: str) -> dict[str, Any]:
    """The row of a session."""
    content = {"_user_id": uniquifier, "_fresh": True, "csrf_token": _raw_token(session_id)}
    return {
        "id_hash": hashlib.sha256(session_id.encode()).hexdigest(),
        "user_id": user_id,
        "content": content,
        "created_at": now(),
        "seen_at": now(),
        "user_agent": "bench",
    }


def _raw_token(session_id: str) -> str:
    return hashlib.sha1(session_id.encode()).hexdigest()  # noqa: S324  any 40 letters
