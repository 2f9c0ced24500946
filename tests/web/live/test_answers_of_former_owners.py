"""Whoever is given an app asks in their own name: what its former owner answered is neither shown nor sent for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from portal import access, credentials, forms
from portal.access import AccessRequest, CartRejected, RequestKind
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_user
from tests.support.ends import MONDAY, hold

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [{"key": "title", "label": "Title", "required": True, "max_length": 100}]


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def owner(clock):
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def held(owner, clock) -> AccessRequest:
    """Access of an app that was given to somebody else since; the request form was answered by the former owner."""
    plan, gold = make_plan("Silver", credential_lifetime_days=380), make_plan("Gold")
    product = make_product(plans=[plan, gold], owners=[owner])
    asked = hold(None, product, plan=plan)
    with transaction():
        form = forms.create_form("Questions", FIELDS, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
        asked.answers, asked.form_ids = {"title": "Prices of the north"}, [form.id]
        access.approve(asked, by=owner)
        credentials.reveal(asked.credential, by=asked.requester)
    heir, boss = make_user(), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        access.transfer_app(asked.app, heir, by=boss, reason="He left.", seen=access.impact_of(asked.app).mark)
    clock.shift(timedelta(days=370))
    return asked


@pytest.mark.parametrize("what", ["renew", "plan"])
def test_A1_the_new_owner_of_an_app_is_not_shown_what_the_former_one_answered(browser, held, what):
    here = browser(held.app.owner)
    assert here.get(f"/requests/{held.number}").status == 404

    page = here.get(f"/apps/{held.app_id}/credentials/{held.credential_id}/{what}")

    assert page.status == 200
    assert "Prices of the north" not in page.html
    assert not page.field("Title").get("value")


def test_another_plan_that_an_owner_asks_for_carries_no_answer_over_to_the_new_owner(held, owner):
    gold = next(plan for plan in access.plan_change_of(held.credential).plans if plan.name == "Gold")

    with pytest.raises(CartRejected, match="Title"), transaction():
        access.ask_plan_change(held.credential, gold, by=owner, reason="So.")

    assert not db.session.query(AccessRequest).filter_by(kind=RequestKind.PLAN_CHANGE).count()
