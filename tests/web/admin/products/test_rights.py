"""API products in the Admin Portal: who may, and what may not be forged."""

from __future__ import annotations

import pytest

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import ProductState
from tests.support.builders import make_product, make_user
from tests.web.admin.products.files import WEATHER, stored, upload

pytestmark = pytest.mark.usefixtures("app")
POSTS = ("", "/publish", "/deprecate", "/retire", "/descriptions", "/descriptions/1/remove")


def test_B2_fields_that_the_form_does_not_have_are_ignored(owner, person):
    product = make_product("Payments", owners=[person], state=ProductState.DRAFT)
    page = owner.get(f"/admin/products/{product.id}")
    kept = {name: page.field(name)["value"] for name in ("csrf_token", "version", "seen")}
    extra = {"state": "published", "id": "99", "slug": "x", "created_at": "2001-01-01", "sort_name": "zzz"}

    owner.post(f"/admin/products/{product.id}", {**kept, "name": "Money", "auth_method": "basic", **extra})

    changed = stored(product)
    assert (changed.name, changed.state, changed.slug) == ("Money", ProductState.DRAFT, product.slug)
    assert (changed.sort_name, changed.created_at.year != 2001) == ("money", True)


def test_B9_an_auditor_and_a_plan_manager_read_everything_and_change_nothing(browser, owner, person):
    product = make_product("Payments", owners=[person], description="**All** about it", state=ProductState.DRAFT)
    upload(owner, product, WEATHER)
    version = stored(product).version

    for role in (RoleName.AUDITOR, RoleName.PLAN_MANAGER):
        reader = browser(make_user(role))
        page = reader.get(f"/admin/products/{product.id}")
        assert "<strong>All</strong>" in page.html
        assert not page.soup.select("main form")
        assert not page.follow("API descriptions 1").soup.select("main form")
        assert "New product" not in reader.get("/admin/products").text()
        assert reader.get("/admin/products/new").status == 403
        for path in (*(f"/{product.id}{post}" for post in POSTS), "/new", "/preview"):
            assert reader.forge(f"/admin/products{path}", {"name": "x", "version": str(version)}).status == 403, path
    assert (stored(product).version, stored(product).state) == (version, ProductState.DRAFT)
    assert len(catalog.descriptions_of(product)) == 1


def test_B1_an_api_owner_reads_the_products_of_others_and_cannot_change_them(browser, owner):
    product = make_product("Payments", owners=[make_user(RoleName.API_OWNER, name="Somebody Else")])

    page = owner.get(f"/admin/products/{product.id}")

    assert "This product belongs to Somebody Else." in page.text()
    assert not page.soup.select("main form")
    for post in POSTS:
        answer = owner.forge(f"/admin/products/{product.id}{post}", {"name": "Mine", "version": "1"})
        assert answer.status == 403, post
    assert stored(product).version == 1


def test_products_of_nobody_are_edited_by_every_api_owner_and_all_by_administrators(browser, owner, person):
    nobodys, owned = make_product("Nobody's"), make_product("Owned", owners=[person])

    owner.get(f"/admin/products/{nobodys.id}").press("Save changes", Summary="By an owner")
    browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/products/{owned.id}").press("Save changes", Summary="Ruled")

    assert (stored(nobodys).summary, stored(owned).summary) == ("By an owner", "Ruled")


@pytest.mark.parametrize("role", [RoleName.CONSUMER, RoleName.SECURITY_REVIEWER])
def test_B1_consumers_and_reviewers_get_no_product_page(browser, role):
    product, visitor = make_product(), browser(make_user(role))

    for path in ("", "/new", f"/{product.id}", f"/{product.id}/descriptions", f"/{product.id}/descriptions/1/original"):
        assert visitor.get(f"/admin/products{path}").status == 403
    for post in POSTS:
        assert visitor.forge(f"/admin/products/{product.id}{post}", {"name": "x"}).status == 403


def test_C1_a_form_without_token_changes_nothing(owner, person):
    product = make_product("Payments", owners=[person])

    for path in (*(f"/{product.id}{post}" for post in POSTS), "/new", "/preview"):
        assert owner.post(f"/admin/products{path}", {"name": "x", "version": "1"}).status == 400
    assert stored(product).version == 1


def test_a_product_that_is_not_there_is_not_found(owner):
    for path in ("", "/descriptions", "/descriptions/1/original"):
        assert owner.get(f"/admin/products/999{path}").status == 404
    for post in POSTS:
        assert owner.forge(f"/admin/products/999{post}", {"name": "x"}).status == 404
