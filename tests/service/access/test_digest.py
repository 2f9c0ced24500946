"""The weekly digest: what it costs does not depend on how much is open."""

import pytest

from portal import access
from portal.accounts import RoleName, User
from portal.catalog import Plan
from portal.db import db
from tests.support.builders import make_group, make_plan, make_product, make_request, make_stage, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def lead():
    person = make_user()
    make_group("leads", person)
    make_stage("owner", "Owner", sources=[{"kind": "owners"}], escalation=[{"kind": "group", "key": "leads"}])
    return person.id


def test_many_open_stages_are_as_many_queries_as_few(lead):
    owner, plan = make_user(RoleName.API_OWNER).id, make_plan().id

    def asked_for(times: int) -> tuple[int, int]:
        for _ in range(times):
            on, whose = db.session.get(Plan, plan), db.session.get(User, owner)
            make_request(None, make_product(plans=[on], owners=[whose]), plan=on)
        db.session.remove()
        with count_queries() as counted:
            leads = [person.id for person in access.leads()]
            items = access.digest_for(db.session.get(User, lead))
        assert lead in leads
        return len(items), len(counted)

    few, many = asked_for(2), asked_for(6)

    assert (few[0], many[0]) == (2, 8)
    assert few[1] == many[1]
