"""The owners' queue and the page on which a request is decided."""

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
QUEUE = "/admin/access-requests"


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga Owner")


def test_T62_the_queue_shows_who_asks_what_for_which_app(browser, owner):
    request = make_request(make_user(name="Carla Consumer"), owner=owner)

    row = browser(owner).get(QUEUE).text(f"#request-{request.id}")

    for word in (
        request.number,
        "Carla Consumer",
        request.app.name,
        request.products[0].name,
        request.plan.name,
        "Pending",
    ):
        assert word in row


def test_T64_an_owner_approves_from_the_three_dot_menu(browser, owner):
    request = make_request(owner=owner)

    page = browser(owner).get(QUEUE).press("Approve", within=f"#request-{request.id}", htmx=True)

    assert page.status == 200
    assert "Approved" in page.text("td[data-label=Status]")
    assert request.status is RequestStatus.APPROVED
    assert request.credential.app_id == request.app_id


def test_an_owner_approves_without_htmx_and_the_comment_reaches_the_requester(browser, owner):
    request = make_request(owner=owner)

    page = browser(owner).get(f"{QUEUE}/{request.number}").press("Approve", Comment="Welcome aboard")

    assert page.path == f"{QUEUE}/{request.number}"
    assert "Approved" in page.text("main")
    assert "Welcome aboard" in browser(request.requester).get(f"/requests/{request.number}").text()


def test_T65_rejecting_demands_a_reason_and_gives_no_access(browser, owner):
    request = make_request(owner=owner)
    person = browser(owner)

    refused = person.get(f"{QUEUE}/{request.number}").press("Reject", Reason="  ")
    assert refused.status == 422
    assert "Give a reason" in refused.text()
    assert request.status is RequestStatus.PENDING

    person.get(f"{QUEUE}/{request.number}").press("Reject", Reason="Use the sandbox first.")
    assert request.status is RequestStatus.REJECTED
    assert request.credential is None
    assert access.grants_of(request.app) == []
    assert "Use the sandbox first." in browser(request.requester).get(f"/requests/{request.number}").text()


def test_T67_a_decided_request_offers_no_decision_and_refuses_a_second_one(browser, owner):
    request = make_request(owner=owner)
    person = browser(owner)
    shown = person.get(f"{QUEUE}/{request.number}")
    with transaction():
        access.reject(request, by=owner, reason="No.")

    stale = shown.press("Approve")

    assert stale.status == 409
    assert "already been rejected by Olga Owner" in stale.text()
    assert not stale.has_button("Approve")
    assert request.status is RequestStatus.REJECTED


def test_a_withdrawn_request_cannot_be_approved(browser, owner):
    request = make_request(owner=owner)
    shown = browser(owner).get(QUEUE)
    with transaction():
        access.withdraw(request, by=request.requester)

    stale = shown.press("Approve", within=f"#request-{request.id}", htmx=True)

    assert stale.status == 409
    assert "withdrawn" in stale.text()
    assert request.status is RequestStatus.WITHDRAWN


def test_B5_the_owner_of_another_product_neither_sees_nor_decides(browser, owner):
    request = make_request(owner=owner)
    stranger = browser(make_user(RoleName.API_OWNER))

    assert request.number not in stranger.get(QUEUE).text()
    assert stranger.get(f"{QUEUE}/{request.number}").status == 404
    assert stranger.forge(f"{QUEUE}/{request.number}/approve").status == 404
    assert request.status is RequestStatus.PENDING


def test_C136_nobody_decides_their_own_request(browser):
    person = make_user(RoleName.CONSUMER, RoleName.API_OWNER)
    plan = make_plan()
    product = make_product(plans=[plan], owners=[person])
    request = make_request(person, product, plan=plan)

    page = browser(person).get(f"{QUEUE}/{request.number}")
    assert not page.has_button("Approve")
    assert "Nobody decides their own request" in page.text()
    assert browser(person).forge(f"{QUEUE}/{request.number}/approve").status == 403
    assert request.status is RequestStatus.PENDING


@pytest.mark.parametrize("role", [RoleName.AUDITOR, RoleName.PLAN_MANAGER, RoleName.CONSUMER])
def test_B9_people_without_the_right_decide_nothing(browser, owner, role):
    request = make_request(owner=owner)
    person = browser(make_user(role))

    for action in ("approve", "reject"):
        assert person.forge(f"{QUEUE}/{request.number}/{action}", {"reason": "x"}).status == 403
    assert request.status is RequestStatus.PENDING


