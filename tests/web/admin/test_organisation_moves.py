"""A person who comes to another organisation: whoever answers for that one answers for their requests."""

import pytest

from portal import access, accounts
from portal.accounts import OrganisationKind, RoleName
from portal.db import transaction
from tests.support.builders import demanding, make_organisation, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def sponsored_by(person, name):
    organisation = make_organisation(name)
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.change_organisation(organisation, kind=OrganisationKind.PARTNER, sponsor=person, by=administrator)
    return organisation


def test_what_waits_for_the_sponsor_waits_for_the_new_one_at_once(browser):
    before, after = (make_user(RoleName.API_OWNER, organisation="Acme") for _ in range(2))
    sponsored_by(before, "Partners")
    to = sponsored_by(after, "Vendors")
    make_policy(demanding("sponsor"), order=[["sponsor"], ["owner"]])
    requester = make_user(organisation="Partners")
    make_request(requester, owner=make_user(RoleName.API_OWNER))
    assert [access.count_waiting_for(person) for person in (before, after)] == [1, 0]

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/organisations/{to.id}")
    page.press("Add to the organisation", **{"Email address": requester.email})

    assert [access.count_waiting_for(person) for person in (before, after)] == [0, 1]
