"""The history of a request says which answers its requester changed."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import demanding, make_group, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_the_history_names_what_was_changed(browser):
    asked = make_request()
    with transaction():
        access.edit(asked, by=asked.requester, reason="We need it for two shops.")

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    entry = next(text for text in page.texts("#history li") if "Request changed" in text)
    assert entry.endswith("Reason")


def test_the_history_names_the_stage_where_there_are_several(browser):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER, name="Clara"))
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    asked = make_request(owner=owner)
    with transaction():
        access.approve(asked, by=owner)

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/access-requests/{asked.number}")

    told = " ".join(page.texts("#history li"))
    for words in (
        "Sent for approval to Clara (Legal)",
        "Sent for approval to Ingrid (Owner)",
        "Stage approved (Owner)",
    ):
        assert words in told
