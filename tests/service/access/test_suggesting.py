"""Whom to ask in one's place is suggested by what waits for them and what they decided lately (C147)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import (
    demanding,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def ada():
    return make_user(RoleName.API_OWNER, name="Ada")


@pytest.fixture
def bo():
    return make_user(RoleName.API_OWNER, name="Bo")


@pytest.fixture
def cy():
    return make_user(RoleName.API_OWNER, name="Cy")


def decided(owner, plan, product):
    request = make_request(None, product, plan=plan)
    with transaction():
        access.approve(request, by=owner)


def told(people, **about):
    return [(each.person.name, each.hint) for each in access.suggested(people, **about)]


def test_who_has_least_waiting_comes_first_and_of_those_who_knows_the_product(ada, bo, cy):
    plan = make_plan()
    hers, his = (make_product(plans=[plan], owners=[owner]) for owner in (ada, bo))
    decided(ada, plan, hers)
    decided(bo, plan, his)
    decided(bo, plan, his)
    make_request(owner=cy)

    assert told([ada, bo, cy], product_ids=[hers.id]) == [
        ("Ada", "nothing waiting, 1 decided in 90 days"),
        ("Bo", "nothing waiting, none decided in 90 days"),
        ("Cy", "1 waiting, none decided in 90 days"),
    ]
    assert [name for name, _ in told([ada, bo, cy])] == ["Bo", "Ada", "Cy"]


def test_what_was_decided_long_ago_does_not_count(ada, bo):
    with time_machine.travel(datetime.now(UTC) - timedelta(days=100)):
        plan = make_plan()
        decided(bo, plan, make_product(plans=[plan], owners=[bo]))

    assert [name for name, _ in told([ada, bo])] == ["Ada", "Bo"]


def test_it_takes_two_queries_however_many_people(ada, bo, cy):
    make_request(owner=ada)
    ada.id, bo.id, cy.id  # noqa: B018 - what the transaction has dropped is read before
    with count_queries() as counted:
        access.suggested([ada, bo, cy])

    assert len(counted) == 2, counted


def test_the_page_says_it_beside_the_names(browser, ada, bo):
    clara, emeka = make_user(RoleName.REVIEWER, name="Clara"), make_user(RoleName.REVIEWER, name="Emeka")
    make_group("legal", clara, emeka)
    make_policy(demanding("legal"), order=[["legal"], ["owner"]])
    asked = make_request(owner=ada)

    page = browser(clara).get(f"/admin/access-requests/{asked.number}")

    options = page.texts("#reviewers option")
    assert "Bo (nothing waiting, none decided in 90 days)" in options
    assert not any(option.startswith(("Clara", "Emeka")) for option in options)
    out = browser(clara).get("/admin/delegations").texts("#reviewers option")
    assert out[-1] == "Emeka (1 waiting, none decided in 90 days)"
