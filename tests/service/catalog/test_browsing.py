"""What consumers find: visible products only, in a steady order, at a steady cost."""

import pytest
from sqlalchemy import insert, select, text

from portal import catalog
from portal.catalog import ApiProduct, AuthMethod, ProductState
from portal.db import db, on_sqlite, transaction
from tests.service.catalog.openapi import attach, openapi
from tests.support.builders import make_catalogue, make_product
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def names(**kwargs):
    return [tile.name for tile in catalog.browse(**kwargs).tiles]


def walk(**kwargs):
    """All pages, one after the other."""
    found, after = [], None
    while True:
        shelf = catalog.browse(after=after, **kwargs)
        found += [tile.name for tile in shelf.tiles]
        after = shelf.next_after
        if after is None:
            return found


def make_many(count, **columns):
    """Products in bulk in a catalogue of their own, indexed."""
    shelf = make_catalogue("Bulk")
    with transaction():
        rows = [
            {"slug": f"bulk-{n}", "name": f"Bulk {n:05}", "sort_name": f"bulk {n:05}", "state": ProductState.PUBLISHED}
            | columns
            for n in range(count)
        ]
        db.session.execute(insert(ApiProduct), rows)
        ids = db.session.scalars(select(ApiProduct.id).where(ApiProduct.slug.startswith("bulk-"))).all()
        db.session.execute(
            text("insert into catalogue_product (catalogue_id, product_id) values (:c, :p)"),
            [{"c": shelf.id, "p": id} for id in ids],
        )
        catalog.rebuild_index()
    return shelf


def test_T5_B13_only_open_products_in_a_catalogue_are_listed_and_found():
    make_product("Published")
    make_product("Going", state=ProductState.DEPRECATED)
    make_product("Draft", state=ProductState.DRAFT)
    make_product("Gone", state=ProductState.RETIRED)
    with transaction():
        catalog.create_product({"name": "Nowhere", "state": ProductState.PUBLISHED}, by=None)

    assert names() == ["Going", "Published"]
    assert [names(search=word) for word in ("draft", "gone", "nowhere", "published")] == [[], [], [], ["Published"]]


def test_products_stand_in_the_order_of_their_names_whatever_the_case():
    for name in ("banana", "Apple", "cherry", "apple"):
        make_product(name)

    assert names() == ["Apple", "apple", "banana", "cherry"]
    assert walk(size=1) == ["Apple", "apple", "banana", "cherry"]


def test_a_tile_leads_to_a_catalogue_in_which_the_product_stands():
    first, second = make_catalogue(), make_catalogue()
    product = make_product(catalogue=first)
    with transaction():
        catalog.change_product(product, {"catalogues": [first, second]}, by=None)

    assert [tile.catalogue_slug for tile in catalog.browse().tiles] == [first.slug]
    assert [tile.catalogue_slug for tile in catalog.browse(catalogue=second).tiles] == [second.slug]


def test_T8_search_and_catalogue_narrow_together():
    shelf = make_catalogue()
    make_product("Pay in", catalogue=shelf)
    make_product("Pay out")
    make_product("Weather", catalogue=shelf)

    assert names(search="pay", catalogue=shelf) == ["Pay in"]
    assert names(catalogue=shelf) == ["Pay in", "Weather"]
    assert catalog.browse(search="pay").count == 2


def test_filters_by_category_authentication_and_tag():
    make_product("A", category="Money", tags=["cards", "PSD2"])
    make_product("B", category="Money", auth_method=AuthMethod.API_KEY)
    make_product("C", category="Places", tags=["psd2"])

    assert names(category="Money") == ["A", "B"]
    assert names(auth_method="api_key") == ["B"]
    assert names(category="Money", auth_method=AuthMethod.OAUTH2) == ["A"]
    assert names(tag="PSD2") == ["A", "C"]
    assert names(tag="PSD") == []
    assert names(tag="cards", category="Places") == []
    assert list(catalog.categories()) == ["Money", "Places"]


def test_search_finds_beginnings_of_words_accents_and_what_the_description_says():
    product = make_product("Größenbestimmung", description="Measures *parcels*.", tags=["über"])
    attach(
        product,
        openapi("Sizing", paths={"/parcelSizes/{id}": {"get": {"summary": "Estimate a volume", "responses": {}}}}),
    )

    for word in ("größen", "GROSSEN", "measures", "parcel", "uber", "estimate volume", "sizes", "parcelsi"):
        assert names(search=word) == ["Größenbestimmung"], word
    assert names(search="volumetric") == []
    assert names(search="par ") == []


