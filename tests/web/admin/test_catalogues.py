"""Catalogues in the Admin Portal: what stands in them, two people at once, deleting."""

from __future__ import annotations

import pytest

from portal import access, catalog
from portal.access import GrantState
from portal.accounts import RoleName
from portal.catalog import Catalogue, PlanState, ProductState
from portal.db import db, transaction
from portal.events import EventKind, audit_page
from tests.support.browser import Browser
from tests.support.builders import (
    fill_cart,
    make_catalogue,
    make_plan,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner(browser):
    return browser(make_user(RoleName.API_OWNER))


def stored(catalogue: Catalogue) -> Catalogue | None:
    db.session.expire_all()
    return catalog.find_catalogue(catalogue.id)


def names(catalogue: Catalogue) -> tuple[list[str], list[str]]:
    found = stored(catalogue)
    assert found is not None
    return [p.name for p in found.products], [p.name for p in found.plans]


def test_T4_a_catalogue_is_made_with_products_and_plans_and_consumers_see_it_at_once(browser, owner):
    elsewhere = make_catalogue("Elsewhere")
    product, plan = make_product("Payments", catalogue=elsewhere), make_plan("Gold")
    make_product("Other", catalogue=elsewhere)

    page = owner.get("/admin/catalogues").follow("New catalogue")
    page = page.press(
        "Make catalogue", Name="Finance & Co", Description="Money", products=[product.id], plans=[plan.id]
    )

    assert page.path.startswith("/admin/catalogues/")
    made = catalog.find_catalogue_by_slug("finance-co")
    assert made is not None
    assert (made.products, made.plans, made.description) == ([product], [plan], "Money")
    live = page.follow("See it in the Live Portal")
    assert "Payments" in live.text()
    assert "Other" not in live.text(".tiles")


def test_products_and_plans_are_put_in_and_taken_out(owner):
    shelf = make_catalogue("Finance")
    make_product("Payments", catalogue=shelf, plans=[make_plan("Gold")])
    ledger, silver = make_product("Ledger", catalogue=make_catalogue()), make_plan("Silver")

    owner.get(f"/admin/catalogues/{shelf.id}").press(
        "Save changes", Name="Money", products=[ledger.id], plans=[silver.id]
    )

    assert names(shelf) == (["Ledger"], ["Silver"])
    assert stored(shelf).name == "Money"


def test_choices_name_the_state_of_what_is_not_on_offer(owner):
    shelf = make_catalogue()
    make_product("Old", catalogue=shelf, state=ProductState.RETIRED)
    make_plan("Bronze", state=PlanState.CLOSED)

    page = owner.get(f"/admin/catalogues/{shelf.id}")

    assert page.field("Old (retired)").has_attr("checked")
    assert not page.field("Bronze (closed)").has_attr("checked")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Name", "", "Enter a name"),
        ("Name", "x" * 121, "too long"),
        ("URL name", "Not A Slug", "small letters"),
        ("URL name", "taken", "is taken"),
        ("Description", "x" * 20_001, "too long"),
        ("products", "999", "can no longer be chosen"),
        ("products", "²", "can no longer be chosen"),
        ("plans", "abc", "can no longer be chosen"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_typed_is_lost(owner, field, value, words):
    taken, shelf = make_catalogue("Taken"), make_catalogue("Finance")
    with transaction():
        catalog.change_catalogue(taken, {"slug": "taken"}, by=None)
    product, plan = make_product("Payments", catalogue=make_catalogue()), make_plan("Gold")
    typed = {"Description": "Typed with care", "products": [product.id], "plans": [plan.id], field: value}

    page = owner.get(f"/admin/catalogues/{shelf.id}").press("Save changes", **typed)

    assert page.status == 422
    assert words in page.text(".error-summary")
    if field != "Description":
        assert page.field("Description").get_text().strip() == "Typed with care"
    if field != "products":
        assert page.field("Payments").has_attr("checked")
    assert names(shelf) == ([], [])


def test_R14_the_same_name_at_once_makes_one_catalogue_and_one_refusal(app):
    people = [Browser(app, make_user(RoleName.API_OWNER)) for _ in range(2)]
    pages = [person.get("/admin/catalogues/new") for person in people]

    answers = race(2, lambda n: pages[n].press("Make catalogue", Name="Finance").status)

    assert not errors_in(answers)
    assert min(answers) == 200
    assert max(answers) in {409, 422}
    assert len(catalog.catalogues()) == 1


def test_R10_of_two_people_the_second_sees_what_changed_and_keeps_the_text(browser, owner):
    shelf = make_catalogue("Finance")
    product = make_product("Payments", catalogue=make_catalogue())
    mine = owner.get(f"/admin/catalogues/{shelf.id}")
    other = browser(make_user(RoleName.ADMINISTRATOR))
    other.get(f"/admin/catalogues/{shelf.id}").press("Save changes", Name="Money", products=[product.id])

    page = mine.press("Save changes", Name="Cash", Description="Typed with care")

    assert page.status == 409
    assert "Name is now: Money . You typed: Cash" in page.text(".notice-bad")
    assert "Products is now: Payments . You had not changed it" in page.text(".notice-bad")
    assert page.field("Description").get_text().strip() == "Typed with care"
    assert page.field("Payments").has_attr("checked")
    page.press("Save changes")
    assert (stored(shelf).name, names(shelf)[0]) == ("Cash", ["Payments"])


def test_R10_a_product_put_in_from_its_own_page_is_not_taken_out_by_an_older_form(browser, owner):
    shelf = make_catalogue("Finance")
    product = make_product("Payments", catalogue=make_catalogue("Elsewhere"))
    mine = owner.get(f"/admin/catalogues/{shelf.id}")
    owner.get(f"/admin/products/{product.id}").press("Save changes", catalogues=[shelf.id])

    page = mine.press("Save changes", Description="Typed with care")

    assert page.status == 409
    assert names(shelf)[0] == ["Payments"]
    page.press("Save changes")
    assert names(shelf)[0] == ["Payments"]
    assert stored(shelf).description == "Typed with care"


def test_T10_deleting_names_its_consequence_and_ends_what_consumers_see_at_once(browser, owner):
    shelf, plan = make_catalogue("Finance"), make_plan("Gold", auto_approve=True)
    only = make_product("Payments", catalogue=shelf, plans=[plan])
    request = make_request(make_user(), only, plan=plan)
    developer = make_user()
    fill_cart(developer, only, plan=plan)
    page = owner.get(f"/admin/catalogues/{shelf.id}")
    assert "1 product that stands in no other catalogue disappears" in page.text("#confirm-delete")

    addresses = [f"/catalogues/{shelf.slug}", f"/catalogues/{shelf.slug}/{only.slug}"]

    page = page.press("Delete catalogue")

    assert page.path == "/admin/catalogues"
    assert "The catalogue Finance is deleted." in page.text()
    assert [browser().get(address).status for address in addresses] == [404, 404]
    assert catalog.find_catalogue_by_slug(addresses[0].split("/")[-1]) is None
    assert not access.cart_of(developer)
    assert access.grants_of(request.app)[0].state is GrantState.ACTIVE
    assert audit_page(kind=EventKind.CATALOGUE_DELETED)[0].subject == "Finance"


def test_R10_a_catalogue_changed_meanwhile_is_not_deleted(owner):
    shelf = make_catalogue("Finance")
    path = f"/admin/catalogues/{shelf.id}"
    page = owner.get(path)
    with transaction():
        catalog.change_catalogue(shelf, {"description": "New"}, by=None)

    answer = page.press("Delete catalogue")

    assert answer.status == 409
    assert "Somebody else has changed this catalogue" in answer.text()
    assert stored(shelf) is not None
    assert owner.forge(f"{path}/delete").status == 409
    assert answer.press("Delete catalogue").path == "/admin/catalogues"
    assert owner.forge(f"{path}/delete", {"version": "1"}).status == 404


def test_B2_fields_that_the_form_does_not_have_are_ignored(owner):
    shelf = make_catalogue("Finance")
    page = owner.get(f"/admin/catalogues/{shelf.id}")
    kept = {name: page.field(name)["value"] for name in ("csrf_token", "version", "seen")}

    page = owner.post(
        f"/admin/catalogues/{shelf.id}",
        {**kept, "name": "Money", "slug": shelf.slug, "id": "99", "created_at": "2001-01-01", "visibility": "private"},
    )

    assert page.status == 200
    changed = stored(shelf)
    assert (changed.name, changed.version) == ("Money", 2)
    assert changed.created_at.year != 2001


@pytest.mark.parametrize("role", [RoleName.AUDITOR, RoleName.PLAN_MANAGER])
def test_B9_people_who_only_read_see_everything_and_change_nothing(browser, role):
    shelf = make_catalogue("Finance")
    make_product("Payments", catalogue=shelf, plans=[make_plan("Gold")])
    reader = browser(make_user(role))

    page = reader.get(f"/admin/catalogues/{shelf.id}")

    assert page.texts("#products li") == ["Payments"]
    assert page.texts("#plans li") == ["Gold"]
    assert not page.soup.select("main form")
    assert reader.get("/admin/catalogues/new").status == 403
    for path in ("new", str(shelf.id), f"{shelf.id}/delete"):
        assert reader.forge(f"/admin/catalogues/{path}", {"name": "Mine", "version": "1"}).status == 403
    assert names(shelf) == (["Payments"], ["Gold"])
    assert stored(shelf).name == "Finance"


@pytest.mark.parametrize("role", [RoleName.CONSUMER, RoleName.SECURITY_REVIEWER])
def test_B1_consumers_and_reviewers_get_no_catalogue_page(browser, role):
    shelf, visitor = make_catalogue(), browser(make_user(role))

    for path in ("/admin/catalogues", "/admin/catalogues/new", f"/admin/catalogues/{shelf.id}"):
        assert visitor.get(path).status == 403
    assert visitor.forge(f"/admin/catalogues/{shelf.id}/delete", {"version": "1"}).status == 403
    assert stored(shelf) is not None


def test_C1_a_form_without_token_changes_nothing(owner):
    shelf = make_catalogue("Finance")

    for path in ("new", str(shelf.id), f"{shelf.id}/delete"):
        assert owner.post(f"/admin/catalogues/{path}", {"name": "Mine", "version": "1"}).status == 400
    assert stored(shelf).name == "Finance"


def test_a_catalogue_that_is_not_there_is_not_found(owner):
    assert owner.get("/admin/catalogues/999").status == 404
    assert owner.forge("/admin/catalogues/999", {"name": "x"}).status == 404
    assert owner.forge("/admin/catalogues/999/delete").status == 404


def test_D1_what_people_type_is_shown_as_text(owner, browser):
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    shelf = make_catalogue(evil)
    make_product(evil, catalogue=shelf, plans=[make_plan(evil)])

    for person in (owner, browser(make_user(RoleName.AUDITOR))):
        for path in ("/admin/catalogues", f"/admin/catalogues/{shelf.id}"):
            page = person.get(path)
            assert "<script>alert" not in page.html
            assert "{{ 7*7 }}" in page.html


def test_the_list_counts_in_a_constant_number_of_queries(owner):
    shelf = make_catalogue("Finance")
    make_product(catalogue=shelf, plans=[make_plan()])
    make_product(catalogue=shelf)
    owner.get("/admin/catalogues")
    with count_queries() as few:
        page = owner.get("/admin/catalogues")
    assert page.text(f"#catalogue-{shelf.id}") == f"Finance {shelf.slug} 2 1 Everybody"

    for _ in range(6):
        make_product(catalogue=make_catalogue(), plans=[make_plan()])
    with count_queries() as many:
        owner.get("/admin/catalogues")
    assert len(many) == len(few)


def test_the_page_of_a_catalogue_takes_as_many_queries_for_many_products(owner):
    shelf = make_catalogue()
    make_product(catalogue=shelf, plans=[make_plan()])
    owner.get(f"/admin/catalogues/{shelf.id}")
    with count_queries() as few:
        owner.get(f"/admin/catalogues/{shelf.id}")
    for _ in range(20):
        make_product(catalogue=shelf, plans=[make_plan()])
    with count_queries() as many:
        page = owner.get(f"/admin/catalogues/{shelf.id}")

    assert len(many) == len(few)
    assert "21 of 21 chosen" in page.text()


def test_too_many_products_are_not_listed_and_stay_where_they_are(owner, monkeypatch):
    monkeypatch.setattr("admin.catalogues.MOST_CHOICES", 2)
    shelf = make_catalogue("Finance")
    for number in range(3):
        make_product(f"Product {number}", catalogue=shelf)

    page = owner.get(f"/admin/catalogues/{shelf.id}")
    page = page.press("Save changes", Name="Money")

    assert page.status == 200
    assert "There are too many products to list them here." in page.text()
    assert len(names(shelf)[0]) == 3
    assert stored(shelf).name == "Money"
