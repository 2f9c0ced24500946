"""Another mail address for one's account (F13): who may ask, who is told, what the link does, and what it ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import accounts
from portal.accounts import User
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.web.limits import Limits
from tests.support.browser import Browser, Page
from tests.support.builders import PASSWORD, make_user
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")
Open = Callable[..., Browser]
Mails = Callable[[str], list[OutboxMessage]]
LinkIn = Callable[[OutboxMessage], str]
OLD, NEW = "ada@acme.example", "ada@home.example"


def ask(visitor: Browser, address: str = NEW, password: str = PASSWORD) -> Page:
    """Ask for another address on the account page, as a person does."""
    page = visitor.get("/account").follow("Change email")
    return page.press("Send the link", **{"New address": address, "Current password": password})


def kinds(messages: list[OutboxMessage]) -> list[str]:
    return [message.kind for message in messages]


def email_of(person: User) -> str:
    db.session.expire_all()
    return person.email


def test_F13_the_new_address_counts_when_its_link_is_followed(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person = make_user(email=OLD)
    visitor = browser(person)

    asked = ask(visitor)
    assert f"sent a mail to {NEW}" in asked.text("#messages")
    assert NEW in asked.text("#about")
    assert email_of(person) == OLD
    assert kinds(mails(OLD)) == ["account.new_address_asked"]
    assert kinds(mails(NEW)) == ["account.new_address"]
    assert NEW in mails(OLD)[0].payload["text"]

    done = visitor.get(link_in(mails(NEW)[0])).press("Confirm")
    assert "Your address is changed" in done.text("#messages")
    assert email_of(person) == NEW
    assert kinds(mails(OLD))[-1] == kinds(mails(NEW))[-1] == "account.address_changed"
    assert browser().sign_in(NEW).status == 200
    recorded = list(db.session.scalars(select(AuditEvent.kind).where(AuditEvent.subject_id == person.id)))
    assert {EventKind.NEW_ADDRESS_ASKED, EventKind.EMAIL_CHANGED} <= set(recorded)


def test_F13_the_password_is_asked_for_again(browser: Open, mails: Mails) -> None:
    person = make_user(email=OLD)
    visitor = browser(person)

    for password in ("", "not the password", PASSWORD.upper()):
        page = ask(visitor, password=password)
        assert page.status == 422
        assert page.field("New address")["value"] == NEW
    assert not mails(NEW)
    assert not mails(OLD)
    assert accounts.new_address_of(person) is None
    failed = select(AuditEvent.reason).where(AuditEvent.kind == EventKind.SIGN_IN_FAILED)
    assert "wrong password, for a change of the mail address" in list(db.session.scalars(failed))


def test_F13_whether_the_new_address_is_taken_shows_nowhere(browser: Open, mails: Mails) -> None:
    make_user(email=NEW)
    person = make_user(email=OLD)
    visitor = browser(person)

    taken = ask(visitor)
    free = ask(visitor, "free@home.example")
    assert taken.status == free.status == 200
    assert taken.text("main").replace(NEW, "*") == free.text("main").replace("free@home.example", "*")
    assert [m.payload["text"].replace(NEW, "*") for m in mails(OLD)[:1]] == [
        m.payload["text"].replace("free@home.example", "*") for m in mails(OLD)[1:]
    ]
    assert kinds(mails(NEW)) == ["account.new_address_taken"]
    assert "/account/email/" not in mails(NEW)[0].payload["text"]
    assert email_of(person) == OLD


def test_F13_the_link_works_once(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person = make_user(email=OLD)
    visitor = browser(person)
    ask(visitor)
    page = visitor.get(link_in(mails(NEW)[0]))
    page.press("Confirm")

    assert page.press("Confirm").status == 404
    assert visitor.get(page.path).status == 404
    assert email_of(person) == NEW


def test_F13_a_mail_scanner_that_opens_the_link_changes_nothing(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person = make_user(email=OLD)
    ask(browser(person))
    path = link_in(mails(NEW)[0])

    assert browser().get(path).status == browser().get(path).status == 200
    assert email_of(person) == OLD


def test_F13_the_link_works_for_an_hour(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person = make_user(email=OLD)
    visitor = browser(person)
    ask(visitor)
    page = visitor.get(link_in(mails(NEW)[0]))
    with transaction():
        person.new_email_asked_at = now() - timedelta(minutes=61)

    assert page.press("Confirm").status == 404
    assert NEW not in visitor.get("/account").text("#about")
    assert email_of(person) == OLD


def end_by_a_newer_link(person: User, visitor: Browser) -> None:
    ask(visitor, "other@home.example")


def end_by_taking_it_back(person: User, visitor: Browser) -> None:
    visitor.get("/account").press("Keep the present address")


def end_by_another_password(person: User, visitor: Browser) -> None:
    page = visitor.get("/account/password")
    page.press("Change password", **{"Current password": PASSWORD, "New password": "seven green hats"})


def end_by_closing_the_account(person: User, visitor: Browser) -> None:
    with transaction():
        accounts.deactivate(person, by=make_administrator())
    with transaction():
        accounts.reactivate(person, by=make_administrator())


def make_administrator() -> User:
    found = accounts.find_person_by_email("admin@acme.example")
    assert found is not None
    return found


@pytest.mark.parametrize(
    "end", [end_by_a_newer_link, end_by_taking_it_back, end_by_another_password, end_by_closing_the_account]
)
def test_F13_the_link_ends_by(
    browser: Open, mails: Mails, link_in: LinkIn, end: Callable[[User, Browser], None]
) -> None:
    person = make_user(email=OLD)
    make_user(email="admin@acme.example")
    visitor = browser(person)
    ask(visitor)
    path = link_in(mails(NEW)[0])

    end(person, visitor)

    assert browser().get(path).status == 404
    assert email_of(person) == OLD


def test_F13_the_link_cannot_be_guessed_and_only_its_hash_is_stored(
    browser: Open, mails: Mails, link_in: LinkIn
) -> None:
    person = make_user(email=OLD)
    ask(browser(person))
    token = link_in(mails(NEW)[0]).rpartition("/")[2]

    assert len(token) == 43  # 256 bits
    assert token not in {str(value) for value in vars(person).values()}
    for guess in (token[:-1], token.lower(), f"{token}x", str(person.new_email_token_hash)):
        assert browser().get(f"/account/email/{guess}").status == 404


def test_F13_all_other_sessions_and_an_open_reset_end(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person = make_user(email=OLD)
    here, elsewhere = browser(person), browser(person)
    browser().get("/reset").press("Send the link", Email=OLD)
    ask(here)
    assert person.reset_token_hash

    here.get(link_in(mails(NEW)[0])).press("Confirm")

    assert "Account" in here.get("/account").text("h1")
    assert "Sign in" in elsewhere.get("/account").text("h1")
    db.session.expire_all()
    assert person.reset_token_hash is None


def test_F13_a_link_followed_elsewhere_ends_every_session(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    person, other = make_user(email=OLD), make_user()
    here, foreign = browser(person), browser(other)
    ask(here)

    foreign.get(link_in(mails(NEW)[0])).press("Confirm")

    assert email_of(person) == NEW
    assert "Sign in" in here.get("/account").text("h1")
    assert "Account" in foreign.get("/account").text("h1")  # whose session is not the person's


def test_F13_an_address_that_got_an_account_meanwhile_is_not_taken_over(
    browser: Open, mails: Mails, link_in: LinkIn
) -> None:
    person = make_user(email=OLD)
    visitor = browser(person)
    ask(visitor)
    make_user(email=NEW)

    assert visitor.get(link_in(mails(NEW)[0])).press("Confirm").status == 409
    assert email_of(person) == OLD


def test_F13_of_two_who_take_one_address_at_once_one_gets_it(browser: Open, mails: Mails, link_in: LinkIn) -> None:
    people = [make_user(), make_user()]
    visitors = [browser(person) for person in people]
    for visitor in visitors:
        ask(visitor)
    pages = [visitor.get(link_in(mail)) for visitor, mail in zip(visitors, mails(NEW), strict=True)]

    answers = race(2, lambda n: pages[n].press("Confirm").status)

    assert sorted(answers) == [200, 409]
    assert len({email_of(person) for person in people} & {NEW}) == 1


@pytest.mark.parametrize(
    "address", ["", "ada", "a@x.example,b@x.example", "a@x.example\r\nBcc: b@x.example", OLD.upper()]
)
def test_F13_N2_unusable_addresses_and_the_own_one_are_refused(browser: Open, mails: Mails, address: str) -> None:
    page = ask(browser(make_user(email=OLD)), address)

    assert page.status == 422
    assert page.soup.select_one(".field-error")
    assert not mails(OLD)


def test_F13_N5_nobody_is_buried_in_links(browser: Open, mails: Mails, limited: Limits) -> None:
    visitor = browser(make_user(email=OLD))

    answers = [ask(visitor).status for _ in range(6)]

    assert answers == [200] * 5 + [429]
    assert len(mails(NEW)) == len(mails(OLD)) == 5


def test_F13_the_mails_carry_no_markup_of_others(browser: Open, mails: Mails) -> None:
    visitor = browser(make_user(email=OLD, name='<img src="//x">'))
    ask(visitor)

    for message in (*mails(OLD), *mails(NEW)):
        assert "<img" not in message.payload["html"]
        assert "<html" not in message.payload["text"]
        assert message.payload["text"].rstrip().endswith("http://localhost")
