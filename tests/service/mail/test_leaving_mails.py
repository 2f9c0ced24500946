"""The mails about what ends, changes hands or is not used: one to each person, with what they need to know."""

from datetime import date, timedelta

import pytest

from portal import access, accounts, lifecycle, register
from portal.access import impact_of
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.lifecycle import End
from tests.service.mail.test_texts import golden, mails, the_mail
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def ada():
    return make_user(RoleName.API_OWNER, email="ada@portico.example", name="Ada Lovelace")


@pytest.fixture
def grace():
    return make_user(email="grace@acme.example", name="Grace Hopper")


@pytest.fixture
def plan():
    return make_plan("Gold", auto_approve=True)


@pytest.fixture
def product(ada, plan):
    return make_product("Payments <API>", owners=[ada], plans=[plan])


def hold(person, product, plan, name):
    return make_request(person, product, plan=plan, app=make_app(person, name))


def test_an_end_that_is_announced_reaches_the_owner_of_two_apps_once(ada, grace, plan, product):
    hold(grace, product, plan, "Route planner")
    hold(grace, product, plan, "Shop")
    successor = make_product("Payments API v2")
    day = date(now().year + 1, 3, 1)
    with transaction():
        end = End(day, successor, "Version 2 does everything\nthat this one does.")
        lifecycle.deprecate(product, end, by=ada, seen=impact_of(product).mark)

    message = the_mail("ending")
    assert message.recipient == "grace@acme.example"
    assert message.subject == f"Ends on 1 March {day.year}: the API product Payments <API>"
    golden(message, year=f"March {day.year}")


def test_a_closed_account_gets_no_mail(ada, grace, plan, product):
    hold(grace, product, plan, "Route planner")
    with transaction():
        accounts.find_person(grace.id).active = False
    with transaction():
        lifecycle.retire(product, by=ada, reason="Over.", seen=impact_of(product).mark)

    assert not mails("ending")


def test_whoever_does_not_use_an_access_is_asked_about_it(ada, grace, plan, product):
    request = hold(grace, product, plan, "Route planner")
    with transaction():
        (grant,) = access.grants_from(request)
        grant.starts_at, grant.last_used_at = now() - timedelta(days=200), now() - timedelta(days=120)
    with transaction():
        (grant,) = access.grants_from(request)
        register.ask_owners({grant.id: register.mark_of_use(grant)}, by=ada)

    message = the_mail("unused")
    assert message.recipient == "grace@acme.example"
    golden(message, app=f"/apps/{request.app_id}")


def test_an_app_that_changes_hands_is_told_to_both_owners(grace, plan, product):
    app = make_app(grace, "Route planner")
    joan = make_user(email="joan@acme.example", name="Joan Clarke")
    administrator = make_user(RoleName.ADMINISTRATOR, name="Katherine Johnson")
    with transaction():
        access.transfer_app(app, joan, by=administrator, reason="Grace has moved.", seen="")
    db.session.rollback()

    to_joan, to_grace = mails("transferred")
    assert (to_joan.recipient, to_grace.recipient) == ("joan@acme.example", "grace@acme.example")
    golden(to_joan, app=f"/apps/{app.id}")
    assert "no longer yours" in to_grace.payload["text"]
