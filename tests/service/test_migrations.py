"""The schema: models equal migrations, and every step goes up and down with data in the tables."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text

from portal.app import create_app
from portal.config import load
from portal.db import Base, close_connections, db
from tests.support.builders import make_request
from tests.support.postgres import drop_database, fresh_database


@pytest.fixture
def empty_app(database: str, tmp_path: Path, worker_id: str):
    name = f"portico_migrations_{worker_id}"
    url = f"sqlite:///{tmp_path / 'm.sqlite3'}" if database == "sqlite" else fresh_database(name)
    app = create_app(load(testing=True, database_url=url, secret_key="m" * 48, instance_dir=tmp_path))
    yield app
    with app.app_context():
        close_connections()
    if database == "postgresql":
        drop_database(name)


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def current_revision() -> str | None:
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def test_models_equal_migrations(empty_app: Flask):
    with empty_app.app_context():
        upgrade()
        with db.engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={"include_name": lambda name, kind, _: kind != "table" or not name.startswith("product_search")},
            )
            assert compare_metadata(context, Base.metadata) == []


def test_D12_up_down_up_leaves_nothing_behind_and_the_same_schema(empty_app: Flask):
    with empty_app.app_context():
        upgrade()
        first = tables()
        make_request()
        downgrade(revision="base")
        left = tables()
        upgrade()
        upgrade()

        assert left == set()
        assert tables() == first
        make_request()


def test_D12_each_step_goes_down_and_up_again_with_data(empty_app: Flask):
    with empty_app.app_context():
        upgrade()
        make_request()
        count = db.session.scalar(text("select count(*) from access_request"))
        db.session.remove()
        while current_revision() != "0001":
            downgrade(revision="-1")
        upgrade()

        assert db.session.scalar(text("select count(*) from access_request")) == count == 1


def test_D12_no_step_lets_a_number_be_given_twice(empty_app: Flask):
    with empty_app.app_context():
        upgrade()
        first = never_twice()

        while current_revision() != "0001":
            downgrade(revision="-1")
            assert never_twice() == first & tables(), current_revision()


def never_twice() -> set[str]:
    """The tables whose keys SQLite gives once for ever; PostgreSQL does so for all, by sequences."""
    if db.engine.dialect.name != "sqlite":
        return set()
    with db.engine.connect() as connection:
        query = text("select name from sqlite_master where sql like '%AUTOINCREMENT%'")
        return set(connection.scalars(query))


def test_D13_two_processes_that_migrate_at_once_do_it_once(empty_app: Flask):
    settings = empty_app.config["PORTICO"]
    environment = {
        **os.environ,
        "PORTICO_DATABASE_URL": settings.database_url,
        "PORTICO_SECRET_KEY": "m" * 48,
        "PORTICO_INSTANCE_DIR": str(settings.instance_dir),
    }
    command = [sys.executable, "-m", "portal.cli", "db", "upgrade"]
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]

    assert [(p.communicate()[1].decode(), p.returncode)[1] for p in processes] == [0, 0]
    with empty_app.app_context():
        assert "access_request" in tables()
