"""What an operator meets: settings from a file, a database that is away or empty, the version of the schema."""

from __future__ import annotations

import sys
import threading

import pytest
from click.testing import CliRunner

from portal import serving, worker
from portal.app import create_app
from portal.cli import main
from portal.config import BadSettings, load

AWAY = "postgresql://portico:sesame@127.0.0.1:1/portico"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the settings in a .env file, as the operator guide puts them, and none in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("PORTICO_BASE_URL", "PORTICO_DATABASE_URL", "PORTICO_MAIL_SERVER", "PORTICO_OWNER_PASSWORD"):
        monkeypatch.setenv(name, "")  # so that whatever is set meanwhile is put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("PORTICO_INSTANCE_DIR", str(tmp_path))
    (tmp_path / ".env").write_text(f"PORTICO_SECRET_KEY={'k' * 48}\nPORTICO_BASE_URL=https://portal.example.com\n")
    return tmp_path


@pytest.fixture
def started(monkeypatch):
    """The base URLs that the server's processes would read, one for each start; nothing is served."""
    found: list[str] = []
    monkeypatch.setattr(serving, "serve", lambda **_: found.append(load().base_url))
    return found


@pytest.mark.parametrize("arguments", [["run"], ["run", "--port", "8123"]])
def test_the_servers_address_in_the_env_file_is_the_one_in_force(folder, started, arguments):
    CliRunner().invoke(main, ["db", "upgrade"])

    answer = CliRunner().invoke(main, arguments)

    assert answer.exit_code == 0, answer.output
    assert started == ["https://portal.example.com"]


def test_without_an_address_the_server_is_reached_where_it_listens(folder, started):
    (folder / ".env").write_text(f"PORTICO_SECRET_KEY={'k' * 48}\n")
    CliRunner().invoke(main, ["db", "upgrade"])

    CliRunner().invoke(main, ["run", "--port", "8123"])

    assert started == ["http://127.0.0.1:8123"]


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "current"], ["create-owner", "ada@portico.example"]])
def test_a_database_that_is_away_is_told_in_a_sentence(folder, monkeypatch, command):
    monkeypatch.setenv("PORTICO_DATABASE_URL", AWAY)
    monkeypatch.setenv("PORTICO_OWNER_PASSWORD", "three unrelated words")

    answer = CliRunner().invoke(main, command)

    assert answer.exit_code == 1
    assert isinstance(answer.exception, SystemExit), answer.exception
    assert "The database cannot be used" in answer.output
    assert "sesame" not in answer.output


def test_the_version_of_the_schema_is_told(folder):
    before = CliRunner().invoke(main, ["db", "current"])
    CliRunner().invoke(main, ["db", "upgrade"])
    after = CliRunner().invoke(main, ["db", "current"])

    assert "The database is at no version; this code needs 00" in before.output
    assert "no version" not in after.output


def test_two_ways_to_encrypt_mail_exclude_each_other(folder, monkeypatch):
    monkeypatch.setenv("PORTICO_MAIL_USE_TLS", "true")
    monkeypatch.setenv("PORTICO_MAIL_USE_SSL", "true")

    with pytest.raises(BadSettings, match="PORTICO_MAIL_USE_TLS and PORTICO_MAIL_USE_SSL"):
        load()


def test_a_shared_counter_without_its_package_is_told_with_the_way_out(folder, monkeypatch):
    monkeypatch.setenv("PORTICO_RATE_LIMIT_STORAGE", "redis://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(BadSettings, match=r"PORTICO_RATE_LIMIT_STORAGE.*pip install redis"):
        create_app(load())


def test_the_worker_tells_of_an_absent_database_in_one_line(folder, monkeypatch, capfd):
    monkeypatch.setenv("PORTICO_DATABASE_URL", AWAY)
    app, stop = create_app(load()), threading.Event()
    work = worker.Worker(app, stop)
    monkeypatch.setattr(work, "_rest", lambda _trouble: stop.set())

    work.work()

    told = [line for line in "".join(capfd.readouterr()).splitlines() if line]
    assert len(told) == 1, told
    assert "database_unusable" in told[0]
    assert "sesame" not in told[0]


def test_a_quota_by_the_hour_is_written_as_people_say_it(app):
    terms = app.jinja_env.get_template("macros/terms.html").module

    assert terms.quota(1000, "hour").strip() == "1,000 requests an hour"
    assert terms.quota(1, "day").strip() == "1 request a day"
