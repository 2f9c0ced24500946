"""The catalogue page: found, filtered, paged, and never broken."""

import pytest

from portal import catalog
from portal.catalog import AuthMethod, ProductState
from portal.db import transaction
from tests.support.builders import make_catalogue, make_product, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
TILES = ".tile-title"


def test_T2_everybody_sees_what_is_published_and_T9_each_tile_leads_on(browser):
    make_product("Payments", tags=["cards"])
    make_product("Draft", state=ProductState.DRAFT)
    make_product("Gone", state=ProductState.RETIRED)

    for visitor in (browser(), browser(make_user())):
        page = visitor.get("/catalogues")
        assert page.texts(TILES) == ["Payments"]
        assert "What it does." in page.text(".tile")
        assert "OAuth 2.0 client credentials" in page.text(".tile")
        assert page.follow("More info").texts("h1") == ["Payments"]


def test_T8_search_and_filters_stand_in_the_url_and_reset_shows_all(browser):
    shelf = make_catalogue("Partners")
    make_product("Pay in", catalogue=shelf, category="Money")
    make_product("Pay out", auth_method=AuthMethod.API_KEY)
    make_product("Weather", catalogue=shelf)
    page = browser().get("/catalogues")

    found = page.press("Search", q="pay", catalogue=shelf.slug)

    assert found.texts(TILES) == ["Pay in"]
    assert f"catalogue={shelf.slug}" in found.path
    assert found.field("Search APIs")["value"] == "pay"
    assert "1 API found" in found.text("#shelf")
    assert found.follow("Reset").texts(TILES) == ["Pay in", "Pay out", "Weather"]
    assert page.press("Search", Authentication="api_key").texts(TILES) == ["Pay out"]
    assert page.press("Search", Category="Money").texts(TILES) == ["Pay in"]


def test_T8_no_match_says_so(browser):
    make_product("Payments")

    page = browser().get("/catalogues?q=unheard-of")

    assert "No APIs found." in page.text("#shelf")
    assert page.follow("Show all APIs").texts(TILES) == ["Payments"]


def test_grid_and_list_show_the_same(browser):
    make_product("Payments", category="Money")

    page = browser().get("/catalogues?q=pay").follow("List")

    assert page.texts(".row-title") == ["Payments"]
    assert "q=pay" in page.path
    assert page.follow("More info").texts("h1") == ["Payments"]
    assert page.follow("Grid").texts(TILES) == ["Payments"]


def test_a_catalogue_has_a_page_of_its_own(browser):
    shelf = make_catalogue("Partners")
    make_product("Inside", catalogue=shelf)
    make_product("Outside")

    page = browser().get(f"/catalogues/{shelf.slug}")

    assert page.texts("h1") == ["Partners"]
    assert page.texts(TILES) == ["Inside"]
    assert page.press("Search", q="outside").texts(TILES) == []
    assert browser().get("/catalogues/unknown").status == 404


def test_T10_a_deleted_catalogue_is_gone_at_once(browser):
    shelf = make_catalogue("Partners")
    product = make_product("Inside", catalogue=shelf)
    visitor = browser()
    assert visitor.get(f"/catalogues/{shelf.slug}/{product.slug}").status == 200
    with transaction():
        catalog.delete_catalogue(shelf, by=None)

    assert visitor.get("/catalogues").texts(TILES) == []
    assert visitor.get(f"/catalogues/{shelf.slug}").status == 404
    assert visitor.get(f"/catalogues/{shelf.slug}/{product.slug}").status == 404


def test_pages_are_walked_by_key(browser):
    for number in range(30):
        make_product(f"Product {number:02}")
    first = browser().get("/catalogues")

    second = first.follow("Next page")

    assert first.texts(TILES) + second.texts(TILES) == [f"Product {n:02}" for n in range(30)]
    assert second.follow("First page").texts(TILES) == first.texts(TILES)
    assert "OFFSET" not in second.path


def test_a_tag_narrows_and_is_named(browser):
    make_product("Tagged", tags=["cards & more"])
    make_product("Plain")

    page = browser().get("/catalogues", query_string={"tag": "cards & more"})

    assert page.texts(TILES) == ["Tagged"]
    assert "1 API found with the tag cards & more" in page.text("#shelf")
    assert page.press("Search", q="zzz").field("tag")["value"] == "cards & more"


def test_htmx_gets_the_shelf_alone_and_a_clean_address(browser):
    make_product("Payments")

    part = browser().get("/catalogues?q=pay&category=&auth=", htmx=True)

    assert "<html" not in part.html
    assert part.texts(TILES) == ["Payments"]
    assert part.headers["HX-Push-Url"] == "/catalogues?q=pay"
    assert "HX-Request" in part.headers["Vary"]


@pytest.mark.parametrize(
    "query",
    [
        {"after": "0"},
        {"after": "-1"},
        {"after": "1" + "0" * 20},
        {"after": "x"},
        {"page": str(10**20), "per_page": "1000000", "sort": "password"},
        {"q": "%"},
        {"q": "\"*'); --"},
        {"q": "\x00"},
        {"q": "a" * 10_000},
        {"catalogue": "\x00"},
        {"catalogue": "nowhere"},
        {"category": "\x00"},
        {"tag": "\x00"},
        {"auth": "telepathy"},
        {"view": "<script>"},
    ],
)
def test_L6_no_address_breaks_the_page(browser, query):
    make_product("Payments")

    page = browser().get("/catalogues", query_string=query)

    assert page.status == (400 if "\x00" in "".join(query.values()) else 200)
    assert len(page.texts(TILES)) <= 1


def test_what_is_searched_for_is_shown_as_text(browser):
    page = browser().get(
        "/catalogues", query_string={"q": '"><script>alert(1)</script>', "tag": "<b>", "category": "<i>"}
    )

    assert "<script>alert" not in page.html
    assert "<b>" not in page.html
    assert page.field("Search APIs")["value"] == '"><script>alert(1)</script>'


def test_C_the_number_of_queries_does_not_grow_with_the_rows(browser):
    make_product("Product")
    visitor, member = browser(), browser(make_user())
    counts = []
    for _ in range(2):
        for person in (visitor, member):
            person.get("/catalogues")
            for path in ("/catalogues", "/catalogues?q=product", "/catalogues?view=list"):
                with count_queries() as counted:
                    person.get(path)
                counts.append(len(counted))
        for number in range(20):
            make_product(f"Product {number}", tags=["x"], category=f"Cat {number}")

    assert counts[:6] == counts[6:]
    assert max(counts[:3]) <= 7
