"""Signing keys in use: what the portal publishes, and the operator's commands, while programs go on."""

from datetime import timedelta

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import select

from portal import credentials, worker
from portal.app import create_app
from portal.cli import main
from portal.config import BadSettings
from portal.credentials import BadSigningKey, load_signing_keys
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.programs import header_of, send

DAY = timedelta(days=1)


@pytest.fixture
def settings(app, installation, tmp_path):
    """The installation's settings, with a folder for keys of its own."""
    return installation.settings.model_copy(update={"instance_dir": tmp_path})


@pytest.fixture
def keys(app, settings):
    """The server's keys, from the file of these settings."""
    server = app.extensions["portico.oauth"]["server"]
    before, server.keys = server.keys, load_signing_keys(folder=settings.instance_dir)
    yield server.keys
    server.keys = before


@pytest.fixture
def portico(settings, monkeypatch):
    for name in ("database_url", "secret_key", "instance_dir"):
        monkeypatch.setenv(f"PORTICO_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("PORTICO_TESTING", "true")

    def run(*arguments):
        answer = CliRunner().invoke(main, ["keys", *arguments])
        db.session.rollback()
        return answer

    return run


def published(app):
    return [key["kid"] for key in send(app, "GET", "/oauth/jwks.json").json["keys"]]


def recorded():
    return [event.kind for event in db.session.scalars(select(AuditEvent).order_by(AuditEvent.id))][-1]


def test_the_key_set_changes_with_its_etag_while_the_server_runs(app, program, keys, portico):
    first, token = send(app, "GET", "/oauth/jwks.json"), program.access_token()
    assert portico("rotate", "--publish-hours", "24").exit_code == 0
    assert recorded() == EventKind.SIGNING_KEY_ADDED

    with time_machine.travel(now() + timedelta(seconds=10)):
        both = send(app, "GET", "/oauth/jwks.json", headers={"If-None-Match": first.headers["ETag"]})
        assert (both.status_code, len(both.json["keys"])) == (200, 2)
        assert both.headers["Cache-Control"] == "public, max-age=900"
        again = send(app, "GET", "/oauth/jwks.json", headers={"If-None-Match": both.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert header_of(program.access_token())["kid"] == first.json["keys"][0]["kid"]
        assert program.introspect(token)["active"]
    with time_machine.travel(now() + DAY + timedelta(minutes=1)):
        assert header_of(program.access_token())["kid"] == both.json["keys"][1]["kid"]


def test_an_emergency_ends_every_token(app, program, keys, portico):
    token = program.access_token()

    answer = portico("rotate", "--emergency")

    with time_machine.travel(now() + timedelta(seconds=6)):
        assert answer.output.split()[0] == published(app)[0]
        assert program.introspect(token) == {"active": False}
        assert program.introspect(program.access_token())["active"]
    assert recorded() == EventKind.SIGNING_KEYS_REPLACED


def test_the_commands_say_where_each_key_stands_and_refuse_in_sentences(keys, portico):
    old = keys.ids[0]
    assert portico("list").output.startswith(f"{old}  ES256  signs  (made ")
    new = portico("rotate").output.split()[0]

    lines = portico("list").output.splitlines()
    assert [line.split()[0] for line in lines] == [new, old]
    assert "published; signs from" in lines[0]
    assert "  signs  " in lines[1]
    for arguments, words in (
        (("rotate",), "waits for its time"),
        (("retire", old), "Tokens need this key until"),
        (("retire", "unknown"), "no such signing key"),
        (("retire", "-eunknown"), "no such signing key"),
        (("seal",), "PORTICO_ENCRYPTION_KEY is not set"),
    ):
        answer = portico(*arguments)
        assert (answer.exit_code, words in answer.output) == (1, True), answer.output

    with time_machine.travel(now() + 3 * DAY):
        assert [line.split()[2] for line in portico("list").output.splitlines()] == ["signs", "over"]
        assert portico("retire", old).exit_code == 0
    assert recorded() == EventKind.SIGNING_KEY_RETIRED


def test_keys_in_the_environment_are_changed_there(portico, monkeypatch):
    monkeypatch.setenv("PORTICO_SIGNING_KEY", credentials.new_signing_key())

    answer = portico("rotate")

    assert (answer.exit_code, "change them there" in answer.output) == (1, True)


def test_the_worker_rotates_by_the_setting(app, settings):
    load_signing_keys(folder=settings.instance_dir)
    ninety = settings.model_copy(update={"signing_key_days": 90})

    def count():
        with app.app_context(), transaction():
            worker.rotate_signing_keys(ninety)
        return len(credentials.key_file(folder=settings.instance_dir).read())

    assert count() == 1
    with time_machine.travel(now() + 90 * DAY):
        assert (count(), count()) == (2, 2)
        assert recorded() == EventKind.SIGNING_KEY_ADDED


def test_H2_no_private_key_is_recorded_or_printed(keys, portico, settings):
    output = portico("rotate").output + portico("list").output
    events = str([(e.subject, e.before, e.after) for e in db.session.scalars(select(AuditEvent))])
    private = [key.key.as_dict(private=True)["d"] for key in credentials.key_file(folder=settings.instance_dir).read()]

    assert not [value for value in private if value in output + events]


def test_a_wrong_encryption_key_stops_the_start(settings):
    with pytest.raises(BadSettings, match="PORTICO_ENCRYPTION_KEY is not usable"):
        create_app(settings.model_copy(update={"encryption_key": "nonsense"}))


def test_a_folder_that_cannot_be_written_refuses_in_a_sentence(tmp_path):
    with pytest.raises(BadSigningKey, match="cannot be kept"), credentials.key_file(folder=tmp_path / "gone").locked():
        pass