def test_a_name_counts_more_than_the_rest():
    make_product("Alpha", description="All about refunds.")
    make_product("Beta", category="Refunds")
    make_product("Refunds")

    assert names(search="refunds") == ["Refunds", "Beta", "Alpha"]
    assert walk(search="refunds", size=1) == ["Refunds", "Beta", "Alpha"]


def test_what_is_changed_is_found_by_its_new_words_only():
    product = make_product("Oldword")
    with transaction():
        catalog.change_product(product, {"name": "Newword"}, by=None)

    assert (names(search="oldword"), names(search="newword")) == ([], ["Newword"])


@pytest.mark.parametrize(
    "oddity",
    [
        "%",
        "_",
        "*",
        "'",
        '"',
        '""',
        "\\",
        "a' OR '1'='1",
        'pay" OR "x',
        "NEAR(a b)",
        "name:pay",
        "-pay",
        "pay AND NOT",
        "(",
        "pay & !",
        "pay:*",
        "<->",
        "\x00",
        "pay\x00ments",
        "\ud800",
        "💳",
        "\u202e",
        "x" * 10_000,
        "a " * 5_000,
        "%_" * 5_000,
        " ",
        "'; drop table api_product; --",
    ],
)
def test_L6_no_search_breaks_anything(oddity):
    make_product("Payments")

    for field in ("search", "tag", "category", "auth_method"):
        catalog.browse(**{field: oddity})
    catalog.products_page(oddity)
    assert db.session.scalar(select(ApiProduct.name)) == "Payments"


def test_L6_odd_places_and_sizes_are_bounded():
    make_product("Only")

    assert names(after=2**63 - 1) == ["Only"]
    assert names(size=10**9) == ["Only"]
    assert names(size=-5) == ["Only"]


def test_many_products_are_walked_by_key_without_gap_or_repetition():
    shelf = make_many(700)
    everything = [f"Bulk {n:05}" for n in range(700)]

    assert walk(size=100) == everything
    assert walk(size=100, catalogue=shelf) == everything
    assert walk(size=90, search="bulk") == everything[::-1]  # too many to rank: the newest first
    assert walk(size=100, search="00001") == ["Bulk 00001"]


def test_narrow_and_wide_filters_agree():
    make_many(400, category="Wide", auth_method=AuthMethod.API_KEY, tags=["common"])
    make_product("Bulk narrow", category="Narrow", tags=["common"])

    assert names(search="bulk", category="Narrow") == ["Bulk narrow"]
    assert names(search="bulk narrow", category="Narrow") == ["Bulk narrow"]
    assert names(tag="common", auth_method="oauth2_client_credentials") == ["Bulk narrow"]
    assert len(walk(category="Wide", tag="common", size=100)) == 400
    assert catalog.browse(category="Wide").count is None


def test_the_number_of_queries_does_not_grow_with_the_products():
    make_many(30)
    for kwargs in ({}, {"search": "bulk"}, {"search": "bulk", "category": "x"}, {"catalogue": catalog.catalogues()[0]}):
        with count_queries() as few:
            catalog.browse(size=2, **kwargs)
        with count_queries() as many:
            catalog.browse(size=30, **kwargs)
        assert len(few) == len(many) <= 4, kwargs


def test_P3_the_page_is_read_from_an_index_and_nothing_is_sorted():
    make_many(2_000)
    db.session.execute(text("analyze"))
    conditions = [catalog.browsing.is_on_a_shelf(None)]
    for after in (None, db.session.scalar(select(ApiProduct.id).where(ApiProduct.slug == "bulk-1500"))):
        plan = explained(catalog.browsing._by_name(conditions, after).limit(25))

        assert "ix_api_product_open_sort_name_id" in plan
        assert not any(word in plan.lower() for word in ("temp b-tree", "sort key", "seq scan on api_product"))


def explained(query):
    compiled = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    prefix = "explain query plan " if on_sqlite() else "explain "
    return "\n".join(" ".join(map(str, row)) for row in db.session.execute(text(prefix + str(compiled))))


def test_admins_page_through_every_state():
    make_product("A draft", state=ProductState.DRAFT)
    make_product("B gone", state=ProductState.RETIRED)
    third = make_product("C shown")

    assert [p.name for p in catalog.products_page()] == ["A draft", "B gone", "C shown"]
    assert [p.name for p in catalog.products_page("gone")] == ["B gone"]
    assert [p.name for p in catalog.products_page(state="draft")] == ["A draft"]
    first = catalog.products_page(size=1)[0]
    assert [p.name for p in catalog.products_page(after=first.id)] == ["B gone", "C shown"]
    assert list(catalog.products_page(after=third.id)) == []
    assert list(catalog.products_page(state="nonsense")) == []
