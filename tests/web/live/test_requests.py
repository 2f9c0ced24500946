"""My requests."""

import re

import pytest
from sqlalchemy import select

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_app, make_catalogue, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def person():
    return make_user(name="Maya")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Ingrid")


@pytest.fixture
def asked(person, owner):
    plan = make_plan("Gold", quota_requests=1000)
    product = make_product("Payments", plans=[plan], owners=[owner])
    return make_request(person, product, plan=plan, app=make_app(person, "Checkout"), reason="For the shop.")


# --- the list --------------------------------------------------------------------------------------------------------


def test_the_list_shows_each_request_with_its_state_and_who_is_awaited(browser, person, asked):
    page = browser(person).get("/requests")

    row = page.text(f"#request-{asked.id}")
    for words in (asked.number, "Payments", "Checkout", "Gold", "Pending", "Awaits Ingrid · asked"):
        assert words in row


def test_the_list_shows_every_state_and_filters_by_it_in_the_url(browser, person, owner):
    made = {status: make_request(person, owner=owner) for status in ("approved", "rejected", "withdrawn", "pending")}
    with transaction():
        access.approve(made["approved"], by=owner)
        access.reject(made["rejected"], by=owner, reason="No.")
        access.withdraw(made["withdrawn"], by=person)
    here = browser(person)

    page = here.get("/requests")
    assert all(request.number in page.text() for request in made.values())
    for status, request in made.items():
        filtered = here.get(f"/requests?status={status}")
        assert filtered.texts("tbody th") == [request.number]
        assert filtered.text("tbody .status") == status.capitalize()


def test_an_unknown_status_is_not_found(browser, person, asked):
    assert browser(person).get("/requests?status=nonsense").status == 404


def test_a_status_without_requests_says_so(browser, person, asked):
    assert "No expired requests" in browser(person).get("/requests?status=expired").text()


def test_T87_an_empty_list_says_what_to_do_next(browser, person):
    page = browser(person).get("/requests")

    assert "You have not asked for anything yet" in page.text()
    assert page.soup.select_one(".empty-state a")


def test_the_list_is_paged_by_key(browser, person, owner):
    plan = make_plan()
    app = make_app(person)
    made = [
        make_request(person, make_product(plans=[plan], owners=[owner]), plan=plan, app=app).number for _ in range(27)
    ]

    first = browser(person).get("/requests")
    second = first.follow("Next page")

    assert first.texts("tbody th") + second.texts("tbody th") == made[::-1]
    assert second.follow("First page").texts("tbody th") == first.texts("tbody th")


@pytest.mark.parametrize("wrong", ["0", "-1", "01", "1e3", "x", str(2**63), "9" * 30, "１", "%00"])
def test_A6_paging_keys_out_of_range_break_nothing(browser, person, asked, wrong):
    assert browser(person).get(f"/requests?before={wrong}").status in {200, 400, 404}


def test_the_number_of_queries_does_not_grow_with_the_list(browser, person, owner, asked):
    here = browser(person)
    here.get("/requests")
    with count_queries() as one:
        here.get("/requests")
    for _ in range(6):
        make_request(person, owner=make_user(RoleName.API_OWNER))

    with count_queries() as many:
        here.get("/requests")

    assert len(many) == len(one), "\n".join(many)


def test_A9_only_own_requests_are_listed_and_counted(browser, asked):
    page = browser(make_user()).get("/requests")

    assert asked.number not in page.text()
    assert "You have not asked for anything yet" in page.text()


@pytest.mark.parametrize("path", ["/requests", "/requests/AR-2026-000001"])
def test_strangers_sign_in_and_other_roles_are_refused(browser, path):
    assert browser().get(path).path.startswith("/login")
    for role in (RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR):
        assert browser(make_user(role)).get(path).status == 403


# --- one request -----------------------------------------------------------------------------------------------------


