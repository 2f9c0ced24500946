"""Who tries to decide what is not theirs gets 403, and stands in the record (C27)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal.accounts import RoleName
from portal.accounts.entry import MOST_REFUSALS
from portal.db import db
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def refusals():
    query = select(AuditEvent).where(AuditEvent.kind == EventKind.DECISION_REFUSED).order_by(AuditEvent.id)
    return [(event.actor, event.after["address"]) for event in db.session.scalars(query)]


@pytest.mark.parametrize("deed", ["approve", "reject", "ask", "add-stage", "claim", "step-back", "pass-on"])
def test_a_requester_at_a_decisions_address_is_refused_and_recorded(browser, deed):
    asked = make_request()
    address = f"/admin/access-requests/{asked.number}/{deed}"

    answer = browser(asked.requester).forge(address)

    assert answer.status == 403
    assert refusals() == [(asked.requester.email, address)]
    assert asked.is_pending


def test_a_reviewer_of_their_own_request_is_recorded_too(browser):
    owner = make_user(RoleName.API_OWNER, RoleName.CONSUMER)
    asked = make_request(requester=owner)
    address = f"/admin/access-requests/{asked.number}/approve"

    answer = browser(owner).forge(address, {"seen": asked.content_hash})

    assert answer.status == 403
    assert refusals() == [(owner.email, address)]


def test_looking_is_no_try(browser):
    asked = make_request()

    assert browser(asked.requester).get(f"/admin/access-requests/{asked.number}").status == 403
    assert refusals() == []


def test_who_tries_again_and_again_stands_there_once_an_hour_and_the_rest_in_the_log(browser, capsys):
    asked = make_request()
    address, here = f"/admin/access-requests/{asked.number}/approve", browser(asked.requester)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=False) as clock:
        assert {here.forge(address).status for _ in range(5)} == {403}
        assert refusals() == [(asked.requester.email, address)]
        assert capsys.readouterr().err.count("decision_refused_again") == 4

        clock.shift(timedelta(hours=1))
        assert here.forge(address).status == 403

    assert refusals() == [(asked.requester.email, address)] * 2


def test_who_tries_one_address_after_another_does_not_fill_the_record(browser):
    person, other = make_user(), make_user()
    here = browser(person)

    for number in range(MOST_REFUSALS + 5):
        assert here.forge(f"/admin/access-requests/AR-2026-{number + 1:06d}/approve").status == 403
    browser(other).forge("/admin/access-requests/AR-2026-000001/approve")

    assert [actor for actor, _ in refusals()] == [person.email] * MOST_REFUSALS + [other.email]
