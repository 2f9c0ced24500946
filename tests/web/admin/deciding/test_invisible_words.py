"""What is typed so that nobody can read it comes back as missing, on the page where it was typed."""

import pytest

from portal.accounts import RoleName
from tests.support.builders import make_user
from tests.web.admin.deciding.pages import at

pytestmark = pytest.mark.usefixtures("app")
UNSEEN = "\u200b \ufeff\u00ad"


def test_a_reason_that_cannot_be_seen_is_asked_for_again_beside_the_field(browser, owner, asked):
    page = browser(owner).get(at(asked)).press("Reject", Reason=UNSEEN)

    assert page.status == 422
    assert "Give a reason: the requester will read it." in page.text(".error-summary")
    assert asked.is_pending


def test_an_account_is_not_closed_without_a_reason_that_can_be_seen(browser):
    boss, person = make_user(RoleName.ADMINISTRATOR), make_user()

    page = browser(boss).get(f"/admin/users/{person.id}/deactivate").press("Close the account", Reason=UNSEEN)

    assert page.status == 422
    assert person.active