def test_a_request_shows_everything_about_itself(browser, person, asked):
    page = browser(person).get(f"/requests/{asked.number}")

    for words in ("Payments", "Gold", "1,000 requests a month", "Checkout", "For the shop.", "Awaits Ingrid since"):
        assert words in page.text("main")
    assert all(scope in page.text("#products") for scope in asked.items[0].scopes)
    assert page.text(".step-current").startswith("Owner approval , now Ingrid")
    assert "Sent for approval to Ingrid" in page.text("#history")
    assert "Submitted" in page.text("#history")


def test_what_a_reviewer_wrote_reaches_the_requester(browser, person, owner, asked):
    with transaction():
        access.reject(asked, by=owner, reason="Tell us your <b>traffic</b>.")

    page = browser(person).get(f"/requests/{asked.number}")

    assert "Rejected" in page.text(".page-header")
    assert "Tell us your <b>traffic</b>." in page.text("main")
    assert "Ingrid" in page.text("#history")


def test_an_approval_leads_to_the_credential_in_the_app(browser, person, owner, asked):
    with transaction():
        access.approve(asked, by=owner, comment="Welcome.")

    page = browser(person).get(f"/requests/{asked.number}")

    assert "Welcome." in page.text("#history")
    assert page.text("#history").count("Welcome.") == 1
    assert page.soup.select_one(f"main a[href='/apps/{asked.app_id}#credentials']")
    assert not page.has_button("Withdraw request")


def test_an_automatic_approval_says_so(browser, person):
    made = make_request(person, plan=make_plan("Free", auto_approve=True))

    page = browser(person).get(f"/requests/{made.number}")

    assert "Approved at once" in page.text("main")
    assert "Portico" in page.text("#history")


def test_the_terms_shown_are_those_of_the_submission(browser, person, asked):
    with transaction():
        asked.plan.quota_requests, asked.plan.display_name = 5, "Platinum"

    page = browser(person).get(f"/requests/{asked.number}")

    assert "1,000 requests a month" in page.text()
    assert "Platinum" not in page.text("aside")


def test_a_request_of_two_owners_names_who_is_awaited_and_tells_each_answer(browser, person):
    first, second = make_user(RoleName.API_OWNER, name="Ada"), make_user(RoleName.API_OWNER, name="Bo")
    plan = make_plan()
    products = make_product("Pay", plans=[plan], owners=[first]), make_product("Ship", plans=[plan], owners=[second])
    made = make_request(person, *products, plan=plan)
    with transaction():
        access.approve(made, by=first, comment="Fine by me.")

    page = browser(person).get(f"/requests/{made.number}")

    assert "Pending ship owner approval" in page.text(".page-header")
    assert "Awaits Bo" in page.text("main")
    assert "Awaits Ada" not in page.text("main")
    assert "Fine by me." in page.text("#history")


def test_a_request_whose_app_was_deleted_can_still_be_read(browser, person, owner, asked):
    with transaction():
        access.approve(asked, by=owner)
    with transaction():
        access.delete_app(asked.app, by=person)

    page = browser(person).get(f"/requests/{asked.number}")

    assert "Checkout (deleted)" in page.text("aside")
    assert "Access revoked" in page.text("#products")


@pytest.mark.parametrize("htmx", [False, True])
def test_A1_A2_somebody_elses_request_is_as_if_it_never_was(browser, asked, htmx):
    other = browser(make_user())

    foreign = other.get(f"/requests/{asked.number}", htmx=htmx)
    never = other.get("/requests/AR-2026-999999", htmx=htmx)

    assert foreign.status == never.status == 404
    assert without_marks(foreign) == without_marks(never)


def test_A1_a_reviewer_who_is_also_a_consumer_sees_only_own_requests_here(browser, owner, asked):
    both = make_user(RoleName.CONSUMER, RoleName.ADMINISTRATOR)

    assert browser(both).get(f"/requests/{asked.number}").status == 404
    assert browser(both).forge(f"/requests/{asked.number}/withdraw").status == 404


