"""API products in the Admin Portal: publishing, deprecating, retiring."""

from __future__ import annotations

import pytest

from portal import access, catalog
from portal.access import GrantState
from portal.catalog import ProductState
from portal.db import transaction
from portal.events import EventKind, audit_page
from tests.support.builders import make_catalogue, make_plan, make_product, make_request, make_user
from tests.web.admin.products.files import stored

pytestmark = pytest.mark.usefixtures("app")


def test_a_product_is_published_deprecated_retired_and_published_again(browser, owner, person):
    shelf = make_catalogue()
    product = make_product("Payments", owners=[person], state=ProductState.DRAFT, catalogue=shelf)
    live = f"/catalogues/{shelf.slug}/{product.slug}"
    page = owner.get(f"/admin/products/{product.id}")
    assert "See it in the Live Portal" not in page.text()
    assert "Retire" not in page.texts("main a")
    assert browser().get(live).status == 404

    page = page.press("Publish")
    assert stored(product).state is ProductState.PUBLISHED
    assert page.follow("See it in the Live Portal").path == live
    page = page.follow("Deprecate").press("Deprecate", Reason="A new version is out")
    assert stored(product).state is ProductState.DEPRECATED
    page = page.follow("Retire").press("Retire now")
    assert stored(product).state is ProductState.RETIRED
    assert browser().get(live).status == 404
    page = page.press("Publish again")
    assert stored(product).state is ProductState.PUBLISHED

    moves = audit_page(kind=EventKind.PRODUCT_STATE_CHANGED)
    assert [event.after["state"] for event in moves] == ["published", "retired", "deprecated", "published"]
    assert moves[2].reason == "A new version is out"


def test_retiring_says_how_many_apps_lose_access(owner, person):
    plan = make_plan(auto_approve=True)
    product = make_product("Payments", owners=[person], plans=[plan])
    requests = [make_request(make_user(), product, plan=plan) for _ in range(3)]
    with transaction():
        access.revoke_access(access.grants_of(requests[0].app)[0], by=person, reason="Leaked")

    page = owner.get(f"/admin/products/{product.id}").follow("Retire")

    assert "2 apps in 1 organisation, none used it this week." in page.text("#impact")
    assert page.press("Retire now").status == 422
    page = page.press("Retire now", Reason="Nobody maintains it.")
    assert stored(product).state is ProductState.RETIRED
    assert access.grants_of(requests[1].app)[0].state is GrantState.ACTIVE
    assert "2 apps get their access back at once" in page.text("#publish-hint")


def test_R7_a_product_changed_meanwhile_is_not_moved_and_a_move_that_is_not_allowed_is_409(owner, person):
    product = make_product("Payments", owners=[person], state=ProductState.DRAFT)
    page = owner.get(f"/admin/products/{product.id}")
    with transaction():
        catalog.change_product(product, {"summary": "New"}, by=None)

    answer = page.press("Publish")

    assert answer.status == 409
    assert "Somebody else has changed this product" in answer.text()
    assert stored(product).state is ProductState.DRAFT
    wrong = owner.forge(f"/admin/products/{product.id}/retire", {"version": "2"})
    assert wrong.status == 409
    assert "A draft product cannot become retired." in wrong.text()
    assert stored(product).state is ProductState.DRAFT
