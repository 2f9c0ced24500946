"""What settings do to sign-in: proxies, limits, cookies over TLS; and a database that is away."""

from __future__ import annotations

import pytest
from flask_migrate import upgrade
from sqlalchemy.exc import OperationalError

from portal.app import create_app
from portal.config import BadSettings, load
from portal.web.addresses import public_url
from tests.support.builders import make_user


def settings(tmp_path, **values):
    url = f"sqlite:///{tmp_path / 'portico.sqlite3'}"
    return load(**{"testing": True, "database_url": url, "secret_key": "t" * 48, "instance_dir": tmp_path, **values})


@pytest.mark.parametrize(("proxies", "expected"), [(0, "127.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_E4_addresses_are_believed_from_trusted_proxies_only(tmp_path, proxies, expected):
    app, seen = create_app(settings(tmp_path, trusted_proxies=proxies)), []

    @app.before_request
    def note():
        from flask import request

        seen.append((request.remote_addr, request.host))
        return "seen"

    forged = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Host": "evil.example"}
    app.test_client().get("/healthz", headers=forged)

    assert seen == [(expected, "localhost")]


def test_a_limit_that_cannot_be_read_stops_the_start_with_one_sentence(tmp_path):
    with pytest.raises(BadSettings, match="PORTICO_SIGN_IN_LIMIT"):
        create_app(settings(tmp_path, sign_in_limit="often"))


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://portal.example.com", "https://portal.example.com/reset/x"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/reset/x"),
        ("https://example.com/portal", "https://example.com/portal/reset/x"),
    ],
)
def test_E4_links_are_built_from_the_base_url(tmp_path, base, expected):
    app = create_app(settings(tmp_path, base_url=base))

    with app.test_request_context("/", base_url="http://evil.example"):
        assert public_url("security.reset_password", token="x") == expected


def test_C9_over_TLS_the_cookie_is_bound_to_the_host_and_travels_only_encrypted(tmp_path):
    app = create_app(settings(tmp_path, base_url="https://portal.example.com"))
    with app.app_context():
        upgrade()

    cookie = app.test_client().get("/login", base_url="https://portal.example.com").headers["Set-Cookie"]

    assert cookie.startswith("__Host-portico=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.usefixtures("app")
def test_a_session_that_cannot_be_read_is_an_outage_and_not_a_traceback(browser, monkeypatch):
    visitor = browser(make_user())

    def away(*_args):
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr("portal.web.sessions.ServerSessions.find", away)
    page = visitor.get("/account")

    assert page.status == 503
    assert page.headers["Retry-After"]
    monkeypatch.undo()
    assert visitor.get("/account").status == 200
