"""`portico policy` as an operator types it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from portal.access import PolicyDecision
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.cli import main
from portal.db import db, transaction
from tests.service.policies.drafts import a_rule, activated
from tests.support.builders import make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def portico(installation, monkeypatch):
    """Runs a command against the application's database, with its settings in the environment."""
    settings = installation.settings
    monkeypatch.setenv("PORTICO_TESTING", "true")
    monkeypatch.setenv("PORTICO_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("PORTICO_SECRET_KEY", settings.secret_key)
    monkeypatch.setenv("PORTICO_INSTANCE_DIR", str(settings.instance_dir))

    def run(*arguments: object):
        db.session.rollback()
        answer = CliRunner().invoke(main, ["policy", *map(str, arguments)])
        db.session.rollback()
        return answer

    return run


@pytest.fixture
def file(tmp_path):
    """A file that holds this."""

    def write(content: object):
        path = tmp_path / "policy.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_a_sound_policy_passes_the_check(portico, file):
    make_user(RoleName.SECURITY_REVIEWER)

    answer = portico("check", file({"rules": [a_rule()], "order": []}))

    assert (answer.exit_code, answer.output.strip()) == (0, "No mistakes.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rules": [a_rule("x", "legal")]}, "mistake: x: Nobody can answer the stage Legal"),
        ({"rules": [{"key": "x"}]}, "must be a sentence that says why"),
        ("not JSON", "is not JSON that can be read"),
        ("[]", "must be an object"),
    ],
)
def test_a_policy_with_mistakes_fails_the_check_in_words(portico, file, content, words):
    answer = portico("check", file(content))

    assert answer.exit_code == 1
    assert words in answer.output
    assert "cannot be activated" in answer.output


def test_what_is_exported_can_be_checked(portico, file):
    make_user(RoleName.SECURITY_REVIEWER)
    product = make_product()
    activated(a_rule())
    activated(a_rule("team"), product=product)
    activated(a_rule("another"))

    keys = [
        json.loads(portico("export", *options).output)["policy"]["rules"][0]["key"]
        for options in ((), ("--number", 1), ("--product", product.slug))
    ]

    assert keys == ["another", "production", "team"]
    assert portico("check", file(portico("export").output)).exit_code == 0


def test_what_is_not_there_cannot_be_exported(portico):
    assert "No policy is in force." in portico("export").output
    assert "There is no product 'nothing'." in portico("export", "--product", "nothing").output
    assert portico("export", "--number", 7).exit_code == 1


def test_I16_the_record_is_made_again_and_what_differs_fails_the_check(portico):
    make_user(RoleName.SECURITY_REVIEWER)
    activated(a_rule())
    request = make_request(environment=Environment.PROD)
    make_request()

    assert portico("replay-check").output.strip() == "2 decisions made again, 0 differ."
    with transaction():
        changed = update(PolicyDecision).where(PolicyDecision.request_id == request.id).values(outcome="auto")
        db.session.execute(changed)
    answer = portico("replay-check", "--most", 5)

    assert answer.exit_code == 1
    assert f"{request.number}, revision 1: outcome" in answer.output
