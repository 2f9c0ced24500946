"""Sessions: ids that nobody can choose or keep, an end to each, and one's own list of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete, func, select

from portal import accounts
from portal.accounts import RoleName, WebSession
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import PASSWORD, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def cookie_of(visitor) -> str:
    found = visitor.client.get_cookie("portico")
    return found.value if found else ""


def with_cookie(browser, value: str):
    thief = browser()
    thief.client.set_cookie("portico", value)
    return thief


def is_signed_in(visitor) -> bool:
    return visitor.get("/account").path == "/account"


def session_rows() -> int:
    return db.session.scalar(select(func.count()).select_from(WebSession)) or 0


def test_the_cookie_is_a_random_id_of_which_only_the_hash_is_stored(browser):
    visitor = browser(make_user())
    cookie = cookie_of(visitor)

    stored = db.session.scalars(select(WebSession)).all()

    assert len(cookie) == 43
    assert all(cookie not in f"{row.id_hash}{row.content}" for row in stored)
    set_by = browser().get("/login").headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(set_by.split("; "))
    assert "Expires" not in set_by


def test_who_stores_nothing_gets_neither_cookie_nor_row(browser):
    page = browser().get("/healthz")
    missing = browser().get("/no-such-page")

    assert "Set-Cookie" not in page.headers
    assert "Set-Cookie" not in missing.headers
    assert session_rows() == 0


def test_F1_signing_in_gives_a_new_id_and_the_old_one_is_a_stranger(browser):
    person, visitor = make_user(), browser()
    visitor.get("/login")
    before = cookie_of(visitor)

    visitor.sign_in(person.email)

    assert cookie_of(visitor) != before
    assert not is_signed_in(with_cookie(browser, before))
    assert is_signed_in(visitor)


@pytest.mark.parametrize("chosen", ["A" * 43, "x", "../../etc", "é", "a" * 4000])
def test_F1_an_id_that_the_client_chose_is_never_taken(browser, chosen):
    person = make_user()
    visitor = with_cookie(browser, chosen)

    visitor.sign_in(person.email)

    assert cookie_of(visitor) != chosen
    assert is_signed_in(visitor)


def test_trap_13_F2_a_copied_cookie_is_dead_after_signing_out(browser):
    visitor = browser(make_user())
    copy = with_cookie(browser, cookie_of(visitor))
    assert is_signed_in(copy)

    visitor.get("/account").press("Sign out")

    assert not is_signed_in(copy)


def test_trap_13_F2_a_copied_cookie_is_dead_after_a_new_password_and_one_goes_on_oneself(browser):
    visitor = browser(make_user())
    copy = with_cookie(browser, cookie_of(visitor))

    page = visitor.get("/account/password").press(
        "Change password", **{"Current password": PASSWORD, "New password": "seven green hats"}
    )

    assert page.path == "/account"
    assert is_signed_in(visitor)
    assert not is_signed_in(copy)


def test_F2_closing_an_account_ends_its_sessions_for_good(browser):
    person, admin = make_user(), make_user(RoleName.ADMINISTRATOR)
    visitor = browser(person)

    with transaction():
        accounts.deactivate(accounts.find_person(person.id), by=admin)
    assert not is_signed_in(visitor)
    with transaction():
        accounts.reactivate(accounts.find_person(person.id), by=admin)

    assert not is_signed_in(visitor)


def test_F2_new_roles_end_the_sessions(browser):
    person, admin = make_user(), make_user(RoleName.ADMINISTRATOR)
    visitor = browser(person)

    with transaction():
        accounts.change_roles(accounts.find_person(person.id), {RoleName.AUDITOR}, by=admin)

    assert not is_signed_in(visitor)


def test_F5_a_session_ends_when_it_rests_too_long(browser, app):
    with time_machine.travel(now(), tick=False) as clock:
        visitor = browser(make_user())
        clock.shift(timedelta(hours=7, minutes=59))
        assert is_signed_in(visitor)
        clock.shift(timedelta(hours=7, minutes=59))
        assert is_signed_in(visitor)
        clock.shift(timedelta(hours=8, minutes=1))
        assert not is_signed_in(visitor)


def test_F5_a_session_ends_after_a_week_however_busy(browser):
    with time_machine.travel(now(), tick=False) as clock:
        visitor = browser(make_user())
        for _ in range(24):
            clock.shift(timedelta(hours=7))
            if not is_signed_in(visitor):
                break

        assert not is_signed_in(visitor)


def test_F5_there_is_no_remember_me(browser):
    person = make_user()
    visitor = browser()
    token = visitor.get("/login").field("csrf_token")["value"]
    data = {"email": person.email, "password": PASSWORD, "csrf_token": token, "remember": "y"}

    visitor.post("/login", data)

    assert visitor.client.get_cookie("remember_token") is None


def test_F5_old_rows_are_forgotten(browser):
    person = make_user()
    with time_machine.travel(now(), tick=False) as clock:
        browser(person)
        clock.shift(timedelta(days=3))
        browser(person)
        idle, absolute = timedelta(hours=8), timedelta(days=7)
        with transaction():
            forgotten = accounts.forget_old_sessions(idle=idle, absolute=absolute)

    assert forgotten == 1
    assert session_rows() == 1


def test_F6_the_account_page_lists_the_sessions_and_ends_one(browser):
    person = make_user()
    here, there, elsewhere = browser(person), browser(person), browser(person)

    page = here.get("/account")
    assert page.texts("#sessions .tag, .rows .tag") == ["This session"]
    assert len([b for b in page.texts("button") if b == "End session"]) == 2
    page.press("End session")

    assert is_signed_in(here)
    assert [is_signed_in(there), is_signed_in(elsewhere)].count(True) == 1


def test_F6_all_other_sessions_end_at_once(browser):
    person = make_user()
    here, there, elsewhere = browser(person), browser(person), browser(person)

    page = here.get("/account").press("End all other sessions")

    assert "2 other sessions ended" in page.text()
    assert [is_signed_in(visitor) for visitor in (here, there, elsewhere)] == [True, False, False]
    assert db.session.scalar(select(func.count()).where(AuditEvent.kind == EventKind.SESSIONS_ENDED)) == 1


def test_F6_nobody_ends_sessions_of_others(browser):
    victim, attacker = make_user(), make_user()
    visitor = browser(victim)
    mark = db.session.scalars(select(WebSession.id_hash).where(WebSession.user_id == victim.id)).one()

    assert browser(attacker).forge(f"/account/sessions/{mark}/end").status == 404
    assert is_signed_in(visitor)


def test_F6_an_administrator_ends_a_persons_sessions(browser):
    person, admin = make_user(), make_user(RoleName.ADMINISTRATOR)
    visitor = browser(person)

    browser(admin).forge(f"/admin/users/{person.id}/end-sessions")

    assert not is_signed_in(visitor)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.SESSIONS_ENDED)).one()
    assert (event.actor_id, event.subject_id, event.after) == (admin.id, person.id, {"sessions": 1})


def test_a_page_in_flight_does_not_bring_an_ended_session_back(browser, app):
    visitor = browser(make_user())

    def end_meanwhile(response):
        with db.engine.begin() as connection:
            connection.execute(delete(WebSession))
        return response

    app.after_request_funcs.setdefault(None, []).insert(0, end_meanwhile)
    try:
        visitor.forge("/account/name", {"name": "New"})
    finally:
        app.after_request_funcs[None].remove(end_meanwhile)

    assert not is_signed_in(visitor)


def test_a_request_asks_twice_at_most_who_is_there(browser):
    visitor = browser(make_user())
    visitor.get("/account")

    with count_queries() as counted:
        visitor.get("/no-such-page")

    asked = [s for s in counted if "web_session" in s or "portal_user" in s.split("FROM", 1)[-1][:40]]
    assert len(asked) <= 3, asked
    assert not [s for s in counted if s.startswith("UPDATE")]


def test_being_seen_is_noted_once_a_minute(browser):
    person = make_user()
    with time_machine.travel(now(), tick=False) as clock:
        visitor = browser(person)
        visitor.get("/account")
        begun = seen_at(person)
        clock.shift(timedelta(seconds=59))
        visitor.get("/account")
        assert seen_at(person) == begun
        clock.shift(timedelta(seconds=2))
        visitor.get("/account")
        assert seen_at(person) == begun + timedelta(seconds=61)


def seen_at(person):
    db.session.rollback()
    return db.session.scalars(select(WebSession.seen_at).where(WebSession.user_id == person.id)).one()


def test_files_and_health_ask_nobody_who_is_there(browser):
    visitor = browser(make_user())

    with count_queries() as counted:
        visitor.client.get("/static/css/base.css").close()
        visitor.client.get("/healthz")

    assert counted == []
