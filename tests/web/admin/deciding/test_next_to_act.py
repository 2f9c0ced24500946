"""A request's page does not name one person alone where others can answer now."""

import pytest

from portal.accounts import RoleName
from tests.support.builders import demanding, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def next_to_act(browser, person, request):
    return browser(person).get(f"/admin/access-requests/{request.number}").text("aside .facts")


def test_stages_side_by_side_are_others_too(browser):
    make_user(RoleName.SECURITY_REVIEWER, name="Hana")
    make_policy(demanding("security"), order=[["owner", "security"]])
    owner = make_user(RoleName.API_OWNER, name="Olga")

    # hers is due first
    assert "Next to act Hana and others" in next_to_act(browser, owner, make_request(owner=owner))


def test_one_who_is_asked_alone_is_named_alone(browser):
    owner = make_user(RoleName.API_OWNER, name="Olga")

    assert "Next to act Olga Answer due" in next_to_act(browser, owner, make_request(owner=owner))
