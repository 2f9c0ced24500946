"""Signing in and out, and what strangers try at that door."""

from __future__ import annotations

import io
import statistics
import time

import pytest
from sqlalchemy import func, select

from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import PASSWORD, make_user

pytestmark = pytest.mark.usefixtures("app")
FOREIGN = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    r"/\evil.example",
    r"\\evil.example",
    r"\/evil.example",
    r"/\/evil.example",
    "https://evil.example",
    "http:evil.example",
    "http:/evil.example",
    "https:/\\evil.example",
    "HTTPS://evil.example",
    "//evil.example/%2f..",
    "/%09/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example"[1:],
    "/\n/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\r\nSet-Cookie: x=y",
    "https://localhost@evil.example",
    "https://localhost.evil.example",
    "//localhost@evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript&colon;alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//evil。example",
    "/。。/evil.example",
    "/\u200b/evil.example",
    "//[::1]",
    "//0x7f000001",
    "/..//evil.example",
    "/./\\evil.example",
    "ftp://evil.example",
    "evil.example",
    "?next=//evil.example",
    "https://localhost:80:evil.example",
]


def events(kind: EventKind) -> int:
    return db.session.scalar(select(func.count()).where(AuditEvent.kind == kind)) or 0


def test_a_person_signs_in_and_out(browser):
    person = make_user(name="Ada")
    visitor = browser()

    visitor.sign_in(person.email)
    assert visitor.get("/account").status == 200
    visitor.get("/account").press("Sign out")

    assert visitor.get("/account").path.startswith("/login")
    assert events(EventKind.SIGNED_IN) == events(EventKind.SIGNED_OUT) == 1


def test_after_signing_in_one_is_back_where_one_wanted_to_go(browser):
    person = make_user(RoleName.ADMINISTRATOR)

    page = browser().get("/admin/users?role=auditor").press("Sign in", Email=person.email, Password=PASSWORD)

    assert page.path == "/admin/users?role=auditor"


def test_the_address_may_be_typed_in_any_case(browser):
    person = make_user(email="ada@acme.example")

    visitor = browser()
    visitor.sign_in(person.email.upper())

    assert visitor.get("/account").path == "/account"


def test_a_wrong_password_and_an_unknown_address_read_the_same_and_are_recorded(browser):
    person = make_user()

    wrong = browser().get("/login").press("Sign in", Email=person.email, Password="not this one")
    unknown = browser().get("/login").press("Sign in", Email="nobody@acme.example", Password="not this one")

    assert wrong.status == unknown.status == 422
    assert wrong.text("main").replace(person.email, "") == unknown.text("main").replace("nobody@acme.example", "")
    assert events(EventKind.SIGN_IN_FAILED) == 2


def test_the_record_of_a_failure_does_not_hold_what_was_typed(browser):
    browser().get("/login").press("Sign in", Email="my-secret@password.example", Password="my other secret")

    rows = db.session.scalars(select(AuditEvent)).all()

    assert "secret" not in " ".join(f"{e.subject}{e.actor}{e.reason}{e.before}{e.after}" for e in rows)


def test_a_wrong_sign_in_keeps_the_address(browser):
    page = browser().get("/login").press("Sign in", Email="ada@acme.example", Password="wrong one")

    assert page.field("Email")["value"] == "ada@acme.example"
    assert "value" not in page.field("Password").attrs or not page.field("Password")["value"]


def test_a_closed_account_does_not_open_and_only_its_owner_is_told_why(browser):
    person = make_user(active=False)

    owner = browser().get("/login").press("Sign in", Email=person.email, Password=PASSWORD)
    stranger = browser().get("/login").press("Sign in", Email=person.email, Password="guess one two")

    assert "closed" in owner.text("main")
    assert "closed" not in stranger.text("main")
    assert owner.browser.get("/account").path.startswith("/login")


def test_an_unconfirmed_address_does_not_open_and_only_its_owner_is_told_why(browser):
    person = make_user(confirmed_at=None)

    owner = browser().get("/login").press("Sign in", Email=person.email, Password=PASSWORD)
    stranger = browser().get("/login").press("Sign in", Email=person.email, Password="guess one two")

    assert "not confirmed yet" in owner.text("main")
    assert "not confirmed yet" not in stranger.text("main")


