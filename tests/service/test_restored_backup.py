"""A backup that was put back sends nothing twice and opens nothing that had ended (D18)."""

from __future__ import annotations

import contextvars
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

from portal import credentials, events
from portal.accounts import RoleName
from portal.cli import main
from portal.db import db, transaction
from portal.events import AuditEvent, Draft, EventKind, MessageState, OutboxMessage
from portal.worker import Worker
from tests.service.events.channels import channel
from tests.support.browser import Browser
from tests.support.builders import make_user
from tests.support.programs import make_program

pytestmark = pytest.mark.usefixtures("app")
Open = Callable[..., Browser]


@pytest.fixture
def restored(installation, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Result]:
    """Runs ``portico db restored`` against the application's database."""
    for name in ("database_url", "secret_key", "instance_dir"):
        monkeypatch.setenv(f"PORTICO_{name.upper()}", str(getattr(installation.settings, name)))
    monkeypatch.setenv("PORTICO_TESTING", "true")

    def run() -> Result:
        db.session.rollback()
        answer = contextvars.Context().run(CliRunner().invoke, main, ["db", "restored"])
        db.session.rollback()
        return answer

    return run


class Noting:
    """A channel for mails that notes the subjects of what it is given."""

    name = "mail"

    def __init__(self) -> None:
        self.sent: list[str] = []

    def drafts(self, *_: Any, **__: Any) -> list[Draft]:
        return []

    def deliver(self, messages: Iterable[OutboxMessage]) -> Iterator[tuple[OutboxMessage, None]]:
        for message in messages:
            self.sent.append(message.subject)
            yield message, None

    def forgets(self, message: OutboxMessage) -> bool:
        return False


@pytest.fixture
def post(app: Flask) -> Iterator[Noting]:
    """The channel for mails."""
    noting = Noting()
    with channel(noting):
        yield noting


def queue(*names: str) -> None:
    with transaction():
        for name in names:
            events.enqueue("mail", Draft(f"{name}@acme.example", "approve", name, {"text": name, "html": ""}))


def deliver(app: Flask, post: Noting) -> None:
    events.register(post)  # the command has made an application with channels of its own
    worker = Worker(app, threading.Event())
    while worker.round():
        pass
    db.session.rollback()


def back_up(file: Path, to: Path) -> None:
    """As the guide for operators says it, while the portal runs."""
    db.session.rollback()
    with closing(sqlite3.connect(file)) as source:
        source.execute(f"VACUUM INTO '{to}'")


def put_back(backup: Path, file: Path) -> None:
    db.session.remove()
    db.engine.dispose()
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)


def test_D18_nothing_is_sent_twice_and_what_was_revoked_stays_so(
    app: Flask, installation, restored: Callable[[], Result], post: Noting, tmp_path: Path
) -> None:
    if installation.database != "sqlite":
        pytest.skip("PostgreSQL's backups are PostgreSQL's own; what follows them is tried below.")
    program = make_program(app)
    token = program.access_token()
    with transaction():
        credentials.revoke(program.request.credential, by=program.request.requester, reason="Leaked.")
    queue("before")
    deliver(app, post)
    queue("at the time of the backup")
    back_up(installation.file, tmp_path / "backup.sqlite3")
    deliver(app, post)
    post.sent.clear()

    put_back(tmp_path / "backup.sqlite3", installation.file)
    assert restored().exit_code == 0
    deliver(app, post)
    assert post.sent == []
    assert program.token().status_code == 401
    assert make_program(app).introspect(token) == {"active": False}

    queue("after")
    deliver(app, post)
    assert post.sent == ["after"]


def test_D18_what_waits_is_set_aside_until_somebody_decides(
    app: Flask, restored: Callable[[], Result], post: Noting
) -> None:
    queue("one", "two")
    with transaction():
        events.claim("a worker of before the backup", size=1)
    before = dict(db.session.execute(select(OutboxMessage.subject, OutboxMessage.message_id)).all())

    administrator = make_user(RoleName.ADMINISTRATOR)
    answer = restored()
    assert "2 waiting messages are set aside" in answer.output
    deliver(app, post)
    assert post.sent == []
    messages = db.session.scalars(select(OutboxMessage)).all()
    assert {message.state for message in messages} == {MessageState.DEAD}
    assert all("may have been sent before" in message.last_error for message in messages)

    with transaction():
        events.replay_all(by=administrator)
    deliver(app, post)
    assert sorted(post.sent) == ["one", "two"]
    after = dict(db.session.execute(select(OutboxMessage.subject, OutboxMessage.message_id)).all())
    assert after == before


def test_D18_sessions_and_links_that_came_back_open_nothing(browser: Open, restored: Callable[[], Result]) -> None:
    person = make_user(email="ada@acme.example")
    visitor = browser(person)
    browser().get("/reset").press("Send the link", Email=person.email)
    assert person.reset_token_hash

    assert restored().exit_code == 0

    db.session.expire_all()
    assert person.reset_token_hash is None
    assert "Sign in" in visitor.get("/account").text("h1")
    assert EventKind.RESTORED in set(db.session.scalars(select(AuditEvent.kind)))
    assert browser().sign_in(person.email).status == 200
