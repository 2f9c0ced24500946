"""The cart page."""

import pytest
from sqlalchemy import func, select

from portal import access, apps
from portal.access import AccessRequest, CartItem, RequestStatus
from portal.accounts import Organisation, RoleName
from portal.apps import DeveloperApp
from portal.catalog import AuthMethod, Catalogue, PlanState, ProductState, offers_of
from portal.credentials import Credential
from portal.db import db, transaction
from tests.support.builders import (
    fill_cart,
    make_app,
    make_catalogue,
    make_plan,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
NEW_APP = {"App name": "Checkout", "Description": "Pays for things", "Redirect URLs": "https://a.example/x"}


def number_of(model, *where):
    return db.session.scalar(select(func.count()).select_from(model).where(*where))


def offer_of(product):
    return {
        "product": product.id,
        "plan": offers_of(product)[0].plan.id,
        "catalogue": offers_of(product)[0].catalogue.id,
    }


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def plan():
    return make_plan("Gold", quota_requests=50_000, rate_requests=10, credential_lifetime_days=365)


# --- adding ----------------------------------------------------------------------------------------------------------


def test_T19_a_product_is_put_in_the_cart_and_the_cart_is_one_click_away(browser, person, plan):
    product = make_product("Payments", plans=[plan])

    page = browser(person).forge("/cart/add", offer_of(product))

    assert page.path == "/cart"
    assert "Payments is in your cart." in page.text("#messages")
    assert page.text("#item-" + str(access.cart_of(person)[0].id)).startswith("Payments")


def test_T20_the_cart_link_shows_how_much_is_in_it(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), make_product(plans=[plan]), plan=plan)

    assert browser(person).get("/cart").text("#cart-link").startswith("Cart 2")