@pytest.mark.parametrize("value", ["", "wrong", None])
def test_C1_C4_a_sign_in_without_a_token_of_this_session_is_refused(browser, value):
    person = make_user()
    visitor = browser()
    visitor.get("/login")
    data = {"email": person.email, "password": PASSWORD, "csrf_token": value}

    page = visitor.post("/login", {k: v for k, v in data.items() if v is not None})

    assert page.status == 400
    assert visitor.get("/account").path.startswith("/login")


def test_C4_a_token_of_another_session_does_not_sign_anybody_in(browser):
    attacker, victim = make_user(), browser()
    token = browser().get("/login").field("csrf_token")["value"]

    page = victim.post("/login", {"email": attacker.email, "password": PASSWORD, "csrf_token": token})

    assert page.status == 400
    assert victim.get("/account").path.startswith("/login")


def test_C7_a_form_that_was_open_too_long_comes_back_with_what_was_typed(browser):
    visitor = browser()
    page = visitor.get("/register")
    visitor.client.delete_cookie("portico")

    again = page.press("Create account", Name="Ada Lovelace", Email="ada@acme.example", Password="seven green hats")
    assert again.status == 400
    assert "open for too long" in again.text("main")
    assert again.field("Name")["value"] == "Ada Lovelace"

    done = again.press("Create account", Password="seven green hats")
    assert done.status == 200
    assert "sent a mail to ada@acme.example" in done.text()


def test_C1_forms_of_signed_in_people_without_a_token_change_nothing(browser):
    person = make_user(name="Before")
    visitor = browser(person)

    for data in ({"name": "After"}, {"name": "After", "csrf_token": ""}, {"name": "After", "csrf_token": "x"}):
        assert visitor.post("/account/name", data).status == 400

    db.session.refresh(person)
    assert person.name == "Before"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"name": "After"}'),
        ("text/plain", b"name=After"),
        ("application/xml", b"<name>After</name>"),
    ],
)
def test_C3_what_is_no_form_is_refused_even_with_a_token(browser, content_type, body):
    visitor = browser(make_user())
    token = visitor.get("/account").field("csrf_token")["value"]

    for headers in ({}, {"X-CSRFToken": token}):
        page = visitor.post("/account/name", body, content_type=content_type, headers=headers)
        assert page.status in {400, 415}


def test_C5_signing_out_takes_a_form(browser):
    visitor = browser(make_user())

    assert visitor.get("/logout").status == 405
    assert visitor.post("/logout").status == 400
    assert visitor.get("/account").path == "/account"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_B11_another_method_is_not_taken_for_a_post(browser, header):
    visitor = browser(make_user())

    for path in ("/logout", "/logout?_method=POST"):
        assert visitor.get(path, headers={header: "POST"}).status == 405
    assert visitor.client.put("/logout").status_code == 405
    assert visitor.get("/account").path == "/account"


def test_trap_9_a_part_without_a_name_is_a_bad_request(browser):
    visitor = browser()
    body = b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--\r\n"

    for path in ("/login", "/register", "/reset", "/logout"):
        assert visitor.post(path, body, content_type="multipart/form-data; boundary=x").status == 400
    named = b'--x\r\nContent-Disposition: form-data; filename="f"\r\n\r\nvalue\r\n--x--\r\n'
    assert visitor.post("/login", named, content_type="multipart/form-data; boundary=x").status == 400


def test_trap_10_a_key_too_large_for_the_database_is_not_found(browser):
    visitor = browser(make_user(RoleName.ADMINISTRATOR))

    for key in ("0", "-1", "01", "1e3", str(2**31), str(2**63), str(10**30), "1%00", "１"):
        assert visitor.get(f"/admin/users/{key}").status in {400, 404}, key


