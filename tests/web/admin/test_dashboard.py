"""The dashboard: what waits for me, at a cost that does not grow with what waits."""

import pytest

from portal.accounts import RoleName
from tests.support.builders import make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_the_dashboard_takes_a_constant_number_of_queries(browser):
    owner = make_user(RoleName.API_OWNER)
    make_request(owner=owner)
    page = browser(owner)
    page.get("/admin/")

    with count_queries() as few:
        page.get("/admin/")
    for _ in range(5):
        make_request(owner=owner)
    with count_queries() as many:
        page.get("/admin/")

    assert len(many) == len(few)
