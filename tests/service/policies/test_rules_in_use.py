"""Rules that organisations write first: who sees delicate data, and what one app may not have together."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


def rule(when, outcome="stages", *stages):
    then = {"outcome": outcome, "stages": list(stages)} if stages else {"outcome": outcome}
    return {"key": "rule", "because": "It is the rule.", "when": when, "then": then}


def test_C126_a_tag_brings_the_owner_of_the_data():
    data_owner = make_user(RoleName.REVIEWER, name="Odile")
    make_stage("data_owner", "Data owner", sources=[{"kind": "person", "email": data_owner.email}])
    tagged = {"attribute": "product.tags", "is": "contains", "value": "highly confidential"}
    make_policy(rule(tagged, "stages", "data_owner"), order=[["owner", "data_owner"]])
    plan = make_plan()
    secret = make_product(plans=[plan], tags=["payroll", "Highly confidential"])
    plain = make_product(plans=[plan], tags=["payroll"])

    asked = make_request(None, secret, plan=plan)

    assert [stage.key for stage in make_request(None, plain, plan=plan).stages] == ["owner"]
    assert {stage.key for stage in asked.stages} == {"owner", "data_owner"}
    assert access.may_decide(asked, data_owner)
    assert asked.is_pending


@pytest.fixture
def plan():
    return make_plan(auto_approve=True)


@pytest.fixture
def payments(plan):
    return make_product("Payments", plans=[plan])


@pytest.fixture
def release(plan):
    return make_product("Release", plans=[plan])


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def mine(person):
    return make_app(person)


def never_together(one, other, outcome="deny", *stages):
    def beside(product, has):
        named = {"attribute": "product.slug", "is": "equals", "value": product.slug}
        return {"all": [named, {"attribute": "app.products", "is": "contains", "value": has.slug}]}

    make_policy(rule({"any": [beside(one, other), beside(other, one)]}, outcome, *stages))


@pytest.mark.parametrize("suspended", [False, True])
def test_C136_what_an_app_holds_keeps_it_from_what_conflicts(person, mine, plan, payments, release, suspended):
    never_together(payments, release)
    make_request(person, payments, plan=plan, app=mine)
    if suspended:
        with transaction():
            access.suspend_access(access.grants_of(mine)[0], by=person, reason="Later.")

    assert make_request(person, release, plan=plan, app=mine).status is RequestStatus.DENIED
    assert make_request(person, release, plan=plan).status is RequestStatus.APPROVED  # for another app


def test_C136_a_conflict_in_one_cart_is_seen(person, mine, plan, payments, release):
    never_together(payments, release)

    assert make_request(person, payments, release, plan=plan, app=mine).status is RequestStatus.DENIED


def test_C136_a_conflict_with_what_is_asked_for_elsewhere_is_seen_as_long_as_it_is(person, mine, payments, release):
    slow = make_plan()
    make_product(plans=[slow])  # puts the plan in the catalogue of all of them
    never_together(payments, release)
    first = make_request(person, payments, plan=slow, app=mine)
    assert first.is_pending

    assert make_request(person, release, plan=slow, app=mine).status is RequestStatus.DENIED
    with transaction():
        access.withdraw(first, by=person)
    assert make_request(person, release, plan=slow, app=mine).is_pending


def test_C136_a_conflict_may_be_an_exception_that_somebody_grants(person, mine, plan, payments, release):
    security = make_user(RoleName.SECURITY_REVIEWER)
    never_together(payments, release, "stages", "security")
    make_request(person, payments, plan=plan, app=mine)

    asked = make_request(person, release, plan=plan, app=mine)

    assert [stage.key for stage in asked.stages] == ["security"]
    with transaction():
        access.approve(asked, by=security)
    assert asked.status is RequestStatus.APPROVED


def test_C124_how_much_an_app_has_is_what_works(person, mine, plan, payments, release):
    make_policy(rule({"attribute": "app.grants", "is": "at_least", "value": 1}, "deny"))
    make_request(person, payments, plan=plan, app=mine)
    slow = make_plan()
    make_product(plans=[slow])
    with transaction():
        access.suspend_access(access.grants_of(mine)[0], by=person, reason="Later.")
    assert make_request(person, make_product(plans=[slow]), plan=slow, app=mine).is_pending

    with transaction():
        access.resume_access(access.grants_of(mine)[0], by=person, reason="Now.")
    assert make_request(person, release, plan=plan, app=mine).status is RequestStatus.DENIED


def test_C136_the_cart_says_it_beforehand(browser, person, mine, plan, payments, release):
    never_together(payments, release)
    make_request(person, payments, plan=plan, app=mine)
    fill_cart(person, release, plan=plan)

    page = browser(person).get(f"/cart?app={mine.id}")

    assert "It is the rule." in page.text("#outlook")
    db.session.rollback()
