"""What a portal does when disk, log or database fail beneath it: it refuses cleanly and goes on (X9, X10, X11, X17)."""

from __future__ import annotations

import contextvars
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import structlog
from flask import Flask
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import make_url

from portal.app import create_app, register_channels
from portal.apps import DeveloperApp
from portal.db import db
from portal.events import AuditEvent, EventKind
from tests.support.browser import Browser
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")
Open = Callable[..., Browser]


@contextmanager
def full_disk() -> Iterator[None]:
    """SQLite's own way to have no room: the file may not grow."""
    db.session.remove()
    db.engine.dispose()

    def no_room(connection, _record) -> None:
        cursor = connection.cursor()
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        cursor.close()

    event.listen(db.engine, "connect", no_room)
    try:
        yield
    finally:
        event.remove(db.engine, "connect", no_room)
        db.session.remove()
        db.engine.dispose()


def apps_and_their_events() -> tuple[int, int]:
    db.session.rollback()
    made = select(func.count()).select_from(AuditEvent).where(AuditEvent.kind == EventKind.APP_CREATED)
    return db.session.scalar(select(func.count()).select_from(DeveloperApp)) or 0, db.session.scalar(made) or 0


def test_X10_a_full_disk_is_a_clean_refusal_and_passes(browser: Open, installation) -> None:
    if installation.database != "sqlite":
        pytest.skip("A full disk of PostgreSQL's is the same error to us: see the next test.")
    visitor = browser(make_user())
    page = visitor.get("/apps/new")

    answers = []
    with full_disk():
        for number in range(40):
            answers.append(page.press("Create app", Name=f"App {number}", Description="x" * 1500))
            if answers[-1].status != 200:
                break
    refused = answers[-1]
    assert refused.status == 503
    assert refused.headers["Retry-After"]
    assert "Traceback" not in refused.html
    made, recorded = apps_and_their_events()
    assert made == recorded == len(answers) - 1
    assert db.session.scalar(text("PRAGMA integrity_check")) == "ok"

    assert page.press("Create app", Name="When there is room").status == 200
    assert apps_and_their_events() == (made + 1, recorded + 1)


class Full(io.TextIOBase):
    """A log on a disk without room."""

    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_X11_the_portal_goes_on_without_its_log(
    app: Flask, browser: Open, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    visitor = browser(make_user())
    monkeypatch.setattr(sys, name, Full())

    structlog.get_logger("portal").error("nobody_reads_this")
    assert visitor.get("/apps/new").press("Create app", Name="Route planner").status == 200
    assert contextvars.Context().run(app.test_client().get, "/readyz").status_code == 200


def test_X9_connections_that_the_server_cut_are_made_anew(browser: Open, installation) -> None:
    if installation.database != "postgresql":
        pytest.skip("SQLite has no server that could restart.")
    visitor = browser(make_user())
    page = visitor.get("/apps/new")
    db.session.rollback()
    plain = make_url(installation.settings.database_url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as connection:
        cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
        connection.execute(f"{cut} and pid <> pg_backend_pid()")

    first = page.press("Create app", Name="Route planner").status
    assert first in {200, 503}
    assert page.press("Create app", Name="Another").status == 200
    made, recorded = apps_and_their_events()
    assert made == recorded == (2 if first == 200 else 1)


def test_X17_a_second_instance_on_the_same_database_is_safe(app: Flask, browser: Open, installation) -> None:
    person = make_user(email="ada@acme.example")
    second = create_app(installation.settings)
    register_channels(installation.settings)
    try:
        visitors = [browser(person), Browser(second, person)]
        for number in range(6):
            page = visitors[number % 2].get("/apps/new")
            assert page.press("Create app", Name=f"App {number}").status == 200
        for visitor in visitors:
            assert all(f"App {number}" in visitor.get("/apps").text() for number in range(6))
    finally:
        with second.app_context():
            db.session.remove()
            db.engine.dispose()
    assert apps_and_their_events() == (6, 6)