def test_adding_goes_back_to_the_product_page_it_came_from(browser, person, plan):
    data = offer_of(make_product(plans=[plan]))

    answer = browser(person).forge("/cart/add", {**data, "back": "/catalogues/general/x"}, follow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/catalogues/general/x")


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example/catalogues/",
        "/catalogues/\\evil",
        "/catalogues/\r\nX: y",
        "/apps",
        "javascript:1",
    ],
)
def test_E1_adding_never_leads_elsewhere(browser, person, plan, back):
    data = offer_of(make_product(plans=[plan]))

    answer = browser(person).forge("/cart/add", {**data, "back": back}, follow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/cart")


def test_adding_by_htmx_answers_with_the_way_to_the_cart_and_its_new_count(browser, person, plan):
    page = browser(person).forge("/cart/add", offer_of(make_product("Payments", plans=[plan])), htmx=True)

    assert page.status == 200
    assert "Payments is in your cart on the plan Gold" in page.text("[id^=cart-added]")
    assert page.soup.select_one("[id^=cart-added] a[href='/cart']")
    assert page.text("#cart-link").startswith("Cart 1")


def test_adding_twice_keeps_one_and_T26_takes_the_new_plan(browser, person, plan):
    silver = make_plan("Silver")
    product = make_product(plans=[plan, silver])
    here = browser(person)

    for offer in offers_of(product):
        here.forge("/cart/add", {"product": product.id, "plan": offer.plan.id, "catalogue": offer.catalogue.id})

    assert [item.plan.name for item in access.cart_of(person)] == ["Silver"]


def test_T12_an_api_owner_and_an_auditor_cannot_add(browser, plan):
    data = offer_of(make_product(plans=[plan]))

    for role in (RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR):
        assert browser(make_user(role)).forge("/cart/add", data).status == 403

    assert number_of(CartItem) == 0


def test_T12_a_stranger_is_asked_to_sign_in(browser, plan):
    page = browser().forge("/cart/add", offer_of(make_product(plans=[plan])))

    assert page.path.startswith("/login")
    assert number_of(CartItem) == 0


@pytest.mark.parametrize("state", [ProductState.DRAFT, ProductState.RETIRED])
def test_T59_B13_what_is_not_offered_cannot_be_added(browser, person, plan, state):
    data = offer_of(product := make_product("Hidden", plans=[plan]))
    with transaction():
        product.state = state

    page = browser(person).forge("/cart/add", data)

    assert page.status == 409
    assert "not offered" in page.text()
    assert "Hidden" not in page.text()
    assert number_of(CartItem) == 0


@pytest.mark.parametrize(
    "wrong", ["", "0", "-1", "01", "1e3", "x", "1 OR 1=1", str(2**31), str(2**63 - 1), str(2**63), "9" * 30, "１"]
)
def test_A6_ids_out_of_range_put_nothing_in_the_cart(browser, person, plan, wrong):
    data = offer_of(make_product(plans=[plan]))
    here = browser(person)

    for name in data:
        assert here.forge("/cart/add", {**data, name: wrong}).status == 409
    assert here.forge("/cart/remove", {"item": wrong}).status == 200
    assert here.forge("/cart/plan", {"plan": wrong}).status == 409

    assert number_of(CartItem) == 0


def test_B11_GET_changes_nothing(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = browser(person)

    for path in ("/cart/add", "/cart/remove", "/cart/plan", "/cart/submit"):
        assert here.get(path).status == 405

    assert len(access.cart_of(person)) == 1


@pytest.mark.parametrize("path", ["/cart/add", "/cart/remove", "/cart/plan", "/cart/submit"])
def test_C1_a_form_without_a_valid_token_is_refused(browser, person, plan, path):
    product = make_product(plans=[plan])
    fill_cart(person, product, plan=plan)
    here = browser(person)

    for token in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
        page = here.post(path, {**offer_of(product), "item": "1", "app": "new", "app_name": "X", **token})
        assert page.status == 400

    assert len(access.cart_of(person)) == 1
    assert number_of(AccessRequest) == number_of(DeveloperApp) == 0


# --- looking ---------------------------------------------------------------------------------------------------------


def test_T21_an_empty_cart_says_so_and_has_no_submit_button(browser, person):
    page = browser(person).get("/cart")

    assert "There is nothing in your cart" in page.text()
    assert not page.has_button("Submit request")


def test_T22_the_cart_shows_products_plan_and_what_will_happen(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), plan=plan)

    page = browser(person).get("/cart")

    assert "Payments" in page.text("#products")
    assert "50,000 requests a month" in page.text("#plan")
    assert "10 requests a second" in page.text("#plan")
    assert "365 days" in page.text("#plan")
    assert "approval" in page.text("#plan")
    assert page.has_button("Remove Payments")


def test_a_cart_belongs_to_its_person(browser, plan):
    fill_cart(make_user(), make_product("Somebody's", plans=[plan]), plan=plan)

    page = browser(make_user()).get("/cart")

    assert "Somebody's" not in page.text()


@pytest.mark.parametrize("role", [RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR])
def test_who_asks_for_nothing_has_no_cart(browser, role):
    assert browser(make_user(role)).get("/cart").status == 403


def test_T31_a_person_of_the_default_organisation_does_not_choose_who_sees_the_app(browser, plan):
    loner = make_user(organisation="Independent")
    with transaction():
        db.session.get(Organisation, loner.organisation_id).is_default = True
    fill_cart(loner, make_product(plans=[plan]), plan=plan)

    page = browser(loner).get("/cart")
    assert not page.soup.select("[name=visibility]")
    page.press("Submit request", **NEW_APP)

    assert [app.visibility for app in apps.apps_of(loner)] == ["personal"]


def test_the_number_of_queries_does_not_grow_with_the_cart(browser, person, plan):
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = browser(person)
    here.get("/cart")
    with count_queries() as one:
        here.get("/cart")
    fill_cart(person, *[make_product(plans=[plan]) for _ in range(8)], plan=plan)
    for _ in range(4):
        make_app(person)

    with count_queries() as many:
        here.get("/cart")

    assert len(many) == len(one), "\n".join(many)


# --- changing --------------------------------------------------------------------------------------------------------


def test_a_product_is_removed(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Remove Payments")

    assert page.path == "/cart"
    assert "Removed from your cart: Payments." in page.text("#messages")
    assert [item.product.name for item in access.cart_of(person)] == ["Weather"]


def test_removing_keeps_what_was_typed(browser, person, plan):
    fill_cart(person, make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan]), plan=plan)

    page = browser(person).get("/cart").press("Remove Payments", Reason="For the shop", **NEW_APP)

    assert page.field("Reason").get_text().strip() == "For the shop"
    assert page.field("App name")["value"] == "Checkout"


