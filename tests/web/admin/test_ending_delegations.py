"""Administrators end what somebody stands in for, on the page of either of the two, and say why."""

from datetime import timedelta

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import now, transaction
from portal.errors import Invalid, NotAllowed
from portal.events import EventKind
from tests.support.builders import make_user
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def olga():
    return make_user(RoleName.API_OWNER, name="Olga")


@pytest.fixture
def dora():
    return make_user(RoleName.API_OWNER, name="Dora")


@pytest.fixture
def made(olga, dora):
    with transaction():
        return access.delegate(dora, by=olga, starts_at=now(), ends_at=now() + timedelta(days=7), reason="The sea.")


@pytest.mark.parametrize("whose", ["olga", "dora"])
def test_an_administrator_ends_it_with_a_reason(browser, request, made, whose):
    admin = make_user(RoleName.ADMINISTRATOR)
    page = browser(admin).get(f"/admin/users/{request.getfixturevalue(whose).id}")
    assert "Dora stands in for Olga" in page.text("#delegations")

    refused = page.press("End it")
    assert refused.status == 422
    assert "Give a reason" in refused.text("#delegations")
    done = refused.press("End it", Reason="She has left.")

    assert "both of them are told by mail" in done.text("#messages")
    assert done.soup.select_one("#delegations") is None
    assert made.is_over
    (event,) = [each for each in events_of(made) if each.kind == EventKind.DELEGATION_ENDED]
    assert (event.actor, event.reason) == (admin.email, "She has left.")


def test_auditors_see_it_and_cannot_end_it(browser, made, olga):
    auditor = browser(make_user(RoleName.AUDITOR))

    page = auditor.get(f"/admin/users/{olga.id}")

    assert "Dora stands in for Olga" in page.text("#delegations")
    assert "End it" not in page.text("#delegations")
    assert auditor.forge(f"/admin/users/{olga.id}/delegations/{made.id}/end").status == 403
    assert not made.is_over


def test_it_is_ended_once_and_on_the_page_of_whom_it_concerns(browser, made, olga):
    admin, other = browser(make_user(RoleName.ADMINISTRATOR)), make_user(RoleName.API_OWNER)
    sent = {f"delegation-{made.id}-reason": "So."}
    assert admin.forge(f"/admin/users/{other.id}/delegations/{made.id}/end", sent).status == 404

    assert admin.forge(f"/admin/users/{olga.id}/delegations/{made.id}/end", sent).status == 200
    assert admin.forge(f"/admin/users/{olga.id}/delegations/{made.id}/end", sent).status == 409


def test_the_room_asks_administrators_for_a_reason_and_lets_nobody_else(made):
    admin, stranger = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.API_OWNER)

    with pytest.raises(Invalid, match="reason"), transaction():
        access.end_delegation(made, by=admin, reason=" ")
    with pytest.raises(NotAllowed), transaction():
        access.end_delegation(made, by=stranger, reason="So.")

    assert not made.is_over
