"""My Apps: revoking access and credentials, and deleting an app."""

import pytest
from sqlalchemy import select

from portal import access
from portal.access import RequestStatus
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_plan, make_product
from tests.web.live.apps.places import app_path

pytestmark = pytest.mark.usefixtures("app")


def test_access_is_revoked_with_its_consequence_named(browser, person, held):
    page = browser(person).get(app_path(held))
    assert "Checkout can’t call Payments any more" in " ".join(page.texts(".question-text"))

    after = page.press("Revoke access", within="#access")

    assert "The access to Payments has been revoked." in after.text("#messages")
    assert not access.grants_of(held.app)[0].is_live
    assert not held.credential.is_live  # it opened nothing else
    assert page.press("Revoke access", within="#access").status == 409


def test_T47_a_credential_with_another_product_goes_on(browser, person, held, free):
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    with transaction():
        access.submit(held.app, by=person, credential=held.credential)
    grant = next(g for g in access.grants_of(held.app) if g.product.name == "Weather")

    browser(person).forge(app_path(held, f"/access/{grant.id}/revoke"), {"reason": "No longer needed."})

    assert [g.product.name for g in access.grants_of(held.app) if g.is_live] == ["Payments"]
    assert held.credential.is_live


def test_T85_revoking_a_credential_names_what_is_lost_and_leaves_the_others(browser, person, held, free):
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    with transaction():
        (second,) = access.submit(held.app, by=person)
    page = browser(person).get(app_path(held))
    question = f"#confirm-revoke-credential-{held.credential_id}"
    assert "Checkout loses access to Payments at once" in page.text(question)

    page.press("Revoke credential", within=question)

    assert not held.credential.is_live
    assert second.credential.is_live
    assert [g.product.name for g in access.grants_of(held.app) if g.is_live] == ["Weather"]
    assert page.press("Revoke credential", within=question).status == 409


def test_T55_T86_deleting_an_app_names_its_consequences_and_ends_everything(browser, person, held):
    fill_cart(person, make_product(plans=[gold := make_plan()]), plan=gold)
    with transaction():
        (pending,) = access.submit(held.app, by=person)
    page = browser(person).get(app_path(held))
    words = page.text("#confirm-delete")
    assert "1 credential is revoked at once, with the access to Payments" in words
    assert "1 pending request is withdrawn" in words

    after = page.press("Delete app", within="#confirm-delete")

    assert after.path == "/apps"
    assert "Checkout" not in " ".join(after.texts("tbody th"))
    assert not db.session.get(DeveloperApp, held.app_id).is_live
    assert not db.session.get(Credential, held.credential_id).is_live
    assert pending.status is RequestStatus.WITHDRAWN
    assert browser(person).get(app_path(held)).status == 404
    assert page.press("Delete app", within="#confirm-delete").status == 404


def test_I5_what_the_owner_does_is_recorded(browser, person, held):
    here = browser(person)
    here.get(app_path(held)).press("Reveal secret")
    here.get(app_path(held)).follow("Rotate secret").press("Rotate secret")
    here.get(app_path(held)).press("Revoke access", within="#access")
    here.get(app_path(held)).press("Delete app", within="#confirm-delete")

    kinds = set(db.session.scalars(select(AuditEvent.kind).where(AuditEvent.actor == person.email)))
    assert kinds >= {
        EventKind.APP_CREATED,
        EventKind.REQUEST_SUBMITTED,
        EventKind.CREDENTIAL_REVEALED,
        EventKind.CREDENTIAL_ROTATED,
        EventKind.ACCESS_REVOKED,
        EventKind.CREDENTIAL_REVOKED,
        EventKind.APP_DELETED,
    }


def test_ended_access_stays_readable(browser, person, held):
    here = browser(person)
    here.get(app_path(held)).press("Revoke access", within="#access")

    page = here.get(app_path(held))

    assert "Ended access and credentials" in page.text("main")
    assert "This app has no access any more" in page.text("#access")
    assert "Revoked" in page.text("details[open]")
    assert "ask again" in page.text("#access")