@pytest.mark.parametrize(
    "wrong",
    [
        *("0", "-1", "AR-2026-000000", "AR-1999-000001", "AR-2026-1", "AR-2026-0000001", "ar-2026-000001"),
        *(f"AR-2026-{2**63}", "AR-2026-" + "9" * 30, "AR-２０２６-000001", "AR-2026-000001%00", "AR-2026-1e3"),
    ],
)
def test_A6_numbers_out_of_range_are_not_found(browser, person, asked, wrong):
    here = browser(person)

    assert here.get(f"/requests/{wrong}").status in {400, 404}
    assert here.forge(f"/requests/{wrong}/withdraw").status in {400, 404}
    assert asked.is_pending


def without_marks(page):
    """The page without what is new in every answer."""
    tokens = [str(field["value"]) for field in page.soup.select("[name=csrf_token]")]
    return re.sub("|".join(map(re.escape, {*tokens, page.headers["X-Request-ID"]})), "", page.html)


# --- withdrawing -----------------------------------------------------------------------------------------------------


def test_a_pending_request_is_withdrawn(browser, person, asked):
    page = browser(person).get(f"/requests/{asked.number}").press("Withdraw request")

    assert page.path == f"/requests/{asked.number}"
    assert f"Your request {asked.number} has been withdrawn." in page.text("#messages")
    assert "Withdrawn" in page.text(".page-header")
    assert asked.status is RequestStatus.WITHDRAWN
    assert db.session.scalars(select(AuditEvent.actor).where(AuditEvent.kind == EventKind.REQUEST_WITHDRAWN)).all() == [
        person.email
    ]


def test_a_request_is_withdrawn_once(browser, person, asked):
    page = browser(person).get(f"/requests/{asked.number}")
    page.press("Withdraw request")

    second = page.press("Withdraw request")

    assert second.status == 409
    assert f"{asked.number} has already been withdrawn" in second.text()


def test_a_decided_request_cannot_be_withdrawn_and_the_page_says_what_happened(browser, person, owner, asked):
    page = browser(person).get(f"/requests/{asked.number}")
    with transaction():
        access.approve(asked, by=owner)

    stale = page.press("Withdraw request")

    assert stale.status == 409
    assert f"{asked.number} has already been approved by Ingrid" in stale.text()
    assert asked.status is RequestStatus.APPROVED


def test_A3_nobody_else_withdraws(browser, asked):
    assert browser(make_user()).forge(f"/requests/{asked.number}/withdraw").status == 404
    assert browser(make_user()).forge(f"/requests/{asked.number}/withdraw", htmx=True).status == 404
    assert browser(make_user(RoleName.ADMINISTRATOR)).forge(f"/requests/{asked.number}/withdraw").status == 403
    assert browser().forge(f"/requests/{asked.number}/withdraw").path.startswith("/login")

    assert asked.is_pending


def test_C1_B11_withdrawing_needs_a_post_with_a_valid_token(browser, person, asked):
    here = browser(person)

    assert here.post(f"/requests/{asked.number}/withdraw", {"csrf_token": "wrong"}).status == 400
    assert here.post(f"/requests/{asked.number}/withdraw", {}).status == 400
    assert here.get(f"/requests/{asked.number}/withdraw").status == 405

    assert asked.is_pending


def test_after_a_withdrawal_the_same_can_be_asked_again(browser, person, asked):
    browser(person).get(f"/requests/{asked.number}").press("Withdraw request")
    fill_cart(person, *asked.products, plan=asked.plan)

    page = browser(person).get("/cart").press("Submit request", **{"Developer app": asked.app_id})

    assert page.path.startswith("/requests/AR-")
    assert page.path != f"/requests/{asked.number}"


def test_numbers_are_never_given_out_twice(browser, person, owner):
    first = make_request(person, owner=owner)
    number = first.number
    make_catalogue()

    second = make_request(person, owner=owner)

    assert second.number > number
