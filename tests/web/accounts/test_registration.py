"""Registration and confirmation: no oracle, no take-over."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from portal.accounts import Organisation, RoleName, User
from portal.db import db, now
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_user
from tests.support.threads import errors_in, race
from tests.web.accounts.forms import NEW, person_at, register

pytestmark = pytest.mark.usefixtures("app")


def test_a_person_registers_confirms_and_signs_in(browser, mails, link_in):
    visitor = browser()

    page = register(visitor)
    assert "sent a mail to ada@acme.example" in page.text()
    page = visitor.get(link_in(mails("ada@acme.example")[0])).press("Confirm")
    assert "confirmed" in page.text()
    visitor.sign_in("ada@acme.example", NEW)

    person = person_at("ada@acme.example")
    assert person.role_names == {RoleName.CONSUMER}
    assert person.organisation_id == db.session.scalars(select(Organisation.id).where(Organisation.is_default)).one()
    assert person.name == "Ada Lovelace"
    recorded = set(db.session.scalars(select(AuditEvent.kind)))
    assert {EventKind.REGISTERED, EventKind.EMAIL_CONFIRMED, EventKind.SIGNED_IN} <= recorded


def test_opening_the_link_confirms_nothing(browser, mails, link_in):
    visitor = browser()
    register(visitor)

    browser().get(link_in(mails("ada@acme.example")[0]))

    assert person_at("ada@acme.example").confirmed_at is None


def test_a_confirmation_link_is_too_old_after_two_days(browser, mails, link_in):
    with time_machine.travel(now(), tick=False) as clock:
        visitor = browser()
        register(visitor)
        clock.shift(timedelta(days=2, minutes=1))
        page = visitor.get(link_in(mails("ada@acme.example")[0]))

    assert "too old" in page.text()
    assert page.has_button("Send the link")
    assert person_at("ada@acme.example").confirmed_at is None


def test_another_confirmation_link_can_be_had(browser, mails, link_in):
    visitor = browser()
    register(visitor)

    visitor.get("/confirm").press("Send the link", Email="ada@acme.example")
    visitor.get(link_in(mails("ada@acme.example")[1])).press("Confirm")

    assert person_at("ada@acme.example").confirmed_at is not None


def test_B2_registering_gives_nothing_but_what_the_form_offers(browser):
    visitor = browser()
    page = visitor.get("/register")
    extra = {
        "roles": "administrator", "role": "administrator", "is_admin": "1", "active": "0", "id": "1",
        "confirmed_at": "2026-01-01", "organisation_id": "999", "organisation": "Globex", "fs_uniquifier": "x",
        "created_at": "2020-01-01", "reset_token_hash": "x",
    }  # fmt: skip
    token = page.field("csrf_token")["value"]

    visitor.post("/register", {"csrf_token": token, "name": "A", "email": "a@acme.example", "password": NEW, **extra})

    person = person_at("a@acme.example")
    assert person.role_names == {RoleName.CONSUMER}
    assert person.confirmed_at is None
    assert person.active
    assert person.fs_uniquifier != "x"
    assert person.organisation.is_default


def test_F12_a_taken_address_gets_a_mail_and_the_stranger_learns_nothing(browser, mails):
    person = make_user(email="ada@acme.example")
    before = person.password

    taken = register(browser())
    free = register(browser(), Email="eve@acme.example")

    assert taken.path == free.path
    assert taken.text().replace("ada@", "eve@") == free.text()
    db.session.refresh(person)
    assert (person.password, person.name) == (before, "Person " + person.name.split()[-1])
    assert "account already" in mails("ada@acme.example")[0].payload["text"]


@pytest.mark.parametrize("email", ["ADA@acme.example", " ada@acme.example ", "Ada@ACME.example", "ada@ａcme.example"])
def test_F12_other_spellings_of_an_address_are_the_same_address(browser, email):
    make_user(email="ada@acme.example")

    register(browser(), Email=email)

    assert db.session.scalar(select(func.count()).select_from(User)) == 1


@pytest.mark.parametrize(
    "email",
    [
        "ada", "ada@", "@acme.example", "ada@acme", "ada@localhost", "ada@acme.example.", "a@x.example,b@y.example",
        '"<script>"@x.example', "a@x.example\r\nBcc: b@y.example", "a@[127.0.0.1]", "аda@acme.example",
        "ada\u200b@acme.example", "x" * 300 + "@acme.example",
    ],
)  # fmt: skip
def test_F12_N2_unusable_and_deceptive_addresses_are_refused_in_words(browser, email):
    page = register(browser(), Email=email)

    assert page.status in {400, 422}
    assert db.session.scalar(select(func.count()).select_from(User)) == 0


def test_F12_a_plus_address_is_an_account_of_its_own(browser):
    make_user(email="ada@acme.example")

    register(browser(), Email="ada+b@acme.example")

    assert person_at("ada+b@acme.example").confirmed_at is None


def test_F12_of_many_registrations_of_one_address_at_once_one_is_stored(app):
    def contend(number: int) -> int:
        from tests.support.browser import Browser

        return register(Browser(app), Name=f"Ada {number}").status

    results = race(6, contend)

    assert not errors_in(results)
    assert set(results) <= {200, 404}, results
    assert db.session.scalar(select(func.count()).select_from(User)) == 1


@pytest.mark.parametrize(
    "password",
    [
        "correct horse", "        12 ab", "x" * 8 + "yzab", "z" * 40 + "q" * 60 + "7 b", "пароль-длинный",
        "👩‍🚀 moon base", "Aa1!kq9Zz?", "ünïcödé wörds",
    ],
)  # fmt: skip
def test_F14_a_password_is_exact(browser, mails, link_in, password):
    visitor = browser()
    register(visitor, Password=password)
    visitor.get(link_in(mails("ada@acme.example")[0])).press("Confirm")

    for wrong in (password[:-1], password + " ", " " + password, password.swapcase()):
        if wrong != password:
            assert visitor.get("/login").press("Sign in", Email="ada@acme.example", Password=wrong).status == 422
    visitor.sign_in("ada@acme.example", password)


def test_F14_the_same_keys_on_another_device_give_the_same_password(browser, mails, link_in):
    visitor = browser()
    register(visitor, Password="caf\u00e9 au lait")
    visitor.get(link_in(mails("ada@acme.example")[0])).press("Confirm")

    visitor.sign_in("ada@acme.example", "cafe\u0301 au lait")

    assert visitor.get("/account").status == 200


def test_F14_nothing_beyond_72_bytes_is_cut_off(browser, mails, link_in):
    visitor, long = browser(), "one two three four " * 10
    register(visitor, Password=long + "a")
    visitor.get(link_in(mails("ada@acme.example")[0])).press("Confirm")

    assert visitor.get("/login").press("Sign in", Email="ada@acme.example", Password=long + "b").status == 422
    visitor.sign_in("ada@acme.example", long + "a")


@pytest.mark.parametrize(
    "password",
    ["short", "1234567", "password", "Password123!", "P@ssw0rd", "12345678", "87654321", "qwertyuiop", "aaaaaaaa",
     "abababab", "letmein!!", "Welcome2026", "ada@acme.example", "ADALOVELACE", "lovelace99", "portico1", "        "],
)  # fmt: skip
def test_F14_short_and_common_passwords_are_refused_in_words(browser, password):
    page = register(browser(), Password=password)

    assert page.status == 422
    assert "Password:" in page.text(".error-summary")
    assert page.field("Name")["value"] == "Ada Lovelace"


def test_F18_a_megabyte_of_password_is_refused_quickly(browser):
    started = time.perf_counter()

    page = register(browser(), Password="x y" * 350_000)

    assert page.status in {400, 413, 422}
    assert time.perf_counter() - started < 5


def test_a_name_cannot_hold_a_second_line(browser):
    register(browser(), Name="Ada\r\nBcc: eve@x.example")

    assert person_at("ada@acme.example").name == "Ada Bcc: eve@x.example"
