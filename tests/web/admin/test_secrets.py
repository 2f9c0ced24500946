"""Secrets as owners and administrators see them: what was accepted, stopping one, and when plans want them rotated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import catalog, credentials, lifecycle
from portal.accounts import RoleName
from portal.catalog import Plan
from portal.credentials import Credential
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def held(owner):
    plan = make_plan("Gold", auto_approve=True, rotate_every_days=90)
    product = make_product("Payments", plans=[plan], owners=[owner])
    request = make_request(make_user(name="Maya"), product, plan=plan)
    with transaction():
        terms = catalog.publish_terms(product, "Be kind.", by=owner)
    with transaction():
        lifecycle.claim(request.credential, accepted={terms.id}, by=request.requester)
    return request


def stored(held) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, held.credential_id)


def app_page(held) -> str:
    return f"/admin/apps/{held.app_id}"


def test_C72_who_accepted_which_terms_stands_on_the_app(browser, owner, held):
    page = browser(owner).get(app_page(held))

    assert "Terms of use of Payments, version 1 accepted by Maya" in page.text("main")
    product_id = held.products[0].id
    assert "Accepted for 1 credential." in browser(owner).get(f"/admin/products/{product_id}/terms").text("#in-force")


def test_two_secrets_and_a_late_rotation_are_seen(browser, owner, held):
    with transaction():
        stored(held).secret_made_at = now() - timedelta(days=91)
    assert "Overdue" in browser(owner).get(app_page(held)).text("main")

    with transaction():
        lifecycle.rotate(stored(held), overlap_days=7, by=held.requester)
    page = browser(owner).get(app_page(held))
    assert "Two secrets until" in page.text("main")
    assert "Overdue" not in page.text("main")


@pytest.mark.parametrize("role", [RoleName.API_OWNER, RoleName.ADMINISTRATOR])
def test_a_secret_is_stopped_with_a_reason_and_the_access_stays(browser, owner, held, role):
    here = browser(owner if role is RoleName.API_OWNER else make_user(role))
    page = here.get(app_page(held))
    refused = page.press("Stop its secret", Reason="", within=f"#confirm-stop-{held.credential_id}")
    assert refused.status == 422
    assert stored(held).secret_hash is not None

    page = page.press("Stop its secret", Reason="Seen in a ticket.", within=f"#confirm-stop-{held.credential_id}")

    assert "The secrets are stopped." in page.text()
    assert "Secret stopped" in page.text("main")
    assert stored(held).secret_hash is None
    assert stored(held).is_live
    mail = db.session.query(OutboxMessage).filter_by(kind="secret_stopped").one()
    assert mail.recipient == held.requester.email


def test_who_may_not_revoke_may_not_stop(browser, held):
    for role, status in ((RoleName.AUDITOR, 403), (RoleName.API_OWNER, 403), (RoleName.CONSUMER, 403)):
        here = browser(make_user(role))
        path = f"{app_page(held)}/credentials/{held.credential_id}/stop-secrets"
        assert here.forge(path, {"reason": "x"}).status == status
    assert credentials.credentials_of(held.app)[0].secret_hash is not None


def test_a_plan_sets_the_rotation_and_the_overlap(browser):
    manager = browser(make_user(RoleName.PLAN_MANAGER))
    plan = make_plan("Silver")

    page = manager.get(f"/admin/plans/{plan.id}").press(
        "Save changes", **{"Rotate secrets every": "90", "Overlap": "0"}
    )
    assert "The changes are saved." in page.text()
    db.session.rollback()
    assert (db.session.get(Plan, plan.id).rotate_every_days, db.session.get(Plan, plan.id).overlap_days) == (90, 0)
    seen = browser(make_user(RoleName.AUDITOR)).get(f"/admin/plans/{plan.id}").text("#terms")
    assert "every 90 days" in seen


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"Rotate secrets every": "0"}, "from 1 to 3,650"),
        ({"Rotate secrets every": "x"}, "whole number"),
        ({"Overlap": "91"}, "from 0 to 90"),
        ({"Overlap": ""}, "from 0 to 90"),
        ({"Rotate secrets every": "7", "Overlap": "7"}, "shorter than the time between two rotations"),
    ],
)
def test_what_a_plan_cannot_ask_is_said_at_its_field(browser, typed, said):
    manager, plan = browser(make_user(RoleName.PLAN_MANAGER)), make_plan("Silver")

    page = manager.get(f"/admin/plans/{plan.id}").press("Save changes", **typed)

    assert page.status == 422
    assert said in page.text(".error-summary")
    db.session.rollback()
    assert (db.session.get(Plan, plan.id).rotate_every_days, db.session.get(Plan, plan.id).overlap_days) == (None, 7)
