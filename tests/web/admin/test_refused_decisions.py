"""Who tries to decide what is not theirs gets 403, and stands in the record (C27)."""

import pytest
from sqlalchemy import select

from portal.accounts import RoleName
from portal.db import db
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def refusals():
    query = select(AuditEvent).where(AuditEvent.kind == EventKind.DECISION_REFUSED)
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
