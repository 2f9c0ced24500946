"""My Apps: terms of use before a secret, two secrets at a time, and when the next rotation is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from portal import catalog, credentials
from portal.accounts import RoleName
from portal.catalog import ApiProduct
from portal.credentials import Credential
from portal.db import db, now, transaction
from tests.support.builders import make_user
from tests.web.live.apps.places import SECRET, app_path, credential_path

pytestmark = pytest.mark.usefixtures("app")
READ_TERMS = "Read the terms of use, then reveal the secret"


@pytest.fixture
def terms(held):
    return publish(held.products[0], "# Rules\n\nBe **kind**. <script>no()</script>")


def publish(product: ApiProduct, text: str, *, after: int = 0):
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        return catalog.publish_terms(product, text, by=administrator, after=after)


def stored(held) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, held.credential_id)


def revealed(here, held) -> str:
    (secret,) = set(SECRET.findall(here.get(app_path(held)).press("Reveal secret").html))
    return secret


def rotated(here, held, **values) -> str:
    page = here.get(app_path(held)).follow("Rotate secret").press("Rotate secret", **values)
    (secret,) = set(SECRET.findall(page.html))
    return secret


# --- terms of use ----------------------------------------------------------------------------------------------------


def test_C72_the_secret_is_shown_after_the_terms_are_accepted(browser, person, held, terms):
    here = browser(person)
    assert not here.get(app_path(held)).has_button("Reveal secret")
    page = here.get(app_path(held)).follow(READ_TERMS)
    assert "Be kind ." in page.text("#terms")
    assert "<script>no" not in page.html

    refused = page.press("Reveal secret")
    assert refused.status == 422
    assert not SECRET.search(refused.html)
    assert f"terms_{terms.id}" in str(refused.soup.select_one(".error-summary a"))
    assert stored(held).secret_hash is None

    shown = refused.press("Reveal secret", **{"I accept the terms of use of Payments, version 1": "y"})
    (secret,) = set(SECRET.findall(shown.html))
    assert credentials.secret_matches(secret, stored(held).secret_hash)
    assert "Payments, version 1 accepted by Maya" in here.get(app_path(held)).text("#credentials")


def test_C72_terms_that_come_between_are_asked_for(browser, person, held, terms):
    page = browser(person).get(app_path(held)).follow(READ_TERMS)
    publish(held.products[0], "Be very kind.", after=1)

    refused = page.press("Reveal secret", **{"I accept the terms of use of Payments, version 1": "y"})

    assert refused.status == 422
    assert "version 2" in refused.text("#terms")
    assert stored(held).secret_hash is None


def test_C72_a_forged_reveal_without_acceptance_makes_no_secret(browser, person, held, terms):
    for typed in ({}, {f"terms_{terms.id}": ""}, {f"terms_{terms.id}": "false"}, {"accepted": str(terms.id)}):
        page = browser(person).forge(credential_path(held, "reveal"), typed)
        assert page.status == 422
        assert not SECRET.search(page.html)
    assert credentials.receipts_of([held.credential_id]) == []


def test_terms_that_are_new_are_accepted_at_the_next_rotation(browser, person, held, terms):
    here = browser(person)
    page = here.get(app_path(held)).follow(READ_TERMS)
    page.press("Reveal secret", **{"I accept the terms of use of Payments, version 1": "y"})
    publish(held.products[0], "Be very kind.", after=1)
    seen = stored(held).secret_made_at

    question = here.get(app_path(held)).follow("Rotate secret")
    assert question.press("Rotate secret").status == 422
    assert stored(held).secret_made_at == seen
    shown = question.press("Rotate secret", **{"I accept the terms of use of Payments, version 2": "y"})

    assert SECRET.search(shown.html)
    assert len(credentials.receipts_of([held.credential_id])) == 2


def test_terms_that_are_new_can_be_accepted_without_a_rotation(browser, person, held):
    here = browser(person)
    revealed(here, held)
    publish(held.products[0], "Be kind.")
    page = here.get(app_path(held))
    assert "Payments, version 1 have not been accepted" in page.text("#credentials")

    page = page.follow("Read and accept them")
    assert page.press("Accept").status == 422
    page = page.press("Accept", **{"I accept the terms of use of Payments, version 1": "y"})

    assert "You have accepted the terms of use." in page.text()
    assert "New terms of use" not in page.text("#credentials")
    assert [r.person_id for r in credentials.receipts_of([held.credential_id])] == [person.id]
    assert here.get(credential_path(held, "terms")).status == 409


# --- rotation --------------------------------------------------------------------------------------------------------


def test_C101_the_old_secret_stays_good_for_the_plans_days_unless_less_is_chosen(browser, person, held):
    here = browser(person)
    revealed(here, held)
    question = here.get(app_path(held)).follow("Rotate secret")
    assert question.texts("#overlap_days label") == [
        "stays good for 7 days",
        "stays good for 3 days",
        "stays good for 1 day",
        "stops at once",
    ]

    question.press("Rotate secret")
    assert stored(held).retiring_until - stored(held).secret_made_at == timedelta(days=7)
    rotated(here, held, overlap_days=1)
    assert stored(held).retiring_until - stored(held).secret_made_at == timedelta(days=1)


@pytest.mark.parametrize("days", ["8", "-1", "x", ""])
def test_no_other_overlap_is_taken(browser, person, held, days):
    here = browser(person)
    revealed(here, held)
    made = stored(held).secret_made_at

    page = here.get(app_path(held)).follow("Rotate secret").press("Rotate secret", overlap_days=days)

    assert page.status == 422
    assert stored(held).secret_made_at == made


def test_a_second_click_is_refused_and_says_why(browser, person, held):
    here = browser(person)
    revealed(here, held)
    question = here.get(app_path(held)).follow("Rotate secret")
    question.press("Rotate secret")
    new = stored(held).secret_hash

    again = question.press("Rotate secret")

    assert again.status == 409
    assert "rotated a moment ago" in again.text()
    assert stored(held).secret_hash == new


def test_the_old_secret_is_shown_with_its_last_use_and_can_be_ended(browser, person, held):
    here = browser(person)
    old = revealed(here, held)
    rotated(here, held)
    page = here.get(app_path(held))
    assert f"{old[:7]}…" in page.text("#credentials .notice")
    assert "safe to end" not in page.text("#credentials")

    with time_machine.travel(now() + timedelta(hours=48), tick=False):
        here = browser(person)
        page = here.get(app_path(held))
        assert "No use of the old secret for 48 h: safe to end now." in page.text("#credentials")
        ended = page.press("End the old secret", within=f"#confirm-end-old-{held.credential_id}")

    assert "Only the new one works now." in ended.text()
    assert stored(held).retiring_hash is None
    assert page.press("End the old secret", within=f"#confirm-end-old-{held.credential_id}").status == 409


def test_it_is_said_which_secret_ends_when_one_rotates_again(browser, person, held):
    here = browser(person)
    first = revealed(here, held)
    second = rotated(here, held)
    question = here.get(app_path(held)).follow("Rotate secret")
    assert f"{second[:7]}… has not been used yet, so it stops at once" in question.text("form .notice")

    with transaction():
        stored(held).secret_used_at = now()
    question = here.get(app_path(held)).follow("Rotate secret")
    assert "The older secret ends" in question.text("form .notice")
    assert f"{first[:7]}…" in question.text("form .notice")


def test_when_the_next_rotation_is_due_is_shown(browser, person, held):
    here = browser(person)
    revealed(here, held)
    with transaction():
        stored(held).plan.rotate_every_days = 60
    assert "Rotate by" in here.get(app_path(held)).text("#credentials")
    assert "Rotate its secret" not in here.get(app_path(held)).text("#credentials")

    with transaction():
        stored(held).plan.rotate_every_days = 90  # as long as the credential lasts: then it ends by itself
    assert "Rotate by" not in here.get(app_path(held)).text("#credentials")
    with transaction():
        stored(held).secret_made_at = now() - timedelta(days=91)
    assert "By its plan it should have been replaced" in here.get(app_path(held)).text("#credentials")


def test_a_stopped_secret_is_said_to_be_and_a_rotation_gives_another(browser, person, held):
    here = browser(person)
    revealed(here, held)
    with transaction():
        credentials.stop_secrets(held.credential, by=None, reason="Found in public.")
    assert "Its secret was stopped" in here.get(app_path(held)).text("#credentials")

    new = rotated(here, held)

    assert credentials.secret_matches(new, stored(held).secret_hash)
    assert not stored(held).has_old_secret


def test_nobody_else_sees_or_does_anything_with_secrets(browser, person, held):
    revealed(browser(person), held)
    for other in (make_user(), make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER)):
        here = browser(other)
        for action in ("terms", "rotation"):
            assert here.get(credential_path(held, action)).status in {403, 404}
        for action in ("reveal", "rotate", "end-old-secret"):
            assert here.forge(credential_path(held, action)).status in {403, 404}
