"""What a reviewer should notice about a request, and what was decided about its like."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.catalog import Classification
from portal.db import db, transaction
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
LONG_AGO = datetime(2026, 1, 5, 10, tzinfo=UTC)
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.fixture
def people():
    with time_machine.travel(LONG_AGO, tick=False):
        return make_user(RoleName.API_OWNER), make_user(name="Grace Hopper")


@pytest.fixture
def owner(people):
    return people[0]


@pytest.fixture
def grace(people):
    return people[1]


@pytest.fixture
def plan():
    return make_plan("Gold")


def ask(person, product, plan, at=NOON, **kwargs):
    with time_machine.travel(at, tick=False):
        return make_request(person, product, plan=plan, **kwargs)


def texts(request):
    return [signal.text for signal in access.signals_of(request)]


def decide(request, owner, verdict="approve", at=NOON):
    with time_machine.travel(at, tick=False), transaction():
        if verdict == "approve":
            access.approve(request, by=owner)
        else:
            access.reject(request, by=owner, reason="No.")


def test_an_ordinary_request_has_nothing_to_notice(owner, grace, plan):
    product, app = make_product(plans=[plan], owners=[owner]), make_app(grace)
    first = ask(grace, product, plan, app=app)
    decide(first, owner)
    (grant,) = access.grants_of(app)
    with transaction():
        access.revoke_access(grant, by=grace, reason="No longer needed.")

    assert texts(ask(grace, product, plan, app=app)) == []


def test_the_first_of_an_organisation_is_louder_than_the_first_of_an_app(owner, grace, plan):
    product = make_product("Payments", plans=[plan], owners=[owner])

    (first,) = access.signals_of(ask(grace, product, plan))
    (second,) = access.signals_of(ask(grace, product, plan, app=make_app(grace, "Planner")))

    assert (first.text, first.is_warning) == ("Nobody of Acme has ever asked for Payments before.", True)
    assert (second.text, second.is_warning) == ("Planner has never asked for Payments before.", False)


def test_a_young_account_a_night_and_delicate_things_are_named(owner, plan):
    with time_machine.travel(NOON - timedelta(days=2), tick=False):
        mallory = make_user(name="Mallory")
    product = make_product(
        "Customers",
        plans=[plan],
        owners=[owner],
        classification=Classification.RESTRICTED,
        zone="Asia/Tokyo",
    )
    product.scopes = [
        {"name": "customers:read", "description": "Read names"},
        {"name": "customers:pii", "description": "Read addresses"},
        {"name": "customers:export", "description": "Sensitive: everything at once"},
    ]
    db.session.commit()

    found = texts(ask(mallory, product, plan, at=NOON + timedelta(hours=6)))

    assert "The account of Mallory was 2 days old." in found
    assert "Customers is restricted." in found
    assert "Sensitive scopes of Customers: customers:pii, customers:export." in found
    assert "It was submitted at 03:00 at night (Asia/Tokyo)." in found


def test_earlier_refusals_are_counted_and_the_last_is_named(owner, grace, plan):
    product = make_product(plans=[plan], owners=[owner])
    refused = [ask(grace, product, plan) for _ in range(1)]
    decide(refused[0], owner, "reject")

    assert f"Grace Hopper was refused once before, the last time as {refused[0].number}." in texts(
        ask(grace, product, plan)
    )


def test_similar_decisions_are_of_the_same_product_and_plan_and_of_the_last_ninety_days(owner, grace, plan):
    other_plan = make_plan("Silver")
    product = make_product(plans=[plan, other_plan], owners=[owner])
    yes, no, old, elsewhere = (
        ask(grace, product, plan),
        ask(grace, product, plan),
        ask(grace, product, plan),
        ask(grace, product, other_plan),
    )
    decide(old, owner, at=NOON - timedelta(days=91))
    decide(elsewhere, owner)
    decide(yes, owner)
    decide(no, owner, "reject")
    asked = ask(grace, product, plan)

    with time_machine.travel(NOON, tick=False):
        found = access.similar_decisions(asked, seen_by=owner)

    assert found.counts == {RequestStatus.APPROVED: 1, RequestStatus.REJECTED: 1}
    assert [other.number for other in found.latest] == [no.number, yes.number]


def test_others_are_counted_but_only_opened_by_those_who_may_see_them(owner, grace, plan):
    product = make_product(plans=[plan], owners=[owner])
    decide(ask(grace, product, plan), owner)
    asked, reviewer = ask(grace, product, plan), make_user(RoleName.SECURITY_REVIEWER)

    with time_machine.travel(NOON, tick=False):
        found = access.similar_decisions(asked, seen_by=reviewer)

    assert found.total == 1
    assert found.latest == []


def test_a_long_past_costs_no_more_queries(owner, grace, plan):
    product = make_product(plans=[plan], owners=[owner])
    decide(ask(grace, product, plan), owner)

    def cost():
        asked = ask(grace, product, plan)
        with time_machine.travel(NOON, tick=False), count_queries() as counted:
            access.signals_of(asked)
            access.similar_decisions(asked, seen_by=owner)
        return len(counted)

    few = cost()
    for _ in range(8):
        decide(ask(grace, product, plan), owner)

    assert cost() <= few