def test_T27_A3_somebody_elses_items_stay(browser, plan):
    fill_cart(other := make_user(), make_product(plans=[plan]), plan=plan)
    item = access.cart_of(other)[0]

    page = browser(make_user()).forge("/cart/remove", {"item": str(item.id)})

    assert "not in your cart" in page.text("#messages")
    assert len(access.cart_of(other)) == 1


def test_T24_one_plan_is_chosen_for_the_whole_cart(browser, person, plan):
    silver = make_plan("Silver")
    products = make_product(plans=[plan, silver]), make_product(plans=[plan, silver])
    fill_cart(person, *products, plan=plan)

    page = browser(person).get("/cart").press("Change plan", **{"Plan for the whole cart": silver.id})

    assert "Silver" in page.text("#plan")
    assert {item.plan.name for item in access.cart_of(person)} == {"Silver"}


def test_T24_a_plan_that_is_not_offered_for_all_is_refused(browser, person, plan):
    other = make_catalogue()
    silver = make_plan("Silver")
    make_product(plans=[silver], catalogue=other)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    page = browser(person).forge("/cart/plan", {"plan": silver.id})

    assert page.status == 409
    assert {item.plan.name for item in access.cart_of(person)} == {"Gold"}


# --- submitting ------------------------------------------------------------------------------------------------------


def test_T30_the_app_is_made_in_the_cart_with_the_request(browser, person, plan):
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    fill_cart(person, make_product("Payments", plans=[plan], owners=[owner]), plan=plan)

    page = browser(person).get("/cart").press("Submit request", Reason="For the shop", **NEW_APP)

    (request,) = access.requests_of(person)
    assert page.path == f"/requests/{request.number}"
    assert f"Your request {request.number} has been submitted and awaits Ingrid." in page.text("#messages")
    assert (request.app.name, request.reason) == ("Checkout", "For the shop")
    assert request.app.redirect_urls == ["https://a.example/x"]
    assert request.status is RequestStatus.PENDING
    assert not access.cart_of(person)


def test_T30_an_own_app_is_chosen(browser, person, plan):
    make_app(person, "Billing")
    chosen = make_app(person, "Checkout")
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    browser(person).get("/cart").press("Submit request", **{"Developer app": chosen.id})

    assert [request.app.name for request in access.requests_of(person)] == ["Checkout"]
    assert number_of(DeveloperApp) == 2


def test_a_plan_that_approves_by_itself_says_so_afterwards(browser, person):
    fill_cart(person, make_product(plans=[free := make_plan(auto_approve=True)]), plan=free)

    page = browser(person).get("/cart").press("Submit request", **NEW_APP)

    assert "approved at once: you find the credential in the app Checkout" in page.text("#messages")


def test_T34_only_the_persons_own_cart_is_emptied(browser, person, plan):
    product, other = make_product(plans=[plan]), make_user()
    for each in (person, other):
        fill_cart(each, product, plan=plan)

    browser(person).get("/cart").press("Submit request", **NEW_APP)

    assert (len(access.cart_of(person)), len(access.cart_of(other))) == (0, 1)


