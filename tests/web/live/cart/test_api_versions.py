"""C22: a request names a version of the API; a retired one cannot be chosen, a deprecated one shows its last day."""

import json
from datetime import timedelta

import pytest

from portal import access, catalog
from portal.accounts import RoleName
from portal.catalog import ApiDescription
from portal.db import db, now, transaction
from portal.events import EventKind
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.queries import count_queries
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga")


@pytest.fixture
def maya():
    person = make_user(name="Maya")
    make_app(person, "Shop")
    return person


def describe(product, owner, number, title="Orders API", **kwargs):
    document = {"openapi": "3.0.3", "info": {"title": title, "version": number}, "paths": {}}
    given = catalog.read_description(json.dumps(document).encode())
    name = f"{title}-{number}.json"
    with transaction():
        return catalog.attach_description(product, given, name, by=owner, another_version=True, **kwargs)


@pytest.fixture
def orders(owner):
    plan = make_plan("Gold")
    product = make_product("Orders", plans=[plan], owners=[owner])
    for number in ("1.4.0", "2.1.0"):
        describe(product, owner, number)
    return product


def end(product, number, days, owner):
    (description,) = [d for d in catalog.descriptions_of(product) if d.api_version == number]
    with transaction():
        catalog.end_version(description, now().date() + timedelta(days=days), by=owner)
    return description


def cart_of(person, *products):
    plan = db.session.query(catalog.Plan).first()
    fill_cart(person, *products, plan=plan)


def submit(person, **saying):
    with transaction():
        return access.submit(make_app_of(person), by=person, reason="For us.", **saying)


def make_app_of(person):
    from portal import apps

    return apps.apps_of(person)[0]


def test_the_newest_version_is_asked_for_unless_another_is_chosen(browser, maya, owner, orders):
    cart_of(maya, orders)
    page = browser(maya).get("/cart")
    assert [option["value"] for option in page.field("Version of Orders").select("option")] == ["2.1.0", "1.4.0"]

    page = page.press("Submit request", **{"Version of Orders": "1.4.0"})

    (request,) = access.requests_of(maya)
    assert [item.api_version for item in request.items] == ["1.4.0"]
    assert request.terms["versions"] == {orders.slug: "1.4.0"}
    assert "Version 1.4.0" in page.text("#products")
    assert "Version 1.4.0" in browser(owner).get(f"/admin/access-requests/{request.number}").text("main")


def test_without_a_choice_the_usual_version_is_named(maya, owner, orders):
    cart_of(maya, orders)

    (request,) = submit(maya)

    assert request.items[0].api_version == "2.1.0"
    with_other = {**request.terms, "versions": {orders.slug: "1.4.0"}}
    assert with_other != request.terms  # what a reviewer's answer is bound to names the version


def chosen_in(page, label="Version of Orders"):
    options = page.field(label).select("option")
    return next((option["value"] for option in options if option.has_attr("selected")), options[0]["value"])


def test_the_chosen_version_is_still_chosen_when_the_person_comes_back(browser, maya, owner, orders):
    cart_of(maya, orders)
    browser(maya).get("/cart").press("Save draft", **{"Version of Orders": "1.4.0"})

    page = browser(maya).get("/cart")

    assert chosen_in(page) == "1.4.0"
    page.press("Submit request")
    assert [item.api_version for item in access.requests_of(maya)[0].items] == ["1.4.0"]
    cart_of(maya, orders)
    assert chosen_in(browser(maya).get("/cart")) == "2.1.0"  # it belonged to what was submitted


def test_taking_something_out_or_another_plan_keeps_the_chosen_version(browser, maya, owner):
    plans = [make_plan("Gold"), make_plan("Silver")]
    orders, plain = (make_product(name, plans=plans, owners=[owner]) for name in ("Orders", "Plain"))
    for number in ("1.4.0", "2.1.0"):
        describe(orders, owner, number)
    cart_of(maya, orders, plain)

    page = browser(maya).get("/cart").press("Remove Plain", **{"Version of Orders": "1.4.0"})
    assert chosen_in(page) == "1.4.0"
    page = page.press("Change plan", **{"Plan for the whole cart": str(plans[1].id)})
    assert "Your cart is on Silver now." in page.text()

    assert chosen_in(browser(maya).get("/cart")) == "1.4.0"


