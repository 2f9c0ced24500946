"""Choosing a new password: no oracle, no take-over, links of our own."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import PASSWORD, make_user
from tests.support.threads import errors_in, race
from tests.web.accounts.forms import NEW, ask_reset

pytestmark = pytest.mark.usefixtures("app")


def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail(browser, mails, link_in):
    person, visitor = make_user(), browser()

    ask_reset(visitor, person.email.upper())
    page = visitor.get(link_in(mails(person.email)[0])).press("Save the new password", **{"New password": NEW})

    assert "new password is saved" in page.text()
    assert visitor.get("/login").press("Sign in", Email=person.email, Password=PASSWORD).status == 422
    visitor.sign_in(person.email, NEW)
    assert [m.kind for m in mails(person.email)] == ["account.reset_instructions", "account.reset_notice"]
    recorded = list(db.session.scalars(select(AuditEvent.kind)))
    assert recorded.count(EventKind.PASSWORD_RESET_ASKED) == recorded.count(EventKind.PASSWORD_CHANGED) == 1


def test_F8_asking_for_a_known_and_an_unknown_address_reads_the_same_and_only_one_gets_a_mail(browser, mails):
    make_user(email="ada@acme.example")

    known = ask_reset(browser(), "ada@acme.example")
    unknown = ask_reset(browser(), "eve@acme.example")

    assert known.path == unknown.path
    assert known.status == unknown.status
    assert known.text().replace("ada@", "eve@") == unknown.text()
    assert not mails("eve@acme.example")
    assert len(mails("ada@acme.example")) == 1


def test_F8_asking_for_a_known_and_an_unknown_address_takes_as_long(browser):
    make_user(email="ada@acme.example")
    visitor = browser()
    taken: dict[str, list[float]] = {"ada@acme.example": [], "eve@acme.example": []}
    for _ in range(8):
        for email, times in taken.items():
            page = visitor.get("/reset")
            started = time.perf_counter()
            page.press("Send the link", Email=email)
            times.append(time.perf_counter() - started)

    known, unknown = (statistics.median(times) for times in taken.values())

    assert 0.4 < known / unknown < 2.5


@pytest.mark.parametrize("path", ["/reset", "/confirm"])
def test_F8_what_is_no_address_is_said_to_be_none(browser, path):
    for email in ("", "ada", "ada@"):
        page = browser().get(path).press("Send the link", Email=email)
        assert page.status == 422
        assert page.text(".error-summary")


def test_F9_a_reset_link_works_once(browser, mails, link_in):
    person, visitor = make_user(), browser()
    ask_reset(visitor, person.email)
    link = link_in(mails(person.email)[0])
    visitor.get(link).press("Save the new password", **{"New password": NEW})

    page = visitor.get(link)

    assert page.path == "/reset"
    assert "used or replaced" in page.text()


def test_F9_a_reset_link_works_for_an_hour(browser, mails, link_in):
    with time_machine.travel(now(), tick=False) as clock:
        person, visitor = make_user(), browser()
        ask_reset(visitor, person.email)
        link = link_in(mails(person.email)[0])
        clock.shift(timedelta(minutes=59))
        page = visitor.get(link)
        assert page.path == link
        clock.shift(timedelta(minutes=2))
        assert "too old" in page.press("Save the new password", **{"New password": NEW}).text()
        assert visitor.get(link).path == "/reset"


def test_F9_a_newer_link_ends_the_older(browser, mails, link_in):
    person, visitor = make_user(), browser()
    ask_reset(visitor, person.email)
    ask_reset(visitor, person.email)
    older, newer = mails(person.email)

    assert visitor.get(link_in(older)).path == "/reset"
    assert visitor.get(link_in(newer)).path == link_in(newer)


def test_F9_signing_in_ends_a_link(browser, mails, link_in):
    person = make_user()
    ask_reset(browser(), person.email)

    browser(person)

    assert browser().get(link_in(mails(person.email)[0])).path == "/reset"


def test_F9_closing_the_account_ends_a_link(browser, mails, link_in):
    person = make_user()
    ask_reset(browser(), person.email)
    with transaction():
        db.session.merge(person).active = False

    assert browser().get(link_in(mails(person.email)[0])).path == "/reset"


def test_F9_only_a_hash_of_the_link_is_stored_with_the_person(browser, mails, link_in):
    person = make_user()
    ask_reset(browser(), person.email)

    db.session.refresh(person)
    token = link_in(mails(person.email)[0]).rsplit("/", 1)[1]

    assert len(token) >= 43
    assert person.reset_token_hash
    assert token not in person.reset_token_hash
    events = db.session.scalars(select(AuditEvent)).all()
    assert token not in " ".join(f"{e.subject}{e.reason}{e.before}{e.after}" for e in events)


def test_F9_of_two_uses_at_once_one_wins(app, browser, mails, link_in):
    person = make_user()
    ask_reset(browser(), person.email)
    link = link_in(mails(person.email)[0])
    pages = [browser().get(link) for _ in range(4)]

    results = race(4, lambda n: pages[n].press("Save the new password", **{"New password": f"{NEW} {n}"}).text())

    assert not errors_in(results)
    assert len([text for text in results if "new password is saved" in text]) == 1


def test_F10_a_mail_scanner_that_opens_the_link_does_not_use_it_up(browser, mails, link_in):
    person = make_user()
    ask_reset(browser(), person.email)
    link = link_in(mails(person.email)[0])

    for _ in range(3):
        assert browser().get(link).status == 200
    browser().client.head(link)

    page = browser().get(link).press("Save the new password", **{"New password": NEW})
    assert "new password is saved" in page.text()


def test_F2_a_reset_ends_every_session(browser, mails, link_in):
    person = make_user()
    signed_in = browser(person)
    ask_reset(browser(), person.email)

    browser().get(link_in(mails(person.email)[0])).press("Save the new password", **{"New password": NEW})

    assert signed_in.get("/account").path.startswith("/login")


def test_a_password_is_changed_with_the_present_one_only(browser, mails):
    person = make_user()
    visitor = browser(person)
    page = visitor.get("/account/password")

    wrong = page.press("Change password", **{"Current password": "not it at all", "New password": NEW})
    assert wrong.status == 422
    assert "not your current password" in wrong.text()
    same = page.press("Change password", **{"Current password": PASSWORD, "New password": PASSWORD})
    assert same.status == 422
    page.press("Change password", **{"Current password": PASSWORD, "New password": NEW})

    browser().sign_in(person.email, NEW)
    assert [m.kind for m in mails(person.email)] == ["account.change_notice"]


def test_changing_a_password_is_for_people_who_are_signed_in(browser):
    page = browser().get("/account/password")

    assert page.path == "/login?next=/account/password"
