"""Fixtures for every test: an application on each database, clean data, and people who press buttons."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from portal.accounts import User
from portal.app import create_app, register_channels
from portal.config import Settings, load
from portal.db import Base, close_connections, db
from tests.support.browser import Browser
from tests.support.postgres import fresh_database

DATABASES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that needs the application on both databases."""
    if "database" in metafunc.fixturenames:
        chosen = os.environ.get("PORTICO_TEST_DATABASES", ",".join(DATABASES)).split(",")
        if metafunc.definition.get_closest_marker("appearance"):
            chosen = chosen[:1]
        metafunc.parametrize("database", chosen, scope="session")


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


class TestInstallation:
    """An application on one database, whose data can be thrown away quickly."""

    __test__ = False

    def __init__(self, database: str, folder: Path, worker: str) -> None:
        self.database = database
        self.file = folder / "portico.sqlite3"
        self.template = folder / "template.sqlite3"
        url = f"sqlite:///{self.file}" if database == "sqlite" else fresh_database(f"portico_test_{worker}")
        self.settings: Settings = load(
            testing=True, database_url=url, secret_key="t" * 48, instance_dir=folder, base_url="http://localhost"
        )
        self.app = create_app(self.settings)
        with self.app.app_context():
            upgrade()
            if database == "postgresql":
                self.emptying = _emptying()
            else:
                db.session.execute(text("select 1"))
                with db.engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                close_connections()
                shutil.copy(self.file, self.template)

    def empty(self) -> None:
        """Take all data away, the record too (tests may: they are not the application)."""
        with self.app.app_context():
            if self.database == "sqlite":
                with closing(sqlite3.connect(self.template)) as source, closing(sqlite3.connect(self.file)) as target:
                    target.execute("pragma synchronous = off")  # waiting for the disk took most of a small test
                    source.backup(target)
                return
            with db.engine.begin() as connection, closing(connection.connection.cursor()) as cursor:
                cursor.execute(self.emptying)


def _emptying() -> str:
    """What empties every table of PostgreSQL in one go: asking for each by itself took longer than a small test."""
    query = "select tablename from pg_tables where schemaname = 'public' and tablename like 'product_search%'"
    tables = (*Base.metadata.tables, *db.session.execute(text(query)).scalars())
    db.session.remove()
    return "; ".join(("set local session_replication_role = replica", *(f"delete from {table}" for table in tables)))


@pytest.fixture(scope="session")
def installation(database: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[TestInstallation]:
    """The application on this database, migrated once a session."""
    installed = TestInstallation(database, tmp_path_factory.mktemp(database), worker_id)
    yield installed
    with installed.app.app_context():
        close_connections()  # one that is merely dropped is a warning, and warnings are errors


@pytest.fixture
def app(installation: TestInstallation) -> Iterator[Flask]:
    """The application with empty tables, and an application context for the test's own reading and arranging."""
    installation.empty()
    register_channels(installation.settings)  # a test may have made another application, with its own
    with installation.app.app_context():
        yield installation.app
        db.session.remove()
        uses = installation.app.extensions["portico.oauth"]["server"].uses
        uses.forget()  # or a timer writes of what is gone by then, with words in the output of another test


@pytest.fixture
def browser(app: Flask) -> Callable[..., Browser]:
    """Makes a person at a browser: ``browser(user)`` is signed in, ``browser()`` is a stranger."""

    def open_browser(user: User | None = None) -> Browser:
        return Browser(app, user)

    return open_browser
