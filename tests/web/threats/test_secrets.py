"""Secrets and fields: what must appear nowhere, what nobody may set, and what strangers' words must not become."""

import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import text

from admin.spreadsheet import neutral
from portal import accounts
from portal.access import RequestStatus, find_request
from portal.accounts import RoleName
from portal.apps import DeveloperApp
from portal.config import BadSettings, load
from portal.db import db, keep_private, transaction
from portal.events import OutboxMessage
from tests.support.builders import PASSWORD, fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")
SECRET = re.compile(r"\bpcs_[0-9A-Za-z]{49}\b")
FORGED = {
    "role": "administrator", "roles": "administrator", "is_admin": "1", "state": "approved", "status": "approved",
    "organisation_id": "1", "user_id": "1", "owner_id": "1", "requester_id": "1", "approved_by": "1",
    "auto_approve": "y", "client_secret": "x", "secret_hash": "x", "client_id": "x", "id": "1", "active": "",
    "created_at": "2000-01-01", "number": "AR-2026-000001", "email": "evil@evil.example", "fs_uniquifier": "x",
}  # fmt: skip
HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>'{{7*7}}"


def everything_stored():
    for table in db.metadata.tables:
        for row in db.session.execute(text(f'select * from "{table}"')):
            yield table, str(tuple(row))


def test_H2_after_a_whole_story_no_secret_stands_in_data_base_pages_mails_or_logs(app, browser, capfd):
    owner, person = make_user(RoleName.API_OWNER), make_user()
    request = make_request(person, owner=owner)
    number, app_path = request.number, f"/apps/{request.app_id}"
    browser(owner).get(f"/admin/access-requests/{number}").press("Approve")
    consumer = browser(person)
    (secret,) = set(SECRET.findall(consumer.get(app_path).press("Reveal secret").html))
    client_id = find_request(number, seen_by=person).credential.client_id
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    token = consumer.client.post("/oauth/token", data=form).json["access_token"]
    consumer.client.post("/oauth/token", data={**form, "client_secret": secret[:-1] + "#"})

    canaries = (secret, secret[4:40], token, token.split(".")[2], PASSWORD, app.config["SECRET_KEY"])
    for table, row in everything_stored():
        assert not [c for c in canaries if c in row], table
    if (file := db.engine.url.database) and db.engine.dialect.name == "sqlite":
        for name in (Path(file), Path(f"{file}-wal")):
            content = name.read_bytes()
            assert not [c for c in canaries if c.encode() in content], name
    reader = browser(make_user(RoleName.AUDITOR, RoleName.ADMINISTRATOR))
    pages = [consumer.get(p) for p in (app_path, "/apps", f"/requests/{number}", "/account")]
    pages += [reader.get(p) for p in ("/admin/audit", "/admin/outbox", f"/admin{app_path}")]
    pages.append(reader.forge("/admin/audit/export"))
    logged = "".join(capfd.readouterr())
    for page in (*pages, *db.session.scalars(db.select(OutboxMessage.payload)), logged):
        content = getattr(page, "html", str(page))
        assert not [c for c in canaries if c in content]


@pytest.mark.parametrize("kind", ["reset", "confirmation"])
def test_A11_a_link_from_a_mail_cannot_be_guessed_and_only_its_hash_is_stored(browser, kind):
    person = make_user()
    if kind == "confirmation":
        with transaction():
            person.confirmed_at = None
    browser().get("/reset" if kind == "reset" else "/confirm").press("Send the link", Email=person.email)
    (mail,) = [p["text"] for p in db.session.scalars(db.select(OutboxMessage.payload)) if "http" in p["text"]]
    (link,) = re.findall(rf"/{'reset' if kind == 'reset' else 'confirm'}/(\S+)", mail)

    assert len(link) >= 22  # 128 bits and more in base 64
    for table, row in everything_stored():
        assert link not in row or table == "outbox_message"  # where it waits to be delivered
    for wrong in (link[:-1], link + "A", link.swapcase(), "A" * len(link)):
        assert "New password" not in browser().get(f"/reset/{wrong}").text()


