"""Requests by their public numbers: exactly those that are named, and in one order."""

import pytest

from portal import access
from portal.accounts import RoleName
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_a_number_with_another_year_names_no_request():
    request = make_request()
    administrator = make_user(RoleName.ADMINISTRATOR)
    wrong = request.number.replace(f"-{request.submitted_at.year}-", "-1999-")

    assert access.requests_numbered([wrong], seen_by=administrator) == []
    assert access.requests_numbered([request.number, wrong], seen_by=administrator) == [request]


def test_requests_come_in_the_order_in_which_they_were_made():
    made = [make_request() for _ in range(3)]

    found = access.requests_numbered([each.number for each in made[::-1]], seen_by=make_user(RoleName.AUDITOR))

    assert found == made
