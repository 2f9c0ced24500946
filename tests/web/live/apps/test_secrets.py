"""My Apps: a secret is shown once, and replaced."""

import re

import pytest
from sqlalchemy import text

from portal import credentials
from portal.catalog import AuthMethod
from portal.db import db
from tests.support.builders import make_product, make_request
from tests.web.live.apps.places import SECRET, app_path, credential_path

pytestmark = pytest.mark.usefixtures("app")


def test_H1_a_secret_is_shown_once(browser, person, held):
    here = browser(person)
    app_page = here.get(app_path(held))

    page = app_page.press("Reveal secret")
    (secret,) = set(SECRET.findall(page.html))
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "will not be shown again" in page.text("#secret")
    assert credentials.secret_matches(secret, held.credential.secret_hash)

    again = app_page.press("Reveal secret")
    assert again.status == 409
    assert "already been shown" in again.text()
    for path in (app_path(held), "/requests", f"/requests/{held.number}", "/apps"):
        assert not SECRET.search(here.get(path).html)


def test_H1_by_htmx_too_a_secret_is_shown_once(browser, person, held):
    here = browser(person)

    page = here.forge(credential_path(held, "reveal"), htmx=True)

    assert "<html" not in page.html
    assert SECRET.search(page.html)
    assert page.headers["Cache-Control"] == "no-store"
    assert here.forge(credential_path(held, "reveal"), htmx=True).status == 409


def test_H2_H4_a_revealed_secret_is_stored_nowhere(browser, person, held):
    page = browser(person).get(app_path(held)).press("Reveal secret")
    (secret,) = set(SECRET.findall(page.html))

    for table in db.metadata.tables:
        for row in db.session.execute(text(f'select * from "{table}"')):
            assert secret not in str(tuple(row)), table


def test_an_api_key_takes_the_same_road(browser, person, free):
    product = make_product("Weather", plans=[free], auth_method=AuthMethod.API_KEY)
    request = make_request(person, product, plan=free)

    page = browser(person).get(app_path(request)).press("Reveal secret")

    assert "API key" in page.text("#secret")
    assert re.search(r"\bpak_[0-9A-Za-z]{49}\b", page.html)


def test_T84_rotation_shows_a_new_secret_once_and_ends_the_old_one_at_once_if_asked_to(browser, person, held):
    here = browser(person)
    (old,) = set(SECRET.findall(here.get(app_path(held)).press("Reveal secret").html))

    question = here.get(app_path(held)).follow("Rotate secret")
    assert "stops at once" in question.texts("label")
    page = question.press("Rotate secret", overlap_days=0)

    (new,) = set(SECRET.findall(page.html))
    assert page.headers["Cache-Control"] == "no-store"
    assert new != old
    assert credentials.secret_matches(new, held.credential.secret_hash)
    assert not credentials.secret_matches(old, held.credential.secret_hash)
    assert held.credential.retiring_hash is None


def test_a_secret_that_was_never_shown_cannot_be_rotated(browser, person, held):
    assert browser(person).forge(credential_path(held, "rotate")).status == 409