def test_H9_a_new_database_file_is_its_owners_alone(tmp_path):
    file = tmp_path / "portico.sqlite3"
    keep_private(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("create table t (x)")
        connection.commit()
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == {0o600}
    keep_private("sqlite://")
    keep_private(f"sqlite:///{tmp_path / 'not' / 'there'}")


@pytest.mark.parametrize("key", ["", "dev", "secret", "changeme", "portico", "x" * 31])
def test_F4_a_known_or_short_secret_key_stops_the_start(tmp_path, key):
    with pytest.raises(BadSettings, match="PORTICO_SECRET_KEY"):
        load(secret_key=key, instance_dir=tmp_path, _env_file=None)


def test_B2_B3_fields_that_a_form_does_not_have_change_nothing(browser):
    person, other, plan = make_user(), make_user(), make_plan()
    mine = make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here, person_id, app_id = browser(person), person.id, mine.id
    before = (person.email, person.fs_uniquifier, person.organisation_id)

    here.forge("/account/name", {**FORGED, "name": "New name"})
    here.forge(f"/apps/{app_id}/edit", {**FORGED, "owner_id": str(other.id), "name": "New", "visibility": "personal"})
    page = here.get("/cart")
    page = here.forge("/cart/submit", {**FORGED, "app": str(app_id), "reason": "x", "seen": seen_on(page)})

    person = db.session.get(accounts.User, person_id)
    assert (person.email, person.fs_uniquifier, person.organisation_id) == before
    assert person.name == "New name"
    assert [role.name for role in person.roles] == [RoleName.CONSUMER]
    assert db.session.get(DeveloperApp, app_id).owner_id == person_id
    (number,) = set(re.findall(r"AR-\d{4}-\d{6}", page.path))
    request = find_request(number, seen_by=person)
    assert request.status is RequestStatus.PENDING
    assert request.requester_id == person_id
    assert request.credential is None


def test_D7_hostile_words_stay_words_wherever_they_are_shown(browser):
    owner = make_user(RoleName.API_OWNER, name=f"Ann {HOSTILE}")
    person = make_user(name=f"Bob {HOSTILE}"[:110])
    plan = make_plan(f"Plan {HOSTILE}")
    product = make_product(f"Product {HOSTILE}", plans=[plan], owners=[owner], description=HOSTILE)
    request = make_request(person, product, plan=plan, app=make_app(person, f"App {HOSTILE}"), reason=HOSTILE)
    consumer, decider = browser(person), browser(owner)
    reader = browser(make_user(RoleName.AUDITOR, RoleName.ADMINISTRATOR))
    pages = [
        consumer.get(p) for p in ("/catalogues", "/apps", f"/apps/{request.app_id}", f"/requests/{request.number}")
    ]
    pages += [consumer.get(f"/catalogues/general/{product.slug}")]
    pages += [decider.get(p) for p in ("/admin/access-requests", f"/admin/access-requests/{request.number}")]
    pages += [decider.get("/admin/access-requests", htmx=True), reader.get("/admin/audit"), reader.get("/admin/users")]

    assert any("onerror" in page.html for page in pages)
    for page in pages:
        assert page.status == 200, page.path
        assert not page.soup.select("img[src=x], [onerror], script:not([src])"), page.path
        assert "{{7*7}}" in page.html or "49" not in page.text(), page.path
    for mail in db.session.scalars(db.select(OutboxMessage.payload)):
        assert not BeautifulSoup(mail["html"], "html.parser").select("img[src=x], [onerror], script")


def test_D11_names_that_turn_the_reading_direction_are_tamed(browser):
    owner, person = make_user(RoleName.API_OWNER), make_user()
    request = make_request(person, owner=owner, app=make_app(person, "Pay\u202epal\u200b"))
    page = browser(owner).get(f"/admin/access-requests/{request.number}")

    shown = page.soup.find_all(string=re.compile("Pay"))
    assert shown
    for words in shown:
        if "\u202e" in words:
            assert words.find_parent(["bdi", "title"]) or words.find_parent(attrs={"dir": "auto"}), words


def test_W5_a_cell_cannot_be_smuggled_past_the_export():
    for cell in ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "\u3000=1", "＝1", "\xa0=1"):
        assert not neutral(cell).startswith(("=", "+", "-", "@", "\t", "\r", " ", "\u3000", "＝", "\xa0")), repr(cell)


def test_R3_and_H1_over_http_one_reveal_of_eight_shows_a_secret(app, browser):
    person = make_user()
    request = make_request(person, plan=make_plan(auto_approve=True))
    path = f"/apps/{request.app_id}/credentials/{request.credential_id}/reveal"
    browsers = [browser(person) for _ in range(4)]
    tokens = [b.get("/account").field("csrf_token")["value"] for b in browsers]

    answers = race(4, lambda n: browsers[n].client.post(path, data={"csrf_token": tokens[n]}))

    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409]
    assert len({s for a in answers for s in SECRET.findall(a.text)}) == 1


def seen_on(page):
    field = page.soup.select_one("form[action*=submit] input[name=seen], input[name=seen]")
    return field["value"] if field else ""