def test_T28_a_second_submit_of_the_same_page_says_that_it_was_done(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")

    page.press("Submit request", **NEW_APP)
    second = page.press("Submit request", **NEW_APP)

    assert second.status == 422
    assert "submitted or emptied already" in second.text()
    assert second.soup.select_one("main a[href='/requests']")
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (1, 1)


def test_T28_a_cart_that_changed_in_another_tab_is_not_submitted_unseen(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")
    fill_cart(person, make_product("Slipped in", plans=[plan]), plan=plan)

    second = page.press("Submit request", **NEW_APP)

    assert second.status == 422
    assert "has changed since this page was shown" in second.text("#cart-problems")
    assert second.field("App name")["value"] == "Checkout"
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (0, 0)


def test_R7_a_plan_that_changed_after_the_page_was_shown_is_not_accepted_unseen(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")
    with transaction():
        plan.quota_requests = 10

    assert page.press("Submit request", **NEW_APP).status == 422
    assert number_of(AccessRequest) == 0


def test_T25_products_of_two_catalogues_make_two_requests_and_the_page_says_so(browser, person, plan):
    partners = make_catalogue("Partners")
    fill_cart(
        person,
        make_product("Payments", plans=[plan]),
        make_product("Customs", plans=[plan], catalogue=partners),
        plan=plan,
    )

    page = browser(person).get("/cart")
    assert "This cart makes 2 requests" in page.text("#products")
    assert page.texts(".cart-group") == ["General", "Partners"]
    after = page.press("Submit request", **NEW_APP)

    made = access.requests_of(person)
    assert after.path == "/requests"
    assert [r.catalogue_name for r in made] == ["Partners", "General"]
    assert all(r.number in after.text("#messages") for r in made)
    assert len({r.batch for r in made}) == 1


# --- rules, each with a way out --------------------------------------------------------------------------------------


def test_T23_two_authentication_methods_are_explained_with_a_way_out(browser, person, plan):
    first = make_product("Payments", plans=[plan])
    second = make_product("Weather", plans=[plan], auth_method=AuthMethod.API_KEY)
    fill_cart(person, first, second, plan=plan)
    make_app(person)

    page = browser(person).get("/cart")
    refused = page.press("Submit request")
    assert refused.status == 422
    problem = refused.text("#cart-problems")
    assert "same authentication method" in problem
    assert "Payments (OAuth 2.0 client credentials)" in problem
    assert "Weather (API key)" in problem
    mended = refused.press("Remove Weather", within="#cart-problems")

    assert not mended.soup.select("#cart-problems")
    assert mended.press("Submit request").path.startswith("/requests/")


def test_T24_two_plans_are_explained_with_a_way_out(browser, person, plan):
    silver = make_plan("Silver")
    first, second = make_product("Payments", plans=[plan, silver]), make_product("Weather", plans=[plan, silver])
    fill_cart(person, first, plan=plan)
    fill_cart(person, second, plan=silver)

    refused = browser(person).get("/cart").press("Submit request", **NEW_APP)
    assert refused.status == 422
    assert "Payments (Gold); Weather (Silver)" in refused.text("#cart-problems")
    mended = refused.press("Use Silver for all", within="#cart-problems")

    assert mended.field("App name")["value"] == "Checkout"
    assert mended.press("Submit request").path.startswith("/requests/")
    assert {r.plan.name for r in access.requests_of(person)} == {"Silver"}


def test_R7_a_retired_product_is_explained_with_a_way_out(browser, person, plan):
    gone, stays = make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan])
    fill_cart(person, gone, stays, plan=plan)
    with transaction():
        gone.move_to(ProductState.RETIRED)

    page = browser(person).get("/cart")
    assert "Payments has been retired." in page.text("#cart-problems")

    assert page.press("Remove Payments", within="#cart-problems").press("Submit request", **NEW_APP).status == 200
    assert [r.products[0].name for r in access.requests_of(person)] == ["Weather"]


def test_R7_a_plan_that_is_no_longer_offered_is_explained_with_a_way_out(browser, person, plan):
    silver = make_plan("Silver")
    fill_cart(person, make_product("Payments", plans=[plan, silver]), plan=plan)
    with transaction():
        plan.state = PlanState.CLOSED

    page = browser(person).get("/cart")
    assert "Gold is no longer offered for Payments in General." in page.text("#cart-problems")

    page.press("Use Silver for all", within="#cart-problems").press("Submit request", **NEW_APP)
    assert [r.plan.name for r in access.requests_of(person)] == ["Silver"]


def test_T5_a_product_taken_out_of_its_catalogue_cannot_be_submitted(browser, person, plan):
    product = make_product("Payments", plans=[plan])
    fill_cart(person, product, plan=plan)
    page = browser(person).get("/cart")
    with transaction():
        catalogue = db.session.scalar(select(Catalogue))
        catalogue.products.remove(product)

    assert page.press("Submit request", **NEW_APP).status == 422
    assert number_of(AccessRequest) == 0


def test_T36_a_used_up_allowance_is_explained_with_a_way_out(browser, person):
    partner, silver = make_plan("Partner", allowance_requests=1, allowance_days=30), make_plan("Silver")
    make_request(person, make_product(plans=[partner, silver]), plan=partner)
    fill_cart(person, make_product(plans=[partner, silver]), plan=partner)

    page = browser(person).get("/cart").press("Submit request", **{"Developer app": "new", **NEW_APP})
    assert page.status == 422
    assert "Plan access quota exceeded: Partner allows 1 requests in 30 days" in page.text("#cart-problems")
    assert number_of(DeveloperApp) == 1  # a new app is no way round, and none is left behind

    page.press("Use Silver for all", within="#cart-problems").press("Submit request")
    assert {r.plan.name for r in access.requests_of(person)} == {"Partner", "Silver"}


def test_T35_somebody_elses_app_is_refused_with_everything_kept(browser, person, plan):
    foreign = make_app(make_user(), visibility="organisation")
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    page = browser(person).get("/cart")

    refused = page.press("Submit request", **{"Developer app": foreign.id, "Reason": "Mine now"})

    assert refused.status == 422
    assert "Choose one of your own apps" in refused.text("#cart-problems")
    assert refused.field("Reason").get_text().strip() == "Mine now"
    assert number_of(AccessRequest) == 0


def test_an_app_that_has_the_access_already_is_explained_with_a_way_out(browser, person, plan):
    product, other = make_product("Payments", plans=[plan]), make_product("Weather", plans=[plan])
    app = make_request(person, product, plan=plan).app
    fill_cart(person, product, other, plan=plan)

    refused = browser(person).get("/cart").press("Submit request", **{"Developer app": app.id})
    assert f"{app.name} already has a pending request for Payments." in refused.text("#cart-problems")

    refused.press("Remove Payments", within="#cart-problems").press("Submit request")
    assert number_of(AccessRequest) == 2


def test_T32_a_reason_is_demanded_where_the_plan_asks_for_it_and_nothing_typed_is_lost(browser, person):
    strict = make_plan("Strict", reason_required=True)
    fill_cart(person, make_product(plans=[strict]), plan=strict)

    page = browser(person).get("/cart")
    assert "Strict asks for it" in page.text("#reason-hint")
    refused = page.press("Submit request", **NEW_APP)

    assert refused.status == 422
    assert "Strict asks for a reason" in refused.text("#cart-problems")
    assert (refused.field("App name")["value"], refused.field("Redirect URLs")["value"]) == (
        "Checkout",
        "https://a.example/x",
    )
    assert refused.field("Description").get_text().strip() == "Pays for things"
    assert number_of(DeveloperApp) == 0
    assert refused.press("Submit request", Reason="For the shop").path.startswith("/requests/")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"App name": ""}, "Give the app a name."),
        ({"App name": "x" * 121}, "120 characters"),
        ({"App name": "taken"}, "You already have an app called taken."),
        ({"Redirect URLs": "ftp://x"}, "not an absolute http or https address"),
        ({"Redirect URLs": "https://ok.example, //x"}, "//x is not an absolute"),
        ({"Redirect URLs": "http://[::1"}, "not an absolute http or https address"),
        ({"Redirect URLs": "https://a.example/#x"}, "without a fragment"),
        ({"Description": "x" * 4001}, "4000 characters"),
        ({"Reason": "x" * 4001}, "4000 characters"),
        ({"Credential name": "x" * 121}, "120 characters"),
    ],
)
def test_T32_wrong_input_is_explained_and_makes_no_app(browser, person, plan, typed, message):
    make_app(person, "Taken")
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    refused = browser(person).get("/cart").press("Submit request", **{"Developer app": "new", **NEW_APP, **typed})

    assert refused.status == 422
    assert message in refused.text("#cart-problems")
    assert (number_of(AccessRequest), number_of(DeveloperApp)) == (0, 1)


