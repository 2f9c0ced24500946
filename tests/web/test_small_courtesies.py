"""Small things that people stumbled over: what a page says and offers where somebody lands."""

from datetime import timedelta

import pytest

from portal import access, catalog, credentials
from portal.accounts import RoleName
from portal.catalog import ProductState
from portal.db import now, transaction
from portal.web.limits import limits
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def ways_of(page):
    return {str(link["href"]) for link in page.soup.select(".error-ways a")}


# --- errors in the Admin Portal lead back to the work ---


@pytest.mark.parametrize(
    ("role", "ways"),
    [
        (RoleName.API_OWNER, {"/admin/", "/admin/access-requests"}),
        (RoleName.PLAN_MANAGER, {"/admin/"}),
        (RoleName.CONSUMER, {"/", "/catalogues"}),
    ],
)
def test_an_error_in_the_admin_portal_leads_back_to_the_work(browser, role, ways):
    page = browser(make_user(role)).get("/admin/access-requests/AR-2026-999999")

    assert page.status in {403, 404}
    assert ways_of(page) == ways


def test_an_error_in_the_live_portal_leads_to_the_catalogue(browser):
    assert ways_of(browser(make_user(RoleName.API_OWNER)).get("/nowhere")) == {"/", "/catalogues"}


def test_who_tried_too_often_reads_how_long_to_wait(browser):
    visitor = browser()
    limits().enabled = True
    try:
        for _ in range(limits().sign_in.amount + 1):
            page = visitor.get("/login")
            if page.status == 429:
                break
            page = page.press("Sign in", Email="nobody@acme.example", Password="wrong")
    finally:
        limits().enabled = False
        limits().reset()

    assert page.status == 429
    assert f"Wait {-(-int(page.headers['Retry-After']) // 60)} minutes" in page.text("main")


# --- auditors decide nothing ---


def test_an_auditor_sees_what_is_pending_and_no_queue_of_their_own(browser):
    request = make_request()

    page = browser(make_user(RoleName.AUDITOR)).get("/admin/")

    assert page.text("h1") == "Overview"
    assert "your queue" not in page.text("main")
    assert "Waiting for you" not in page.text("main")
    assert page.follow(request.number).status == 200
    assert "Decide" not in page.texts("main a")


def test_a_reviewer_still_has_their_queue(browser):
    owner = make_user(RoleName.API_OWNER)
    make_request(owner=owner)

    page = browser(owner).get("/admin/")

    assert page.text("h1") == "What waits for you"
    assert "Next in your queue" in page.text("main")
    assert "Decide" in page.texts("main a")


# --- facts in words ---


def test_who_may_only_read_a_product_reads_its_environments_in_words(browser):
    product = make_product(environments=["dev", "prod"])

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/products/{product.id}")

    assert "Environments Development, Production" in page.text("#facts")


def test_delegations_stand_with_the_present_one_first_and_the_past_last(browser):
    owner = make_user(RoleName.API_OWNER)
    for name, first, last in (("Ada", 20, 30), ("Ben", 0, 5), ("Cyd", 8, 12)):
        deputy = make_user(RoleName.API_OWNER, name=name)
        with transaction():
            access.delegate(
                deputy, by=owner, starts_at=now() + timedelta(days=first), ends_at=now() + timedelta(days=last)
            )
    with transaction():
        (over,) = [each for each in access.delegations_of(owner) if each.to_user.name == "Cyd"]
        access.end_delegation(over, by=owner)

    titles = browser(owner).get("/admin/delegations").texts("#given .row-title")

    assert [title.split()[0] for title in titles] == ["Ben", "Ada", "Cyd"]


def test_a_retired_product_has_nobody_left_to_lose_access(browser):
    owner = make_user(RoleName.API_OWNER)
    product = make_product(owners=[owner])
    with transaction():
        catalog.change_product_state(product, ProductState.RETIRED, by=owner)

    page = browser(owner).get(f"/admin/products/{product.id}/retire")

    assert page.path == f"/admin/products/{product.id}"
    assert "is retired already" in page.text("#messages")
    assert "Who loses access" not in page.text("main")


# --- links of mails that work no longer ---


@pytest.mark.parametrize("token", ["nonsense", "WyJhIiwiYiJd.Zx.y"])
def test_a_link_that_confirms_nothing_says_so_at_once(browser, token):
    page = browser().get(f"/confirm/{token}")

    assert not page.has_button("Confirm")
    assert "Ask for another" in page.text("#messages")
    assert page.has_button("Send the link")


# --- what an app's owner reads ---


@pytest.fixture
def person():
    return make_user()


def approved_for(person):
    plan = make_plan(auto_approve=True)
    product = make_product("Payments", plans=[plan])
    return make_request(person, product, plan=plan, app=make_app(person))


def test_the_page_of_an_app_says_why_its_secret_was_stopped(browser, person):
    held = approved_for(person)
    with transaction():
        credentials.reveal(held.credential, by=person)
        credentials.stop_secrets(held.credential, by=None, reason="It stood in a public repository.")

    assert "It stood in a public repository." in browser(person).get(f"/apps/{held.app_id}").text("#credentials")


@pytest.mark.parametrize("day", [None, now().date() + timedelta(days=40)])
def test_the_page_of_an_app_names_what_takes_the_place_of_a_product_that_ends(browser, person, day):
    held, next_one = approved_for(person), make_product("Payments 2")
    with transaction():
        product = catalog.find_product(held.products[0].id)
        catalog.change_product_state(product, ProductState.DEPRECATED, by=None)
        catalog.set_product_end(product, day, catalog.find_product(next_one.id), by=None)

    assert "What takes its place: Payments 2 ." in browser(person).get(f"/apps/{held.app_id}").text("#access-held")


def test_the_top_of_an_app_has_few_buttons_and_its_proofs_stand_beside_it(browser, person):
    app = make_app(person)

    page = browser(person).get(f"/apps/{app.id}")

    assert page.texts(".page-actions > a") == ["Edit app", "Give to somebody else"]
    assert page.follow("Public keys", within="#proofs").status == 200
    assert page.follow("Client certificates", within="#proofs").status == 200
