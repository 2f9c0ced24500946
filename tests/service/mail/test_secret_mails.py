"""The mails about secrets: one that nobody claims, one to rotate, one that was stopped. None holds a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import time_machine

from portal import lifecycle
from portal.accounts import RoleName
from portal.db import transaction
from portal.timekeeper import Timekeeper
from tests.service.mail.test_texts import golden, mails, the_mail
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def held(clock):
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    plan = make_plan("Gold", auto_approve=True, rotate_every_days=90)
    products = [make_product(name, plans=[plan]) for name in ("Payments API", "Weather API")]
    return make_request(grace, *products, plan=plan, app=make_app(grace, "Route <planner>"))


def claim(held) -> None:
    with transaction():
        lifecycle.claim(held.credential, by=held.requester)


def tick(app) -> None:
    keeper = Timekeeper(app, Event())
    keeper._set_notices()
    keeper.fire(lifecycle.SUBJECT, lifecycle.credentials_due, lifecycle.keep_time)


def test_a_secret_that_nobody_claims_is_brought_to_mind(held, clock, app):
    clock.shift(timedelta(days=7))
    tick(app)

    message = the_mail("unclaimed")
    assert message.recipient == "grace@acme.example"
    golden(message, client_id=held.credential.client_id, app=f"/apps/{held.app_id}")


def test_a_rotation_is_announced_and_said_to_be_overdue(held, clock, app):
    claim(held)
    clock.shift(timedelta(days=76))
    tick(app)
    golden(the_mail("rotate"), client_id=held.credential.client_id, app=f"/apps/{held.app_id}")

    clock.shift(timedelta(days=14))
    tick(app)
    late = mails("rotate")[-1]
    assert late.subject == "Overdue: rotate the secret of Route <planner>"
    assert "should have been replaced by 14 February 2027, 09:00 UTC. It still works." in late.payload["text"]


def test_who_stops_a_secret_tells_its_owner_why(held):
    claim(held)
    root = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        lifecycle.stop_secrets(held.credential, by=root, reason="It was seen in a ticket.\nBy <everybody>.")

    golden(the_mail("secret_stopped"), client_id=held.credential.client_id, app=f"/apps/{held.app_id}")
