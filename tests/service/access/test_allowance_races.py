"""The allowance of a plan, when a person asks twice at once: what is asked first counts for the other."""

import pytest

from portal import access
from portal.accounts import User
from portal.catalog import Plan
from portal.credentials import Credential
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize("turn", range(3))
def test_of_two_changes_to_a_plan_that_allows_one_the_second_is_refused(turn):
    person, plan = make_user(), make_plan(auto_approve=True)
    wanted = make_plan(allowance_requests=1)
    made = [make_request(person, make_product(plans=[plan, wanted]), plan=plan) for _ in range(2)]
    credentials, person_id, wanted_id = [each.credential_id for each in made], person.id, wanted.id

    def change(number):
        with transaction():
            credential, by = db.session.get(Credential, credentials[number]), db.session.get(User, person_id)
            return access.ask_plan_change(credential, db.session.get(Plan, wanted_id), by=by).id

    results = race(2, change)

    (refused,) = errors_in(results)
    assert isinstance(refused, access.CartRejected)
    assert "quota exceeded" in str(refused)
    assert access.allowance_left(db.session.get(Plan, wanted_id), by=db.session.get(User, person_id)) == 0
