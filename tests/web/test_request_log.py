"""What the log says of a request (C114): a line for what was sent or went wrong, with the id that the answer has."""

from __future__ import annotations

import json

import pytest
import structlog

from portal.web.observe import configure_logging
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")
ID = "operator-12345678"


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def lines(app, capfd):
    """The lines of the log since the last call, as an operator's collector reads them."""
    configure_logging(app.config["PORTICO"].model_copy(update={"log_format": "json", "log_level": "INFO"}))

    def read() -> list[dict[str, object]]:
        captured = capfd.readouterr()
        return [json.loads(line) for line in (captured.out + captured.err).splitlines() if line.startswith("{")]

    yield read
    structlog.reset_defaults()
    configure_logging(app.config["PORTICO"])


def test_C114_an_error_page_is_found_in_the_log_by_its_id(client, lines):
    answer = client.get("/nowhere", headers={"X-Request-ID": ID})

    told = [line for line in lines() if line.get("request_id") == ID]
    assert answer.headers["X-Request-ID"] == ID
    assert [(line["event"], line["method"], line["status"]) for line in told] == [("request", "GET", 404)]


def test_C114_what_was_sent_is_found_in_the_log_by_its_id(client, lines):
    make_user(email="ann@acme.example")

    client.post("/login", data={"email": "ann@acme.example", "password": "not hers"}, headers={"X-Request-ID": ID})

    told = [line for line in lines() if line.get("request_id") == ID]
    assert ("request", "POST") in [(line["event"], line.get("method")) for line in told]
    assert "not hers" not in str(told)


def test_pages_that_are_read_and_links_that_open_accounts_are_not_in_the_log(client, lines):
    client.get("/catalogues")
    client.get("/confirm/SESAME")
    client.get("/reset/SESAME?token=SESAME")

    told = lines()
    assert not [line for line in told if line.get("endpoint") == "live.catalogue.index"]
    assert "SESAME" not in str(told)


def test_C114_a_refused_token_call_is_found_in_the_log_by_its_id(client, lines):
    client.post("/oauth/token", data={"client_id": "x", "client_secret": "SESAME"}, headers={"X-Request-ID": ID})

    told = [line for line in lines() if line.get("request_id") == ID]
    assert [(line["endpoint"], line["status"] >= 400) for line in told] == [("oauth.token", True)]
    assert "SESAME" not in str(told)
