"""Emergency access in the Live Portal: who sees it, what it asks, and what happens at once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal import access
from portal.access import AccessRequest, RequestKind
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.web.limits import Limits
from tests.support.builders import PASSWORD, make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def reviewer():
    return make_user(RoleName.SECURITY_REVIEWER, email="hana@portico.example")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, email="ingrid@portico.example")


@pytest.fixture
def engineer():
    return make_user(RoleName.CONSUMER, email="grace@acme.example", name="Grace Hopper")


@pytest.fixture
def envelope(reviewer, owner, engineer):
    plan = make_plan("Gold")
    product = make_product("Payments", plans=[plan], owners=[owner])
    administrator = make_user(RoleName.ADMINISTRATOR, email="samir@portico.example")
    with transaction():
        return access.set_envelope(
            access.EnvelopeTerms(
                name="Payments at night",
                product=product,
                plan=plan,
                scopes=product.scope_names[:1],
                most_minutes=60,
                people=[engineer],
            ),
            by=administrator,
        )


def page_for(browser, engineer):
    return browser(engineer).get("/apps").follow("Emergency access").follow("Use it : Payments at night")


def break_glass(page, **changes):
    values = {"Minutes": "30", "Reason": "Payments are down.", "Current password": PASSWORD}
    return page.press("Break the glass", **{**values, **changes})


def emergencies_asked():
    db.session.expire_all()
    return db.session.scalars(select(AccessRequest).where(AccessRequest.kind == RequestKind.BREAK_GLASS)).all()


def test_named_people_have_access_at_once_and_reveal_the_secret_in_their_app(browser, envelope, engineer):
    app = make_app(engineer, "Route planner")

    page = page_for(browser, engineer)
    assert "at most 60 minutes" in page.text("#envelope").lower()
    page = break_glass(page, **{"Developer app": str(app.id)})

    assert page.path == f"/apps/{app.id}"
    assert "Route planner has emergency access now." in page.text("#messages")
    assert "Emergency access works already" in page.text("#pending")
    assert "after approval" not in page.text("#pending")
    assert "Emergency access It ends" in page.text(".credential")
    (asked,) = emergencies_asked()
    assert asked.reason == "Payments are down."
    assert "pcs_" in page.press("Reveal secret").html


def test_everybody_hears_of_it_at_once_and_reads_who_and_why(browser, envelope, engineer):
    make_app(engineer)

    break_glass(page_for(browser, engineer))

    told = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "break_glass")).all()
    assert sorted(message.recipient for message in told) == sorted(
        ["samir@portico.example", "hana@portico.example", "ingrid@portico.example", "grace@acme.example"]
    )
    for message in told:
        assert "Grace Hopper" in message.subject
        assert "Payments are down." in message.payload["text"]
    assert not db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "submitted")).all()


def test_the_request_says_that_it_is_an_emergency_and_cannot_be_withdrawn(browser, envelope, engineer):
    make_app(engineer)
    break_glass(page_for(browser, engineer))
    (asked,) = emergencies_asked()

    page = browser(engineer).get(f"/requests/{asked.number}")

    assert "Pending break-glass review" in page.text(".page-header")
    assert "you owe a review" in page.text("main")
    assert not page.has_button("Withdraw request")
    assert "Emergency access taken" in page.text("#history")


def test_others_find_no_such_page(browser, envelope):
    stranger = browser(make_user())

    assert stranger.get("/emergency-access").status == 404
    assert stranger.get(f"/emergency-access/{envelope.id}").status == 404
    assert stranger.forge(f"/emergency-access/{envelope.id}", {"minutes": "5"}).status == 404
    assert "Emergency access" not in stranger.get("/apps").text()
    assert "Emergency access" not in stranger.get("/account").text()
    assert not emergencies_asked()


def test_a_closed_envelope_is_gone(browser, envelope, engineer):
    with transaction():
        access.close_envelope(envelope, by=envelope.created_by)

    assert browser(engineer).get(f"/emergency-access/{envelope.id}").status == 404
    assert browser(engineer).get("/emergency-access").status == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Minutes": "61"}, "between 1 and 60"),
        ({"Minutes": "0"}, "between 1 and 60"),
        ({"Minutes": "soon"}, "Minutes:"),
        ({"Minutes": "9" * 400}, "Minutes:"),
        ({"Minutes": ""}, "between 1 and 60"),
        ({"Reason": ""}, "Say what the emergency is."),
        ({"Current password": ""}, "Enter your current password."),
        ({"Current password": "not it"}, "That is not your current password."),
        ({"Developer app": "999999"}, "Developer app:"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_nothing_is_given(browser, envelope, engineer, changes, words):
    make_app(engineer)

    page = break_glass(page_for(browser, engineer), **changes)

    assert page.status == 422
    assert words in page.text(".error-summary")
    if "Reason" not in changes:
        assert page.field("Reason").get_text().strip() == "Payments are down."
    assert not emergencies_asked()


def test_somebody_elses_app_cannot_be_slipped_in(browser, envelope, engineer):
    make_app(engineer)
    foreign = make_app(make_user())

    page = break_glass(page_for(browser, engineer), **{"Developer app": str(foreign.id)})

    assert page.status == 422
    assert not emergencies_asked()


def test_a_second_press_gives_nothing_more(browser, envelope, engineer):
    make_app(engineer)
    page = page_for(browser, engineer)
    break_glass(page)

    again = break_glass(page)

    assert again.status == 409
    assert "has not been reviewed yet" in again.text("main")
    assert len(emergencies_asked()) == 1
    index = browser(engineer).get("/emergency-access")
    assert "Use it" not in index.text("main")


def test_a_barred_person_reads_why(browser, envelope, engineer, reviewer):
    make_app(engineer)
    page = page_for(browser, engineer)
    break_glass(page)
    (asked,) = emergencies_asked()
    with transaction():
        access.reject(asked, by=reviewer, reason="There was no emergency.")

    assert "There was no emergency." in browser(engineer).get("/emergency-access").text("main")
    assert break_glass(page).status == 403
    assert "This emergency access was ended" in browser(engineer).get(f"/requests/{asked.number}").text("main")
    assert len(emergencies_asked()) == 1


def test_guessing_the_password_is_recorded_and_comes_to_an_end(app, browser, envelope, engineer):
    make_app(engineer)
    page = page_for(browser, engineer)
    found: Limits = app.extensions["portico_limits"]
    found.enabled = True
    try:
        answers = [break_glass(page, **{"Current password": f"guess {n}"}).status for n in range(40)]
        assert answers[0] == 422
        assert answers[-1] == 429
        assert break_glass(page).status == 429
    finally:
        found.enabled = False
        found.reset()

    reasons = select(AuditEvent.reason).where(AuditEvent.kind == EventKind.SIGN_IN_FAILED)
    assert "wrong password, for emergency access" in db.session.scalars(reasons).all()
    assert not emergencies_asked()
