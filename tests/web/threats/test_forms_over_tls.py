"""Over TLS a form is taken from pages of ours only, whichever Host the proxy passes on."""

import pytest
from bs4 import BeautifulSoup
from flask_migrate import upgrade

from portal.app import create_app
from portal.config import load

REACHED_AT = "https://portal.example.com"  # as nginx says it with Host $host: without the port


@pytest.fixture
def send(tmp_path):
    """Sends the sign-in form with these headers; says how it was answered."""
    app = create_app(
        load(
            testing=True,
            database_url=f"sqlite:///{tmp_path / 'portico.sqlite3'}",
            secret_key="t" * 48,
            instance_dir=tmp_path,
            base_url="https://portal.example.com:8443",
        )
    )
    with app.app_context():
        upgrade()
    client = app.test_client()

    def sent(**headers):
        page = BeautifulSoup(client.get("/login", base_url=REACHED_AT).text, "html.parser")
        token = page.select_one("input[name=csrf_token]")["value"]
        data = {"csrf_token": token, "email": "nobody@example.com", "password": "not-a-password"}
        return client.post("/login", base_url=REACHED_AT, data=data, headers=headers).status_code

    return sent


@pytest.mark.parametrize(
    "headers",
    [
        {"Referer": "https://portal.example.com:8443/login"},
        {"Referer": "https://portal.example.com/login"},
        {"Origin": "https://portal.example.com:8443"},
        {"Origin": "null", "Referer": "https://portal.example.com:8443/login"},
    ],
)
def test_a_page_of_ours_is_known_by_the_base_url_too(send, headers):
    assert send(**headers) == 422  # and the form says that the password is wrong


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Referer": "https://evil.example/login"},
        {"Origin": "https://evil.example", "Referer": "https://portal.example.com:8443/login"},
        {"Origin": "http://portal.example.com:8443"},
        {"Origin": "https://portal.example.com:9999"},
        {"Origin": "https://portal.example.com.evil.example"},
        {"Origin": "https://["},
    ],
)
def test_C7_a_form_of_another_page_is_refused(send, headers):
    assert send(**headers) == 400