def test_an_auditor_reads_every_request_without_buttons(browser, owner):
    request = make_request(owner=owner)

    page = browser(make_user(RoleName.AUDITOR)).get(f"{QUEUE}/{request.number}")

    assert page.status == 200
    assert not page.has_button("Approve")


def test_an_administrator_decides_only_when_no_reviewer_is_left(browser, owner):
    administrator = make_user(RoleName.ADMINISTRATOR)
    request = make_request(owner=owner)
    person = browser(administrator)
    assert not person.get(f"{QUEUE}/{request.number}").has_button("Approve")

    with transaction():
        from portal import accounts

        accounts.deactivate(owner, by=administrator)

    person.get(f"{QUEUE}/{request.number}").press("Approve")
    assert request.status is RequestStatus.APPROVED


def test_C143_bulk_approval_judges_each_alone_and_says_what_became_of_it(browser, owner):
    mine = [make_request(owner=owner) for _ in range(3)]
    foreign = make_request()
    shown = browser(owner).get(QUEUE)
    with transaction():
        access.withdraw(mine[1], by=mine[1].requester)

    page = shown.press("Approve selected", request=[r.number for r in (*mine, foreign)])

    assert [r.status.value for r in mine] == ["approved", "withdrawn", "approved"]
    assert foreign.status is RequestStatus.PENDING
    assert "2 of 4 answered" in page.text()
    assert f"{mine[1].number} has already been withdrawn" in page.text()


def test_bulk_rejection_needs_a_reason_and_a_selection(browser, owner):
    request = make_request(owner=owner)
    shown = browser(owner).get(QUEUE)

    assert "Select at least one" in shown.press("Reject selected", **{"Comment or reason": "No"}).text()
    refused = shown.press("Reject selected", request=[request.number])
    assert refused.status == 422
    assert "Give a reason" in refused.text()
    shown.press("Reject selected", request=[request.number], **{"Comment or reason": "Out of scope"})
    assert request.status is RequestStatus.REJECTED


def test_T54_an_automatic_request_stays_listed(browser, owner):
    plan = make_plan(auto_approve=True)
    product = make_product(plans=[plan], owners=[owner])
    request = make_request(make_user(), product, plan=plan)

    row = browser(owner).get(QUEUE, query_string={"status": "approved"}).text(f"#request-{request.id}")

    assert "automatically" in row


def test_filters_live_in_the_url_and_search_finds_number_person_app_and_product(browser, owner):
    wanted = make_request(make_user(name="Zelda Zimmer"), owner=owner, app=None)
    other = make_request(owner=owner)
    person = browser(owner)

    for words in (wanted.number, "zelda", wanted.app.name, wanted.products[0].name):
        text = person.get(QUEUE, query_string={"q": words}).text("table")
        assert wanted.number in text
        assert other.number not in text
    assert "No request matches" in person.get(QUEUE, query_string={"q": "100%_'\"\\"}).text()
    assert person.get(QUEUE, query_string={"status": "nonsense"}).status == 404


def test_the_queue_is_paged_by_key_oldest_first(browser, owner, monkeypatch):
    monkeypatch.setattr("admin.access_requests.PAGE_SIZE", 2)
    requests = [make_request(owner=owner) for _ in range(5)]
    page = browser(owner).get(QUEUE)
    seen = [page.texts("th[scope=row] a")]

    for _ in range(2):
        page = page.follow("Next page")
        seen.append(page.texts("th[scope=row] a"))

    assert [n for numbers in seen for n in numbers] == [r.number for r in requests]


def test_the_queue_needs_as_many_queries_for_twelve_requests_as_for_two(browser, owner):
    person = browser(owner)
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    consumer = make_user()

    def cost() -> int:
        with count_queries() as counted:
            assert person.get(QUEUE).status == 200
        return len(counted)

    for _ in range(2):
        make_request(consumer, product, plan=plan, app=make_app(consumer))
    cost()  # the first page after a sign-in writes the session
    few = cost()
    for _ in range(10):
        make_request(consumer, product, plan=plan, app=make_app(consumer))
    assert cost() == few


@pytest.mark.parametrize(
    "number", ["AR-2026-000000", "AR-1999-000001", "AR-2026-99999999999999999999", "AR-2026-1", "x", "AR-2026-00000１"]
)
def test_A6_numbers_that_never_were_are_not_found(browser, owner, number):
    assert browser(owner).get(f"{QUEUE}/{number}").status == 404
