"""The last day of the calendar, where a day is typed: it is answered as any other day."""

import pytest

from portal.accounts import RoleName
from portal.db import now
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


def test_nobody_stands_in_until_the_end_of_the_calendar(browser):
    colleague = make_user(RoleName.API_OWNER)
    page = browser(make_user(RoleName.API_OWNER)).get("/admin/delegations")

    refused = page.press(
        "Let them stand in",
        **{"Who stands in for you": colleague.email, "From": now().date().isoformat(), "Until": "9999-12-31"},
    )

    assert refused.status == 422
    assert "A delegation lasts at most 60 days." in refused.text("main")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_record_is_filtered_by_any_day(browser, day):
    auditor = browser(make_user(RoleName.AUDITOR))

    assert auditor.get(f"/admin/audit?until={day}").status == 200
    assert auditor.get(f"/admin/audit?since={day}").status == 200
