"""The mails of registration and of new passwords: links of our own, not too many, and readable."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.db import db
from portal.events import OutboxMessage
from tests.support.builders import make_user
from tests.web.accounts.forms import ask_reset, register

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "444"},
        {"X-Forwarded-Prefix": "/evil"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-Host": "evil.example", "X-Host": "evil.example"},
    ],
)
def test_E4_links_in_mails_come_from_the_settings_and_not_from_the_request(browser, mails, headers):
    person, visitor = make_user(), browser()
    page = visitor.get("/reset")
    data = {"email": person.email, "csrf_token": page.field("csrf_token")["value"]}
    cookie = visitor.client.get_cookie("portico")
    visitor.client.set_cookie("portico", cookie.value, domain=headers.get("Host", "localhost"))

    answer = visitor.post("/reset", data, headers=headers, follow_redirects=False)

    message = mails(person.email)[0]
    assert answer.headers.get("Location") == "/login"
    assert "http://localhost/reset/" in message.payload["text"]
    assert not any(word in f"{message.payload}" for word in ("evil", "https://localhost", ":444"))


def test_N5_nobody_is_buried_in_mails(browser, limited):
    person = make_user()
    statuses = []
    for number in range(12):
        visitor = browser()
        visitor.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        statuses.append(ask_reset(visitor, person.email.upper() if number % 2 else person.email).status)

    count = select(func.count()).where(OutboxMessage.recipient == person.email)
    assert db.session.scalar(count) == 5
    assert set(statuses[5:]) == {429}


def test_N5_known_and_unknown_addresses_are_limited_alike(browser, limited):
    make_user(email="ada@acme.example")
    answers: dict[str, list[int]] = {}
    for email in ("ada@acme.example", "eve@acme.example"):
        answers[email] = [ask_reset(browser(), email).status for _ in range(8)]

    assert answers["ada@acme.example"] == answers["eve@acme.example"]


def test_mails_have_a_text_and_a_page_that_say_the_same(browser, mails):
    register(browser(), Name="<b>Ada</b> & Co")
    ask_reset(browser(), make_user().email)

    for message in db.session.scalars(select(OutboxMessage)):
        assert set(message.payload) >= {"text", "html"}
        assert message.channel == "mail"
        assert message.request_id
        assert all("http://localhost/" in message.payload[part] for part in ("text", "html"))
    assert "Hello <b>Ada</b> & Co," in mails("ada@acme.example")[0].payload["text"]
    assert "&lt;b&gt;Ada&lt;/b&gt; &amp; Co" in mails("ada@acme.example")[0].payload["html"]
