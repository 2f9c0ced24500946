"""A product's pages: overview, plans, documentation, full reference and download."""

import contextvars
import gzip
import json

import pytest

from portal import catalog
from portal.access import cart_of
from portal.accounts import RoleName
from portal.catalog import AuthMethod, PlanState, ProductState
from portal.db import transaction
from tests.service.catalog.openapi import attach, openapi
from tests.support.builders import make_catalogue, make_plan, make_product, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
EVIL = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"


def address(product, part="", catalogue="general"):
    return f"/catalogues/{catalogue}/{product.slug}{part}"


def test_T11_the_overview_has_what_a_developer_needs(browser):
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    product = make_product(
        "Payments",
        owners=[owner],
        description="# Payments\n\nTakes *money*.",
        base_url="https://pay.example/v1",
        tags=["cards"],
    )
    attach(product, openapi("Payments", version="2.4"))

    page = browser().get(address(product))

    assert page.texts("h1") == ["Payments"]
    assert page.soup.select_one(".prose em").get_text() == "money"
    assert page.texts(".prose h2") == []
    assert page.text("#base-url") == "https://pay.example/v1"
    facts = page.text("aside")
    for words in ("OAuth 2.0 client credentials", f"{product.slug}:read", "cards", "Ingrid", "Version 2.4"):
        assert words in facts
    assert owner.email not in page.html
    assert owner.email in browser(make_user()).get(address(product)).text("aside")
    assert page.follow("Documentation 2").path == address(product, "/documentation")
    assert page.follow("Full reference").path == address(product, "/reference")


def test_T12_a_consumer_puts_a_plan_in_the_cart_and_T19_goes_on(browser):
    plan = make_plan("Gold", quota_requests=1000, quota_period="day", rate_requests=5, rate_seconds=10)
    product, consumer = make_product("Payments", plans=[plan]), make_user()

    page = browser(consumer).get(address(product))
    assert "1,000 requests a day" in page.text(f"#plan-{plan.id}")
    assert "5 requests in 10 seconds" in page.text(f"#plan-{plan.id}")
    back = page.press("Access with this Plan")

    assert back.path == address(product)
    assert [(item.product_id, item.plan_id) for item in cart_of(consumer)] == [(product.id, plan.id)]
    assert "Go to cart" in page.press("Access with this Plan", htmx=True).text()


def test_T12_strangers_are_led_to_sign_in_and_back(browser):
    product = make_product(plans=[make_plan("Gold")])

    page = browser().get(address(product))

    assert not page.has_button("Access with this Plan")
    person = make_user()
    sign_in = page.follow("Sign in to request access on Gold")
    assert sign_in.press("Sign in", Email=person.email, Password="portico-demo").path.startswith(address(product))


@pytest.mark.parametrize("role", [r for r in RoleName if r is not RoleName.CONSUMER])
def test_T12_owners_and_their_colleagues_only_read(browser, role):
    product = make_product(plans=[make_plan()])

    page = browser(make_user(role)).get(address(product))

    assert not page.has_button("Access with this Plan")
    assert "Only API consumers request access" in page.text("#plans")


def test_T6_plans_of_all_catalogues_once_each_and_T7_the_catalogue_is_named(browser):
    here, there = make_catalogue("Here"), make_catalogue("There")
    both, only_there = make_plan("Both"), make_plan("Only there")
    product, consumer = make_product(plans=[both], catalogue=here), make_user()
    with transaction():
        catalog.change_catalogue(there, {"products": [product], "plans": [both, only_there]}, by=None)

    page = browser(consumer).get(address(product, catalogue=here.slug))

    assert page.texts(".plan-name") == ["Both", "Only there"]
    assert "Catalogue Here" in page.text(f"#plan-{both.id}")
    assert "Catalogue There" in page.text(f"#plan-{only_there.id}")
    page.press("Access with this Plan", within=f"#plan-{only_there.id}")
    assert [item.catalogue_id for item in cart_of(consumer)] == [there.id]
    other = page.follow("There")
    assert "Catalogue There" in other.text(f"#plan-{both.id}")


def test_T13_a_product_without_plans_says_so(browser):
    product = make_product(plans=[make_plan(state=PlanState.CLOSED)])

    page = browser(make_user()).get(address(product))

    assert "No plans" in page.text("#plans")
    assert not page.has_button("Access with this Plan")


@pytest.mark.parametrize("method", [AuthMethod.BASIC, AuthMethod.CUSTOM])
def test_T15_other_authentication_is_shown_but_cannot_be_requested(browser, method):
    product = make_product(plans=[make_plan()], auth_method=method)

    page = browser(make_user()).get(address(product))

    assert "Access cannot be requested here" in page.text("#plans")
    assert not page.has_button("Access with this Plan")


def test_T18_only_the_display_name_of_a_plan_is_seen(browser):
    with transaction():
        plan = catalog.create_plan({"name": "gold-internal-2024", "display_name": "Gold"}, by=None)

    page = browser(make_user()).get(address(make_product(plans=[plan])))

    assert page.texts(".plan-name") == ["Gold"]
    assert "gold-internal" not in page.html


