"""The signals on a request's page: what a reviewer notices, and how the like was decided."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_the_reviewer_reads_signals_and_similar_decisions(browser):
    owner, plan = make_user(RoleName.API_OWNER), make_plan("Gold")
    product = make_product("Payments", plans=[plan], owners=[owner])
    requester = make_user(name="Grace Hopper")
    yes = make_request(requester, product, plan=plan)
    no = make_request(requester, product, plan=plan)
    with transaction():
        access.approve(yes, by=owner)
    with transaction():
        access.reject(no, by=owner, reason="No.")
    asked = make_request(requester, product, plan=plan, app=make_app(requester, "Pаypal"))  # a Cyrillic a

    page = browser(owner).get(f"/admin/access-requests/{asked.number}")

    signals = page.text("#signals")
    assert "Grace Hopper was refused once before" in signals
    assert "Pаypal has never asked for Payments before." in signals
    assert "may imitate another" in signals
    assert "1 of 2 approved" in signals
    assert page.follow(no.number, within="#signals").path == f"/admin/access-requests/{no.number}"


def test_markup_in_names_stays_text(browser):
    owner, plan = make_user(RoleName.API_OWNER), make_plan()
    requester = make_user(organisation="<b>Evil</b>")
    asked = make_request(requester, make_product(plans=[plan], owners=[owner]), plan=plan)

    page = browser(owner).get(f"/admin/access-requests/{asked.number}")

    assert "Nobody of <b>Evil</b> has ever asked" in page.text("#signals")
    assert not page.soup.select("#signals b")


def test_a_name_from_right_to_left_turns_no_sentence_around(browser):
    owner, plan = make_user(RoleName.API_OWNER), make_plan()
    product, requester = make_product(plans=[plan], owners=[owner]), make_user()
    make_request(requester, product, plan=plan)
    asked = make_request(requester, product, plan=plan, app=make_app(requester, "שלום"))

    page = browser(owner).get(f"/admin/access-requests/{asked.number}")

    told = next(li for li in page.soup.select("#signals .signal-list li") if "שלום has never asked" in li.text)
    assert "dir" not in told.attrs  # the sentence is ours, and reads from left to right
