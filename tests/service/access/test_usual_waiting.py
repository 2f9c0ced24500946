"""C52: how long such requests take is read from an index, in as many queries as before however much was decided."""

import pytest

from portal import access
from portal.access.waiting import Likeness, _latest_on, usual_waiting
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, transaction
from tests.service.access.test_waiting_index import explained
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def gold():
    return make_plan("Gold")


def decided(owner, plan, number):
    product = make_product(plans=[plan], owners=[owner])
    for _ in range(number):
        request = make_request(make_user(), product, plan=plan)
        with transaction():
            access.approve(request, by=owner)


def test_it_is_read_from_its_own_index(owner, gold):
    decided(owner, gold, 1)

    if db.engine.dialect.name == "sqlite":  # of a single row PostgreSQL may read any index, as its statistics stand
        assert "ix_access_request_answered" in explained(_latest_on(gold, Environment.TEST))


@pytest.mark.parametrize("place", [Environment.TEST, Environment.PROD])
def test_it_takes_two_queries(owner, gold, place):
    decided(owner, gold, 6)
    with count_queries() as few:
        assert usual_waiting(gold, place, {"owner"}).of == 6
    decided(owner, gold, 6)

    with count_queries() as more:
        assert usual_waiting(gold, place, {"owner"}).of == 12

    assert len(more) == len(few) <= 3, "\n".join(more)  # the plan itself is read anew


def test_what_nobody_decided_is_not_counted(owner, gold):
    at_once = make_plan(auto_approve=True)
    product = make_product(plans=[gold, at_once], owners=[owner])
    for _ in range(6):
        make_request(make_user(), product, plan=at_once)
        asked = make_request(make_user(), product, plan=gold)
        with transaction():
            access.withdraw(asked, by=asked.requester)

    assert usual_waiting(gold, Environment.TEST, {"owner"}) is None
    assert usual_waiting(at_once, Environment.TEST, {"owner"}) is None


def test_other_stages_are_told_apart(owner, gold):
    decided(owner, gold, 6)

    assert usual_waiting(gold, Environment.TEST, {"owner"}).like is Likeness.STAGES
    assert usual_waiting(gold, Environment.TEST, {"owner", "legal"}).like is Likeness.ENVIRONMENT
