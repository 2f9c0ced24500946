"""A bulk answer is about the rows as they were on the screen (I6, C143)."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import demanding, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_I6_what_changed_since_the_queue_was_shown_is_not_answered_with_the_rest(browser):
    owner = make_user(RoleName.API_OWNER)
    kept, changed = make_request(owner=owner), make_request(owner=owner)
    queue = browser(owner).get("/admin/access-requests")
    with transaction():
        access.edit(changed, by=changed.requester, reason="For something else altogether.")

    page = queue.press("Approve selected", request=[kept.number, changed.number])

    assert "has changed since this page was shown" in page.text()
    db.session.rollback()
    assert (kept.status, changed.status) == (RequestStatus.APPROVED, RequestStatus.PENDING)


def test_an_approval_that_does_not_end_the_review_is_not_called_approved(browser):
    owner = make_user(RoleName.API_OWNER)
    make_user(RoleName.SECURITY_REVIEWER)
    make_policy(demanding("security"), order=[["owner"], ["security"]])
    request = make_request(owner=owner)

    page = browser(owner).get("/admin/access-requests").press("Approve selected", request=[request.number])

    assert page.text(".page-header p") == "1 of 1 answered."
    assert "Your answer is kept. The request is pending security approval now." in page.text(".rows")
    assert "Approved." not in page.text(".rows")
