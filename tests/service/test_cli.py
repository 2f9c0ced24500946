"""The portico command as an operator types it: what it does, and the sentences with which it refuses."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from flask_security.utils import verify_password

from portal import accounts
from portal.accounts import RoleName
from portal.cli import main
from portal.db import db

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def portico(installation, monkeypatch):
    """Runs a command against the application's database, with its settings in the environment."""
    settings = installation.settings
    monkeypatch.setenv("PORTICO_TESTING", "true")
    monkeypatch.setenv("PORTICO_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PORTICO_SECRET_KEY", settings.secret_key)
    monkeypatch.setenv("PORTICO_INSTANCE_DIR", str(settings.instance_dir))
    monkeypatch.setenv("PORTICO_OWNER_PASSWORD", "three unrelated words")

    def run(*arguments: str):
        answer = CliRunner().invoke(main, arguments)
        db.session.rollback()
        return answer

    return run


def test_the_first_owner_is_made_and_can_sign_in(portico):
    answer = portico("create-owner", " Ada@Portico.Example ", "--name", "Ada")

    person = accounts.find_person_by_email("ada@portico.example")
    assert answer.exit_code == 0, answer.output
    assert person is not None
    assert person.role_names == {RoleName.API_OWNER, RoleName.ADMINISTRATOR}
    assert verify_password("three unrelated words", person.password)


def test_a_password_counts_as_it_is_typed_on_any_device(portico, monkeypatch):
    monkeypatch.setenv("PORTICO_OWNER_PASSWORD", "ﬁve unrelated words")  # with a ligature, as some keyboards write it

    portico("create-owner", "ada@portico.example")

    person = accounts.find_person_by_email("ada@portico.example")
    assert person is not None
    assert verify_password(accounts.normal_password("five unrelated words"), person.password)


@pytest.mark.parametrize(
    ("address", "password", "words"),
    [
        ("nobody", "three unrelated words", "not a usable mail address"),
        ("ada@portico.example", "short", "Use 8 characters or more"),
        ("ada@portico.example", "password123", "one of the first that anybody would try"),
    ],
)
def test_an_owner_is_held_to_the_rules_for_everybody(portico, monkeypatch, address, password, words):
    monkeypatch.setenv("PORTICO_OWNER_PASSWORD", password)

    answer = portico("create-owner", address)

    assert answer.exit_code == 1
    assert words in answer.output
    assert accounts.find_person_by_email(address) is None


def test_an_address_that_is_taken_is_refused_in_a_sentence(portico):
    portico("create-owner", "ada@portico.example")

    answer = portico("create-owner", "ada@portico.example")

    assert answer.exit_code == 1
    assert "There is already an account for ada@portico.example." in answer.output


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORTICO_WEB_PROCESSES", "0", "PORTICO_WEB_PROCESSES is not usable"),
        ("PORTICO_LOG_FORMAT", "xml", "PORTICO_LOG_FORMAT is not usable"),
        ("PORTICO_LOG_LEVEL", "loud", "PORTICO_LOG_LEVEL is not usable"),
        ("PORTICO_BASE_URL", "portal.example.com", "PORTICO_BASE_URL is not usable"),
        ("PORTICO_RATE_LIMIT_STORAGE", "nowhere", "PORTICO_RATE_LIMIT_STORAGE is not usable"),
        ("PORTICO_TOKEN_LIMIT", "often", "PORTICO_TOKEN_LIMIT is not usable"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence_that_names_it(portico, monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)

    answer = portico("create-owner", "ada@portico.example")

    assert answer.exit_code == 1
    assert words in answer.output
    assert "Traceback" not in answer.output


def test_a_seed_must_be_named(portico):
    assert portico("seed").exit_code == 2