def test_a_plan_says_what_asking_for_it_involves(browser):
    product = make_product(plans=[make_plan("Auto", auto_approve=True), make_plan("Asked", reason_required=True)])

    first, second = browser().get(address(product)).texts(".plan")

    assert "Approved at once" in first
    assert "Approval Automatic" in first
    assert "owner’s approval" in second
    assert "Reason Needed" in second


def test_a_deprecated_product_says_so_on_every_page(browser):
    product = make_product(plans=[make_plan()], state=ProductState.DEPRECATED)
    attach(product, openapi())

    for part in ("", "/documentation", "/reference"):
        assert "This API is deprecated" in browser(make_user()).get(address(product, part)).text()
    assert browser(make_user()).get(address(product)).has_button("Access with this Plan")


@pytest.mark.parametrize("state", [ProductState.DRAFT, ProductState.RETIRED])
@pytest.mark.parametrize(
    "part", ["", "/documentation", "/documentation/1", "/reference", "/reference/openapi.json", "/description"]
)
def test_B13_B14_what_is_not_open_is_not_found_by_any_address(browser, state, part):
    product = make_product("Secret plans")
    kept = attach(product, openapi())
    assert browser().get(address(product, part)).status == 200
    product_path = address(product, part)
    with transaction():
        product.state = state

    for visitor in (browser(), browser(make_user()), browser(make_user(RoleName.ADMINISTRATOR))):
        for path in (product_path, f"{product_path}?description={kept.id}"):
            answer = visitor.get(path)
            assert answer.status == 404
            assert "Secret" not in answer.html


def test_B14_a_browsers_copy_of_the_document_is_not_confirmed_after_the_end(browser):
    product = make_product()
    attach(product, openapi())
    path = address(product, "/reference/openapi.json")
    mark = browser().get(path).headers["ETag"]
    assert browser().get(path, headers={"If-None-Match": mark}).status == 304
    with transaction():
        product.state = ProductState.RETIRED

    assert browser().get(path, headers={"If-None-Match": mark}).status == 404


def test_T5_a_product_is_found_only_in_its_own_catalogues(browser):
    product, other = make_product(), make_catalogue()

    assert browser().get(address(product, catalogue=other.slug)).status == 404
    assert browser().get("/catalogues/general/unknown").status == 404


def test_another_products_description_is_not_reached_through_this_one(browser):
    mine, other = make_product(), make_product(state=ProductState.DRAFT)
    attach(mine, openapi("Mine"))
    kept = attach(other, openapi("Other"))

    for part in ("/documentation", "/documentation/1", "/reference", "/reference/openapi.json", "/description"):
        assert browser().get(address(mine, f"{part}?description={kept.id}")).status == 404
        assert browser().get(address(mine, f"{part}?description=x")).status == 404


def test_the_download_is_the_file_as_it_was_given_and_never_a_page(browser):
    product = make_product()
    raw = b"openapi: 3.0.3\ninfo: {title: <b>W</b>, version: '1'}\npaths: {}\n"
    attach(product, raw, 'Wetter "2"\r\n größe.yaml')

    answer = browser().get(address(product, "/description")).answer

    assert answer.data == raw
    assert answer.mimetype == "application/yaml"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "gr%C3%B6%C3%9Fe.yaml" in answer.headers["Content-Disposition"]


def test_the_viewers_document_comes_compressed_to_whoever_takes_it(browser):
    product = make_product()
    attach(product, openapi("Weather", externalDocs={"url": "javascript:alert(1)"}))
    path = address(product, "/reference/openapi.json")

    plain = browser().get(path).answer
    small = contextvars.Context().run(browser().client.get, path, headers={"Accept-Encoding": "gzip"})

    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert json.loads(gzip.decompress(small.data)) == json.loads(plain.data)
    assert "javascript:" not in plain.text


def test_a_small_description_shows_every_operation_with_its_details(browser):
    product = make_product()
    attach(product, openapi(count=4, tags=2))

    page = browser().get(address(product, "/documentation"))

    assert page.texts(".docs-group") == ["Group 1", "Group 2"]
    assert len(page.texts(".operation-path")) == 4
    assert "thing_id required" in page.text(".operation-detail table")


def test_a_large_description_is_shown_a_group_and_a_page_at_a_time(browser):
    product = make_product()
    attach(product, openapi(count=80, tags=2))
    first = browser().get(address(product, "/documentation"))

    assert len(first.texts(".operation-path")) == 25
    assert not first.soup.select(".operation-detail")
    second = first.follow("Next page")
    assert len(second.texts(".operation-path")) == 15
    assert second.follow("First page").texts(".operation-path") == first.texts(".operation-path")
    other = first.follow("Group 2 40")
    assert not set(other.texts(".operation-path")) & set(
        first.texts(".operation-path") + second.texts(".operation-path")
    )
    detail = other.follow("Parameters and responses")
    assert detail.texts("h1") == [product.name]
    assert "thing_id" in detail.text(".operation-detail")
    part = browser().get(detail.path, htmx=True)
    assert part.soup.find().get("class") == ["operation-detail"]


