"""C130 in the browser: an owner raises the classification, sees what was given without, and asks again by one press."""

from datetime import timedelta

import pytest

from portal import access
from portal.access import GrantState
from portal.accounts import RoleName
from portal.db import now, transaction
from portal.events import EventKind
from tests.service.access.test_reapproving import Scene
from tests.support.builders import make_user
from tests.support.ends import keep_time, recorded
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
SAID = "1 access was given without the Guards stage that the policy asks for now."


@pytest.fixture
def scene():
    return Scene()


def day(days):
    return (now().date() + timedelta(days=days)).isoformat()


def test_an_owner_sees_what_lacks_an_approval_asks_again_and_the_guard_approves(browser, scene):
    page = browser(scene.owner).get(f"/admin/products/{scene.product.id}")
    assert "asked for more" not in page.text("main")

    page = page.press("Save changes", **{"Data classification": "restricted"})
    assert SAID in page.text("main")
    page = page.follow("See which, and ask again")
    assert "Nobody is asked" in page.text("table")
    page = page.press("Ask again", **{"Open without it until": day(14), "Note": "Since the audit."})

    assert "1 request has been opened." in page.text("body")
    assert "waits for an answer" in page.text("table")
    request = access.pending_reapproval_of(scene.grant)
    page = browser(scene.guard).get(f"/admin/access-requests/{request.number}")
    assert "is to be approved again" in page.text("main")
    assert "Since the audit." in page.text("main")
    page.press("Approve")

    page = browser(scene.owner).get(f"/admin/products/{scene.product.id}/approvals")
    assert "Nothing is lacking" in page.text("main")
    assert scene.opens(access.grants_from(request)[0])


def test_a_second_press_on_an_old_page_opens_nothing_more(browser, scene):
    scene.raise_classification()
    page = browser(scene.owner).get(f"/admin/products/{scene.product.id}/approvals")
    page.press("Ask again")

    again = page.press("Ask again")

    assert "Nothing was left to ask for." in again.text("body")
    assert len(recorded(EventKind.REAPPROVAL_ASKED)) == 1


def test_a_day_that_has_gone_by_is_refused_and_what_was_typed_stays(browser, scene):
    scene.raise_classification()
    page = browser(scene.owner).get(f"/admin/products/{scene.product.id}/approvals")

    page = page.press("Ask again", **{"Open without it until": day(-1), "Note": "Soon."})

    assert page.status == 422
    assert "Choose a day after today" in page.text("main")
    assert "Soon." in page.text("main")
    assert recorded(EventKind.REAPPROVAL_ASKED) == []


def test_others_read_it_and_do_not_ask(browser, scene):
    scene.raise_classification()
    url = f"/admin/products/{scene.product.id}/approvals"

    auditor = browser(make_user(RoleName.AUDITOR)).get(url)
    assert SAID in auditor.text("main")
    assert "Open without it until" not in auditor.text("main")
    stranger = browser(make_user(RoleName.API_OWNER))
    assert stranger.get(url).status == 404
    assert SAID not in stranger.get(f"/admin/products/{scene.product.id}").text("main")
    assert stranger.forge(url, {"last_day": day(14)}).status == 403
    assert browser(scene.grant.app.owner).get(url).status == 403
    assert recorded(EventKind.REAPPROVAL_ASKED) == []


def test_the_people_of_the_app_see_until_when_it_stays_open_and_that_it_has_stopped(browser, scene):
    scene.raise_classification()
    (request,) = scene.press()
    url = f"/apps/{scene.grant.app_id}/access/{scene.grant.id}"
    person = scene.grant.app.owner

    page = browser(person).get(url)
    assert "It stays open until" in page.text("main")
    assert f"{request.number} asks for that." in page.text("main")
    page = browser(person).get(f"/requests/{request.number}")
    assert "Asked again" in page.text("main")
    assert "Withdraw request" not in page.text("body")

    with transaction():
        scene.grant.reapprove_by = now() - timedelta(minutes=1)
    keep_time()
    assert scene.grant.state is GrantState.SUSPENDED
    page = browser(person).get(url)
    assert "It has opened nothing since" in page.text("main")
    shown = browser(scene.owner).get(f"/admin/access/{scene.grant.id}")
    assert "Has to be approved again" in shown.text("main")
    assert shown.press("Resume access").status == 409


def test_the_page_of_a_product_asks_the_database_no_more_often_for_many_accesses(browser, scene):
    scene.raise_classification()
    owner, url = browser(scene.owner), f"/admin/products/{scene.product.id}/approvals"
    owner.get(url)
    with count_queries() as few:
        owner.get(url)
    with transaction():
        scene.product.classification = "internal"
    for _ in range(5):
        scene.given()
    scene.raise_classification()
    with count_queries() as many:
        owner.get(url)

    assert len(many) <= len(few) + 2