def test_B2_fields_that_the_page_does_not_offer_are_ignored(browser, person, plan):
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    other = make_user()

    browser(person).forge(
        "/cart/submit",
        {"app": "new", "app_name": "Mine", "status": "approved", "state": "approved", "auto_approved": "1", "id": "77"}
        | {"requester_id": str(other.id), "owner_id": str(other.id), "user_id": str(other.id), "by": str(other.id)},
    )

    (request,) = access.requests_of(person)
    assert request.status is RequestStatus.PENDING
    assert request.app.owner_id == person.id
    assert not request.auto_approved


# --- credentials -----------------------------------------------------------------------------------------------------


@pytest.fixture
def held(person):
    """An app with a credential on a plan that approves by itself, and another product to add to it."""
    free = make_plan("Free", auto_approve=True)
    request = make_request(person, make_product("Payments", plans=[free]), plan=free)
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    return request


def test_T42_T45_products_are_added_to_a_compatible_credential(browser, person, held):
    page = browser(person).get("/cart")
    assert held.app.name in page.text("#credential-choice")

    page.press("Submit request", credential=held.credential_id)

    assert number_of(Credential) == 1
    assert {g.product.name for g in access.grants_of(held.app)} == {"Payments", "Weather"}
    assert {g.credential_id for g in access.grants_of(held.app)} == {held.credential_id}


