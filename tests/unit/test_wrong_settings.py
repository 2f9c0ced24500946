"""A wrong setting stops the start with its name and the way out (X19)."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.app import create_app
from portal.config import BadSettings, load

WRONG = [
    ("BASE_URL", "portal.example.com"),
    ("BASE_URL", "ftp://portal.example.com"),
    ("BASE_URL", "https://"),
    ("BASE_URL", "https://portal.example.com:99999"),
    ("BASE_URL", "https://[portal"),
    ("DATABASE_URL", "no address"),
    ("DATABASE_URL", "oracle://host/name"),
    ("SECRET_KEY", "changeme"),
    ("SECRET_KEY", "short"),
    ("DEMO", "perhaps"),
    ("MAIL_PORT", "smtp"),
    ("MAIL_PORT", "0"),
    ("MAIL_PORT", "65536"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "Portico <a@b@>"),
    ("MAIL_FROM", "a@x.example\r\nBcc: b@x.example"),
    ("MAIL_TIMEOUT_SECONDS", "0"),
    ("SIGNING_KEY", "nonsense"),
    ("SIGNING_KEY_FILE", "/"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud"),
    ("WEB_PROCESSES", "0"),
    ("WEB_PROCESSES", "many"),
    ("TRUSTED_PROXIES", "-1"),
    ("CLIENT_CERTIFICATE_HEADER", "X-Client-Certificate"),
    ("CLIENT_CERTIFICATE_PROXIES", "proxy.example"),
    ("REQUESTER_ADDRESSES", "perhaps"),
    ("COUNTRY_HEADER", "X-Country"),
    ("COUNTRY_HEADER", "X Country"),
    ("LEAK_REPORTERS_FILE", "/"),
    ("RATE_LIMIT_STORAGE", "nowhere"),
    ("SIGN_IN_LIMIT", "often"),
    ("TOKEN_LIMIT", "often"),
    ("EXPIRY_NOTICE_DAYS", ""),
    ("EXPIRY_NOTICE_DAYS", "soon"),
    ("EXPIRY_NOTICE_DAYS", "7,14"),
    ("EXPIRY_NOTICE_DAYS", "7,7"),
    ("EXPIRY_NOTICE_DAYS", "91"),
    ("EXPIRY_NOTICE_DAYS", "7,0"),
    ("SESSION_IDLE_MINUTES", "0"),
    ("SESSION_ABSOLUTE_HOURS", "-1"),
    ("METRICS_PUBLIC", "perhaps"),
]


@pytest.fixture
def installation_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty installation with sound settings in the environment, away from any .env file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTICO_INSTANCE_DIR", str(tmp_path))
    monkeypatch.setenv("PORTICO_SECRET_KEY", "k" * 48)
    return tmp_path


@pytest.mark.usefixtures("installation_folder")
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_X19_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"PORTICO_{name}", value)

    with pytest.raises(BadSettings, match=f"PORTICO_{name}") as stopped:
        create_app(load())

    assert len(str(stopped.value)) > len(f"PORTICO_{name}") + 10


@pytest.mark.usefixtures("installation_folder")
def test_X19_a_missing_secret_is_named_with_the_way_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTICO_SECRET_KEY")

    with pytest.raises(BadSettings, match=r"PORTICO_SECRET_KEY is missing.*token_urlsafe"):
        load()


@pytest.mark.usefixtures("installation_folder")
def test_X19_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_MAIL_PORT", "smtp")
    monkeypatch.setenv("PORTICO_LOG_LEVEL", "loud")

    with pytest.raises(BadSettings, match=r"PORTICO_MAIL_PORT.*PORTICO_LOG_LEVEL"):
        load()


@pytest.mark.usefixtures("installation_folder")
def test_X19_no_value_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTICO_DATABASE_URL", "SESAME")

    with pytest.raises(BadSettings) as stopped:
        load()

    assert "SESAME" not in str(stopped.value)


def test_X19_without_a_secret_key_the_demo_beside_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PORTICO_SECRET_KEY", raising=False)
    monkeypatch.setenv("PORTICO_INSTANCE_DIR", str(tmp_path))
    load(demo=True)

    with pytest.raises(BadSettings, match=r"PORTICO_SECRET_KEY is missing.* set PORTICO_DEMO=1 instead"):
        load()
