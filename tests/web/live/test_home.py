"""The shop window."""

import pytest

from portal.catalog import ProductState
from tests.support.builders import make_product, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_the_home_page_says_what_this_is_and_leads_to_featured_apis(browser):
    make_product("Payments", featured=True, category="Money")
    make_product("Plain")
    make_product("Hidden", featured=True, state=ProductState.DRAFT)

    page = browser().get("/")

    assert page.texts("h1") == ["APIs to build on"]
    assert page.texts("#featured .tile-title") == ["Payments"]
    assert page.follow("More info").texts("h1") == ["Payments"]
    assert page.follow("Money").texts(".tile-title") == ["Payments"]


def test_the_search_box_leads_to_the_catalogue(browser):
    make_product("Payments")

    found = browser().get("/").press("Search", q="paym")

    assert found.path.startswith("/catalogues?q=paym")
    assert found.texts(".tile-title") == ["Payments"]


def test_an_empty_portal_says_so(browser):
    assert "Nothing is published yet" in browser().get("/").text("main")


def test_signed_in_people_see_the_same(browser):
    make_product("Payments", featured=True)

    assert browser(make_user()).get("/").texts("#featured .tile-title") == ["Payments"]


def test_the_number_of_queries_does_not_grow(browser):
    make_product(featured=True, category="A")
    visitor = browser()
    visitor.get("/")
    with count_queries() as few:
        visitor.get("/")
    for name in "BCDEF":
        make_product(featured=True, category=name)
    with count_queries() as many:
        visitor.get("/")

    assert len(few) == len(many) <= 6
