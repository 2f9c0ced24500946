"""A bulk answer is about the rows as they were on the screen (I6, C143)."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import make_request, make_user

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