def test_a_new_credential_can_be_named(browser, person, held):
    browser(person).get("/cart").press("Submit request", **{"Credential name": "Night job"})

    names = set(db.session.scalars(select(Credential.name)))
    assert names == {"Free", "Night job"}


def test_T43_T44_with_another_plan_the_page_says_that_no_credential_fits(browser, person, held):
    other = make_plan("Other")
    with transaction():
        access.empty_cart(person)
    fill_cart(person, make_product(plans=[other]), plan=other)

    page = browser(person).get("/cart")

    assert not page.soup.select("[name=credential][type=radio]")
    assert "None of your existing ones can take these products" in page.text("#credential-choice")


def test_T35_a_credential_of_somebody_else_is_refused(browser, person, plan):
    foreign = make_request(plan=make_plan(auto_approve=True)).credential_id
    make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    refused = browser(person).get("/cart").press("Submit request", credential=foreign)

    assert refused.status == 422
    assert "cannot take these products" in refused.text("#cart-problems")
    assert number_of(AccessRequest, AccessRequest.requester_id == person.id) == 0


def test_T42_a_credential_of_another_own_app_is_refused_in_words(browser, person, held):
    other = make_app(person, "Other app")

    refused = (
        browser(person)
        .get("/cart")
        .press("Submit request", **{"Developer app": other.id, "credential": held.credential_id})
    )

    assert refused.status == 422
    assert "belongs to another app than Other app" in refused.text("#cart-problems")


def test_by_htmx_the_choice_of_credentials_follows_the_app(browser, person, held):
    other, here = make_app(person, "Zebra"), browser(person)

    with_one = here.get(f"/cart?app={held.app_id}", htmx=True)
    without = here.get(f"/cart?app={other.id}", htmx=True)

    assert "<html" not in with_one.html
    assert held.credential.client_id in with_one.text("#credential-choice")
    assert held.credential.client_id not in without.text("#credential-choice")
