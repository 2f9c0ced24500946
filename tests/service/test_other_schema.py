"""New code on an old database, and old code on a new one: refused in words, and nothing is touched (D14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import text

from portal.cli import main
from portal.db import db, transaction
from portal.schema import newest_revision

Run = Callable[..., Result]
OLDER, NEWER = "0003", "9999"


@pytest.fixture
def at_version(app: Flask) -> Iterator[Callable[[str], None]]:
    """Says of the database that it is at another version."""
    newest = str(newest_revision())

    def change(version: str) -> None:
        with transaction():
            db.session.execute(text("update alembic_version set version_num = :v"), {"v": version})

    yield change
    change(newest)


@pytest.fixture
def portico(installation, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command against the application's database."""
    settings = installation.settings
    for name in ("database_url", "secret_key", "instance_dir"):
        monkeypatch.setenv(f"PORTICO_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("PORTICO_TESTING", "true")
    monkeypatch.setenv("PORTICO_OWNER_PASSWORD", "three unrelated words")
    for serving in ("serve", "work"):
        monkeypatch.setattr(f"portal.serving.{serving}", lambda *_, **__: click.echo("started"))

    def run(*arguments: str) -> Result:
        db.session.rollback()
        return CliRunner().invoke(main, arguments)

    return run


@pytest.mark.parametrize("command", [("run", "--web-only"), ("worker",), ("create-owner", "ada@portico.example")])
@pytest.mark.parametrize(
    ("version", "words"),
    [(OLDER, "run portico db upgrade"), (NEWER, "made by a newer Portico")],
)
def test_D14_code_and_database_of_different_versions_are_not_started(
    at_version: Callable[[str], None], portico: Run, command: tuple[str, ...], version: str, words: str
) -> None:
    at_version(version)

    answer = portico(*command)

    assert answer.exit_code == 1
    assert words in answer.output
    assert version in answer.output
    assert "Traceback" not in answer.output
    assert "started" not in answer.output
    assert db.session.scalar(text("select count(*) from portal_user")) == 0


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("command", [("run", "--web-only"), ("worker",)])
def test_D14_code_and_database_of_one_version_are_started(portico: Run, command: tuple[str, ...]) -> None:
    answer = portico(*command)

    assert answer.exit_code == 0, answer.output
    assert "started" in answer.output


def test_D14_old_code_leaves_a_newer_database_alone(at_version: Callable[[str], None], portico: Run) -> None:
    at_version(NEWER)

    answer = portico("db", "upgrade")

    assert answer.exit_code == 1
    assert "made by a newer Portico" in answer.output
    assert db.session.scalar(text("select version_num from alembic_version")) == NEWER


@pytest.mark.parametrize(("version", "words"), [(OLDER, "run portico db upgrade"), (NEWER, "made by a newer Portico")])
def test_D14_a_running_portal_says_that_it_is_not_ready(
    app: Flask, at_version: Callable[[str], None], version: str, words: str
) -> None:
    at_version(version)

    answer = app.test_client().get("/readyz")

    assert answer.status_code == 503
    assert words in answer.get_data(as_text=True)