@pytest.mark.parametrize("target", FOREIGN, ids=range(len(FOREIGN)))
def test_E1_nobody_is_sent_to_another_site(browser, target):
    person = make_user()
    for way in ("query", "field", "htmx"):
        visitor = browser()
        page = visitor.get("/login", query_string={"next": target})
        assert page.status == 200
        data = {"email": person.email, "password": PASSWORD, "csrf_token": page.field("csrf_token")["value"]}
        if way == "query":
            answer = visitor.post("/login", data, query_string={"next": target}, follow_redirects=False)
        else:
            data["next"] = target
            answer = visitor.post("/login", data, htmx=way == "htmx", follow_redirects=False)
        landed = answer.headers.get("Location") or answer.headers.get("HX-Redirect")
        assert landed is not None, answer.html[:300]
        assert landed.startswith("/"), landed
        assert not any(sign in landed for sign in ("//", "\\", "evil", "%0")), landed


def test_F18_absurd_passwords_are_refused_quickly(browser):
    person = make_user()
    for password in ("x" * 1_000_000, "a\0b" * 10, "\ud800".encode("utf-8", "surrogatepass") + b"12345678"):
        visitor = browser()
        token = visitor.get("/login").field("csrf_token")["value"]
        started = time.perf_counter()
        page = visitor.post("/login", {"email": person.email, "password": password, "csrf_token": token})
        assert page.status in {400, 422}
        assert time.perf_counter() - started < 5


def test_F8_a_wrong_password_takes_as_long_as_an_unknown_address(browser):
    person, visitor = make_user(), browser()
    page = visitor.get("/login")
    times: dict[str, list[float]] = {person.email: [], "nobody@acme.example": []}
    for _ in range(8):
        for email, taken in times.items():
            started = time.perf_counter()
            page.press("Sign in", Email=email, Password="wrong wrong")
            taken.append(time.perf_counter() - started)

    known, unknown = (statistics.median(taken) for taken in times.values())

    assert 0.4 < known / unknown < 2.5


def test_F16_failures_of_strangers_do_not_lock_the_owner_out(browser, limited):
    person = make_user()
    for number in range(10):
        stranger = browser()
        stranger.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        door = stranger.get("/login")
        for _ in range(25):
            page = door.press("Sign in", Email=person.email, Password="guess guess")
            if page.status == 429:
                break
        assert page.status == 429
        assert int(page.headers["Retry-After"]) <= 300

    browser().sign_in(person.email)


def test_F16_right_sign_ins_are_not_counted(browser, limited):
    person = make_user()

    for _ in range(25):
        browser().sign_in(person.email)

    assert events(EventKind.SIGNED_IN) == 25


def test_guessing_many_accounts_from_one_address_ends(browser, limited):
    visitor, statuses = browser(), set()
    page = visitor.get("/login")
    for number in range(110):
        statuses.add(page.press("Sign in", Email=f"person{number}@acme.example", Password="guess guess").status)

    assert statuses == {422, 429}


def test_an_upload_in_place_of_a_field_does_not_break_the_form(browser):
    visitor = browser()
    token = visitor.get("/login").field("csrf_token")["value"]

    page = visitor.post("/login", {"csrf_token": token, "email": (io.BytesIO(b"x"), "x.txt"), "password": "x"})

    assert page.status == 422


def test_a_sign_in_that_cannot_be_recorded_does_not_happen(browser, monkeypatch):
    person = make_user()
    visitor = browser()
    page = visitor.get("/login")

    def full(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("portal.accounts.entry.record", full)
    assert page.press("Sign in", Email=person.email, Password=PASSWORD).status == 500
    monkeypatch.undo()

    assert visitor.get("/account").path.startswith("/login")


def test_X_forwarded_headers_from_strangers_change_nothing(browser):
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    person = make_user()
    visitor = browser()
    token = visitor.get("/login", headers=headers).field("csrf_token")["value"]

    visitor.post("/login", {"email": person.email, "password": "wrong one", "csrf_token": token}, headers=headers)

    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.SIGN_IN_FAILED)).one()
    assert event.remote_address == "127.0.0.1"


def test_a_password_hashed_with_other_parameters_is_hashed_anew(browser):
    from argon2 import PasswordHasher
    from flask_security.utils import get_hmac

    person = make_user()
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(get_hmac(PASSWORD))
    with transaction():
        db.session.merge(person).password = old

    browser().sign_in(person.email)

    db.session.refresh(person)
    assert person.password != old
    browser().sign_in(person.email)
