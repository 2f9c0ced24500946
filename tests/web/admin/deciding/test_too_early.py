"""Who answers before their stage has begun is told so, and nothing changes (C36)."""

import pytest

from portal.access import Review
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db
from portal.events import AuditEvent
from tests.support.builders import demanding, make_group, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
DEEDS = ("approve", "reject", "ask", "add-stage", "claim", "release", "step-back", "pass-on")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def lawyer():
    return make_user(RoleName.REVIEWER)


@pytest.fixture
def asked(owner, lawyer):
    make_group("legal", lawyer)
    make_policy(demanding("owner", "legal"), order=[["owner"], ["legal"]])
    return make_request(owner=owner, environment=Environment.PROD)


def counts():
    return db.session.query(AuditEvent).count(), db.session.query(Review).count()


@pytest.mark.parametrize("deed", DEEDS)
def test_a_direct_post_before_ones_stage_is_409_and_changes_nothing(browser, asked, lawyer, deed):
    here, given = browser(lawyer), {"reason": "No.", "seen": asked.content_hash, "stage": asked.stages[1].id}
    here.get("/admin/access-requests")
    before = counts()

    page = here.forge(f"/admin/access-requests/{asked.number}/{deed}", given)

    assert page.status == 409
    assert f"The legal approval of {asked.number} has not begun" in page.text("main")
    assert asked.requester.email not in page.text()
    assert counts() == before
    assert [stage.state for stage in asked.stages] == ["open", "waiting"]


def test_looking_is_still_not_theirs_and_bulk_knows_no_such_request(browser, asked, lawyer):
    here = browser(lawyer)

    assert here.get(f"/admin/access-requests/{asked.number}").status == 404
    page = here.forge("/admin/access-requests/approve-selected", {"request": asked.number})
    assert "There is no such request." in page.text("main")
    assert asked.is_pending


@pytest.mark.parametrize("role", [RoleName.SECURITY_REVIEWER, RoleName.REVIEWER, RoleName.API_OWNER])
def test_who_is_no_reviewer_of_it_learns_nothing(browser, asked, role):
    here = browser(make_user(role))

    assert here.forge(f"/admin/access-requests/{asked.number}/approve").status == 404
    assert here.forge("/admin/access-requests/AR-2026-999999/approve").status == 404


def test_when_it_has_begun_the_same_press_counts(browser, asked, owner, lawyer):
    browser(owner).get(f"/admin/access-requests/{asked.number}").press("Approve")

    browser(lawyer).get(f"/admin/access-requests/{asked.number}").press("Approve")

    assert asked.status == "approved"


def test_a_request_that_was_closed_meanwhile_is_none_of_theirs(browser, asked, owner, lawyer):
    browser(owner).get(f"/admin/access-requests/{asked.number}").press("Reject", Reason="No.")

    assert browser(lawyer).forge(f"/admin/access-requests/{asked.number}/approve").status == 404
