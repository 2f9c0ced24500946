"""The history of a request says which answers its requester changed."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_the_history_names_what_was_changed(browser):
    asked = make_request()
    with transaction():
        access.edit(asked, by=asked.requester, reason="We need it for two shops.")

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    entry = next(text for text in page.texts("#history li") if "Request changed" in text)
    assert entry.endswith("Reason")