def test_a_kept_version_that_is_retired_meanwhile_gives_way_to_the_usual_one(browser, maya, owner, orders):
    describe(orders, owner, "3.0.0")
    cart_of(maya, orders)
    browser(maya).get("/cart").press("Save draft", **{"Version of Orders": "1.4.0"})
    end(orders, "1.4.0", 0, owner)

    page = browser(maya).get("/cart")

    assert chosen_in(page) == "3.0.0"
    forged = {"app": "new", f"version-{orders.id}": "9" * 1000, "version-77": "1"}
    browser(maya).forge("/cart/draft", forged)
    assert chosen_in(browser(maya).get("/cart")) == "3.0.0"


def test_a_deprecated_version_shows_its_last_day_and_is_not_the_usual_one(browser, maya, owner, orders):
    end(orders, "2.1.0", 30, owner)
    cart_of(maya, orders)
    day = now().date() + timedelta(days=30)

    options = browser(maya).get("/cart").field("Version of Orders").select("option")

    assert [option["value"] for option in options] == ["1.4.0", "2.1.0"]
    assert options[1].get_text() == f"2.1.0, until {day.day} {day:%b %Y}"


def test_a_retired_version_is_not_offered_and_refused(browser, maya, owner, orders):
    end(orders, "1.4.0", 0, owner)
    cart_of(maya, orders)
    page = browser(maya).get("/cart")
    assert "Version 2.1.0" in page.text("#products")
    assert not page.soup.select("select[name^=version]")

    for number, why in (("1.4.0", "is retired"), ("9.9", "does not exist")):
        with pytest.raises(access.CartRejected, match=why), transaction():
            access.submit(make_app_of(maya), by=maya, reason="For us.", versions={orders.id: number})
    refused = browser(maya).forge("/cart/submit", {"app": "new", f"version-{orders.id}": "1.4.0"})
    assert refused.status == 422
    end(orders, "2.1.0", -1, owner)
    with pytest.raises(access.CartRejected, match="Every version of Orders is retired"):
        submit(maya)


def test_products_without_versions_or_of_several_apis_name_none(maya, owner, orders):
    plain = make_product("Plain", plans=db.session.query(catalog.Plan).all(), owners=[owner])
    mixed = make_product("Mixed", plans=db.session.query(catalog.Plan).all(), owners=[owner])
    describe(mixed, owner, "1.0", "Customers API")
    describe(mixed, owner, "7.0", "Invoices API")
    cart_of(maya, plain, mixed)

    (request,) = submit(maya)

    assert [item.api_version for item in request.items] == ["", ""]
    assert "versions" not in request.terms


def test_an_owner_adds_a_version_beside_the_others_and_says_when_one_ends(browser, owner, orders):
    page = browser(owner).get(f"/admin/products/{orders.id}/descriptions")
    page = page.press("Save day", within="#description-" + str(first_of(orders).id), **{"Retired from": "2030-12-31"})

    assert "can be asked for until 31 December 2030" in page.text("main")
    assert str(first_of(orders).retires_on) == "2030-12-31"
    assert events_of(orders)[-1].kind == EventKind.PRODUCT_CHANGED
    assert "31 Dec 2030" in page.text(f"#description-{first_of(orders).id}")
    page = page.press("Save day", within=f"#description-{first_of(orders).id}", **{"Retired from": ""})
    assert first_of(orders).retires_on is None

    refused = page.press("Save day", within=f"#description-{first_of(orders).id}", **{"Retired from": "soon"})
    assert refused.status == 422


def first_of(product):
    return db.session.query(ApiDescription).filter_by(product_id=product.id, api_version="1.4.0").one()


def test_only_who_may_edit_the_product_ends_a_version(browser, maya, orders):
    key = first_of(orders).id
    for person in (make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR)):
        path = f"/admin/products/{orders.id}/descriptions/{key}/end"
        assert browser(person).forge(path, {"retires_on": "2030-12-31"}).status in {403, 404}
    assert first_of(orders).retires_on is None


def test_the_same_version_uploaded_again_takes_its_own_place(owner, orders):
    describe(orders, owner, "2.1.0")

    assert sorted(d.api_version for d in catalog.descriptions_of(orders)) == ["1.4.0", "2.1.0"]


def test_the_cart_asks_once_for_the_versions_of_all_products(browser, maya, owner, orders):
    here = browser(maya)
    cart_of(maya, orders)
    here.get("/cart")
    with count_queries() as one:
        here.get("/cart")
    more = [make_product(plans=db.session.query(catalog.Plan).all(), owners=[owner]) for _ in range(3)]
    for product in more:
        describe(product, owner, "1.0")
    cart_of(maya, *more)
    with count_queries() as several:
        here.get("/cart")

    assert len(several) == len(one)
