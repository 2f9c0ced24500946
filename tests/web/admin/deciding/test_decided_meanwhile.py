"""Somebody else was faster: what the reviewer typed is still on the page that says so."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.web.admin.deciding.pages import at

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def other():
    return make_user(RoleName.API_OWNER, name="Otto Owner")


@pytest.fixture
def asked(owner, other):
    plan = make_plan()
    return make_request(None, make_product(plans=[plan], owners=[owner, other]), plan=plan)


@pytest.mark.parametrize(
    ("button", "label"), [("Approve", "Comment"), ("Approve", "Conditions"), ("Reject", "Reason"), ("Ask", "Question")]
)
def test_what_was_typed_is_kept_when_somebody_else_has_decided(browser, owner, other, asked, button, label):
    page = browser(owner).get(at(asked))
    with transaction():
        access.approve(asked, by=other)

    stale = page.press(button, **{label: "Three long <sentences>."})

    assert stale.status == 409
    assert label in stale.text("#typed")
    assert "Three long <sentences>." in stale.text("#typed")


def test_nothing_is_kept_where_nothing_was_typed(browser, owner, other, asked):
    page = browser(owner).get(at(asked))
    with transaction():
        access.approve(asked, by=other)

    stale = page.press("Approve")

    assert stale.status == 409
    assert not stale.soup.select("#typed")


def test_what_was_typed_stays_in_its_form_while_the_person_can_still_answer(browser, owner, asked):
    page = browser(owner).get(at(asked))
    with transaction():
        access.edit(asked, by=asked.requester, reason="Another one.")

    stale = page.press("Reject", Reason="Not like this.")

    assert stale.status == 409
    assert stale.field("Reason").get_text().strip() == "Not like this."
    assert not stale.soup.select("#typed")
