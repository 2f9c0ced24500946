"""The mailbox of the demo."""

from __future__ import annotations

import contextvars

import pytest
from werkzeug.test import TestResponse

from portal.accounts import RoleName
from portal.app import create_app
from portal.db import close_connections, db
from portal.events import OutboxMessage
from tests.support.browser import Browser
from tests.support.builders import make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def raw(window: Browser, path: str) -> TestResponse:
    """The answer as it is: a mail is not one of our pages."""
    return contextvars.Context().run(window.client.get, path)


def test_each_mail_is_there_to_be_read(browser):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    page = browser().get("/dev/mailbox")
    assert f"To {owner.email}" in page.text(".rows")
    page = page.follow(f"Access request {request.number}: {request.app.name} asks for {request.products[0].name}")

    link = page.soup.select_one("#mail-text a[href^=http]")
    assert link["href"] == f"http://localhost/admin/access-requests/{request.number}"
    assert "asks for access" in raw(browser(), page.soup.find("iframe")["src"]).get_data(as_text=True)


def test_mails_are_found_by_their_recipient(browser):
    make_request(owner=make_user(RoleName.API_OWNER, email="one@portico.example"))
    make_request(owner=make_user(RoleName.API_OWNER, email="two@portico.example"))

    assert len(browser().get("/dev/mailbox").soup.select(".row-item")) == 2
    assert len(browser().get("/dev/mailbox?to=two@").soup.select(".row-item")) == 1
    assert "No mail to such an address" in browser().get("/dev/mailbox?to=nobody").text()


def test_the_mailbox_needs_as_many_queries_for_ten_mails_as_for_one(browser):
    window = browser()
    make_request()
    with count_queries() as few:
        window.get("/dev/mailbox")
    for _ in range(9):
        make_request()

    with count_queries() as many:
        window.get("/dev/mailbox")

    assert len(many) == len(few)


def test_the_html_of_a_mail_runs_nothing(browser):
    make_request(reason="<script>alert(1)</script>")
    message = db.session.query(OutboxMessage).first()

    answer = raw(browser(), f"/dev/mailbox/{message.id}/html")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin allow-top-navigation-by-user-activation;")
    assert "default-src 'none'" in policy
    assert "<script" not in answer.get_data(as_text=True)


def test_an_empty_mailbox_says_what_to_do(browser):
    assert "No mail yet" in browser().get("/dev/mailbox").text()


def test_a_mail_that_never_was_is_not_found(browser):
    assert browser().get("/dev/mailbox/12345").status == 404
    assert browser().get("/dev/mailbox/12345/html").status == 404


@pytest.mark.parametrize(
    "settings", [{"mail_server": "mail.example.com"}, {"testing": False, "demo": False, "secret_key": "s" * 48}]
)
def test_where_mails_are_sent_there_is_no_mailbox(app, settings):
    other = create_app(app.config["PORTICO"].model_copy(update=settings))

    assert not [rule for rule in other.url_map.iter_rules() if rule.rule.startswith("/dev/mailbox")]
    with other.app_context():
        close_connections()