@pytest.mark.parametrize(
    "query", ["group=99", "group=x", "from=999999", "from=-1", "group=2&from=1", "group=9" + "0" * 30]
)
def test_L6_odd_places_in_the_documentation_are_answered(browser, query):
    product = make_product()
    attach(product, openapi(count=60, tags=2))

    page = browser().get(address(product, f"/documentation?{query}"))

    assert page.status in (200, 404)
    assert len(page.texts(".operation-path")) <= 25


def test_a_product_without_a_description_says_so(browser):
    product = make_product()

    for part in ("/documentation", "/reference"):
        assert "No API description yet" in browser().get(address(product, part)).text("main")
    for part in ("/description", "/reference/openapi.json", "/documentation/1"):
        assert browser().get(address(product, part)).status == 404


def test_D4_every_string_of_a_description_is_shown_as_text(browser):
    raw = json.dumps(
        {
            "openapi": "3.0.3",
            "info": {
                "title": EVIL,
                "version": EVIL,
                "description": EVIL,
                "contact": {"name": EVIL, "url": "javascript:alert(1)"},
                "license": {"name": EVIL, "url": "javascript:alert(1)"},
            },
            "servers": [{"url": "javascript:alert(1)"}, {"url": f"https://a.example/{EVIL}"}],
            "tags": [{"name": EVIL}],
            "paths": {
                f"/{EVIL}": {
                    "get": {
                        "summary": EVIL,
                        "description": EVIL,
                        "operationId": EVIL,
                        "tags": [EVIL],
                        "parameters": [
                            {"name": EVIL, "in": EVIL, "description": EVIL, "example": EVIL, "schema": {"type": EVIL}}
                        ],
                        "requestBody": {"content": {EVIL: {}}},
                        "responses": {EVIL: {"description": EVIL}},
                        "security": [{EVIL: [EVIL]}],
                    }
                }
            },
            "components": {"securitySchemes": {EVIL: {"type": "oauth2", "description": EVIL, "flows": {}}}},
        }
    ).encode()
    given = catalog.read_description(raw)
    shelf = make_catalogue()
    with transaction():
        product = catalog.import_description(given, f"{EVIL}.json", by=None, catalogue=shelf).product

    for path in (
        f"/catalogues/{shelf.slug}",
        "/catalogues?view=list",
        address(product, catalogue=shelf.slug),
        address(product, "/documentation", shelf.slug),
        address(product, "/documentation/1", shelf.slug),
        address(product, "/reference", shelf.slug),
    ):
        page = browser().get(path)
        assert page.status == 200
        assert not page.soup.select("img, [onerror], script:not([src])"), path
        assert not [a for a in page.soup.select("[href]") if "javascript:" in a["href"]], path
        assert "{{7*7}}" in page.text("main"), path


def test_D2_hostile_markdown_leaves_no_element_handler_or_script_address(browser):
    product = make_product(
        description="[a](javascript:alert(1)) <a href='java\tscript:alert(1)'>b</a> <https://ok.example> "
        '![x](x" onerror=alert(1)) <svg onload=alert(1)>'
        "\n\n[r]: data:text/html,x\n[c][r]\n\n```\n</code><script>alert(1)</script>\n```"
    )

    page = browser().get(address(product))

    prose = page.soup.select_one(".prose")
    assert not prose.select("script, svg, img, [onload], [onerror]")
    assert [a["href"] for a in prose.select("a[href]")] == ["https://ok.example"]


def test_names_of_any_length_and_script_are_shown(browser):
    for name in ("اختبار واجهة", "x" * 200, "A & B <c>"):
        product = make_product(name)
        assert browser().get(address(product)).texts("h1") == [name]


def test_P10_the_pages_of_a_large_description_ask_no_more_than_those_of_a_small_one(browser):
    plan = make_plan()
    small, large = make_product(plans=[plan]), make_product(plans=[plan])
    attach(small, openapi(count=3))
    attach(large, openapi(count=1_500, tags=150))
    visitor = browser()
    for part in ("", "/documentation", "/reference"):
        counts, sizes = [], []
        for product in (small, large):
            with count_queries() as counted:
                page = visitor.get(address(product, part))
            counts.append(len(counted))
            sizes.append(len(page.html))
            assert not [s for s in counted if "viewer_json" in s or "api_description.raw" in s]
        assert counts[0] == counts[1] <= 8
        assert sizes[1] < 80_000


def test_the_number_of_queries_does_not_grow_with_plans_and_owners(browser):
    visitor = browser(make_user())
    one = make_product(plans=[make_plan()], owners=[make_user(RoleName.API_OWNER)], catalogue=make_catalogue())
    shelf = make_catalogue()
    many = make_product(
        plans=[make_plan() for _ in range(6)], owners=[make_user(RoleName.API_OWNER) for _ in range(4)], catalogue=shelf
    )

    paths = {one: catalog.catalogues_of(one)[0].slug, many: shelf.slug}
    counts = []
    for product, slug in paths.items():
        path = address(product, catalogue=slug)
        visitor.get(path)
        with count_queries() as counted:
            visitor.get(path)
        counts.append(len(counted))
    assert counts[0] == counts[1]
