"""API products in the Admin Portal: the list."""

from __future__ import annotations

import pytest

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import ProductState
from portal.db import transaction
from tests.support.builders import make_catalogue, make_plan, make_product, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_the_list_is_filtered_searched_counted_and_paged_by_key(owner, monkeypatch):
    monkeypatch.setattr("admin.products.PAGE_SIZE", 4)
    for number in range(6):
        make_product(f"Tracker {number}")
    make_product("Ledger", state=ProductState.DRAFT)
    page = owner.get("/admin/products")
    assert page.texts(".link-tabs a") == ["All", "Draft 1", "Published 6", "Deprecated 0", "Retired 0"]
    assert page.texts("tbody th bdi") == ["Ledger", "Tracker 0", "Tracker 1", "Tracker 2"]
    assert page.follow("Next page").texts("tbody th bdi") == ["Tracker 3", "Tracker 4", "Tracker 5"]
    assert page.follow("Draft 1").texts("tbody th bdi") == ["Ledger"]

    found = page.press("Search", q="tracker")
    assert len(found.texts("tbody tr")) == 4
    assert len(found.follow("Next page").texts("tbody tr")) == 2
    assert "No product matches" in page.press("Search", q="zzzz").text()
    assert owner.get("/admin/products?state=gone").status == 404
    for after in ("0", "-1", "x", "9" * 30, "999"):
        assert owner.get("/admin/products", query_string={"after": after}).status == 200


def test_list_and_pages_take_a_constant_number_of_queries(owner, person):
    product = make_product(owners=[person, make_user(RoleName.API_OWNER)], plans=[make_plan()])
    paths = ("/admin/products", f"/admin/products/{product.id}", f"/admin/products/{product.id}/descriptions")

    def counts() -> list[int]:
        numbers = []
        for path in paths:
            owner.get(path)
            with count_queries() as counted:
                owner.get(path)
            numbers.append(len(counted))
        return numbers

    few = counts()
    for number in range(8):
        people = [make_user(RoleName.API_OWNER) for _ in range(2)]
        make_product(f"Other {number}", owners=people, plans=[make_plan()], catalogue=make_catalogue())
    with transaction():
        everybody = [person, *(p.owners[0] for p in catalog.products_page() if p.owners)]
        catalog.change_product(product, {"owners": everybody, "catalogues": catalog.catalogues()}, by=None)

    assert counts() == few
