"""API products in the Admin Portal: making and changing one."""

from __future__ import annotations

import pytest

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import AuthMethod, ProductState
from portal.events import EventKind, audit_page
from tests.support.browser import Browser
from tests.support.builders import make_catalogue, make_product, make_user
from tests.support.threads import errors_in, race
from tests.web.admin.products.files import stored

pytestmark = pytest.mark.usefixtures("app")


def test_a_product_is_made_as_a_draft_with_all_that_it_says(owner, person):
    shelf, colleague = make_catalogue("Finance"), make_user(RoleName.API_OWNER)
    page = owner.get("/admin/products").follow("New product")
    assert page.field(f"Olga Owner ({person.email})").has_attr("checked")

    page = page.press(
        "Make product",
        **{
            "Name": "Payments & Co",
            "Summary": "Takes money.",
            "Description": "# Payments\n\nTakes **money**.",
            "Category": "Finance",
            "Tags": "cards, refunds , ,cards",
            "auth_method": "api_key",
            "Base URL": "https://api.example.com/v1",
            "Scopes": "payments:read  Read   payments\r\n\r\npayments:write\n",
            "owners": [person.id, colleague.id],
            "Featured on the home page": True,
            "catalogues": [shelf.id],
        },
    )

    product = catalog.find_product_by_slug("payments-co")
    assert product is not None
    assert page.path == f"/admin/products/{product.id}"
    assert "as a draft" in page.text()
    assert (product.name, product.summary, product.category) == ("Payments & Co", "Takes money.", "Finance")
    assert product.description == "# Payments\n\nTakes **money**."
    assert product.tags == ["cards", "refunds"]
    assert product.scopes == [
        {"name": "payments:read", "description": "Read payments"},
        {"name": "payments:write", "description": ""},
    ]
    assert (product.auth_method, product.state, product.featured) == (AuthMethod.API_KEY, ProductState.DRAFT, True)
    assert product.owners == [person, colleague]
    assert list(catalog.catalogues_of(product)) == [shelf]


def test_the_slug_can_be_chosen_once_and_stays(owner):
    owner.get("/admin/products/new").press("Make product", **{"Name": "Payments", "URL name": "pay"})
    product = catalog.find_product_by_slug("pay")
    assert product is not None
    page = owner.get(f"/admin/products/{product.id}")
    assert not page.soup.find("input", attrs={"name": "slug"})
    kept = {name: page.field(name)["value"] for name in ("csrf_token", "version", "seen")}

    owner.post(f"/admin/products/{product.id}", {**kept, "name": "Money", "slug": "money", "auth_method": "api_key"})

    assert (stored(product).slug, stored(product).name) == ("pay", "Money")


def test_fields_are_changed_and_recorded_and_an_empty_save_changes_nothing(owner, person):
    product = make_product("Payments", owners=[person], tags=["a"], description="One\n\ntwo")
    page = owner.get(f"/admin/products/{product.id}")

    page = page.press("Save changes", Summary="Takes money.", Tags="a, b", owners=[])

    product = stored(product)
    assert (product.summary, product.tags, product.owners, product.version) == ("Takes money.", ["a", "b"], [], 2)
    (event,) = audit_page(kind=EventKind.PRODUCT_CHANGED)
    assert set(event.after) == {"summary", "tags", "owners"}
    page.press("Save changes")
    assert stored(product).version == 2


def test_an_owner_whose_account_is_closed_stays_until_owners_are_chosen_anew(owner, person):
    gone = make_user(RoleName.API_OWNER, active=False)
    product = make_product(owners=[person, gone])

    page = owner.get(f"/admin/products/{product.id}").press("Save changes", Summary="New")
    assert set(stored(product).owners) == {person, gone}
    page.press("Save changes", owners=[])

    assert stored(product).owners == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Name", "", "Enter a name"),
        ("Name", "x" * 201, "too long"),
        ("Summary", "x" * 301, "too long"),
        ("Description", "x" * 100_001, "too long"),
        ("Base URL", "javascript:alert(1)", "must be an address"),
        ("Base URL", "not an address", "must be an address"),
        ("Scopes", 'pay"ments Read', "cannot be the name of a scope"),
        ("Scopes", "a One\na Two", "named once"),
        ("Tags", ",".join(map(str, range(30))), "at most 20"),
        ("auth_method", "telepathy", "valid choice"),
        ("owners", "999", "can no longer be chosen"),
        ("catalogues", "none", "can no longer be chosen"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_typed_is_lost(owner, person, field, value, words):
    product = make_product("Payments", owners=[person])

    page = owner.get(f"/admin/products/{product.id}").press(
        "Save changes", htmx=False, **{"Category": "Typed with care", field: value}
    )

    assert page.status == 422
    assert words in page.text(".error-summary")
    assert page.field("Category")["value"] == "Typed with care"
    if field not in {"auth_method", "owners", "catalogues"}:
        shown = page.field(field)
        assert (shown.get("value") or shown.get_text().strip().replace("\r\n", "\n")) == value or not value
    assert stored(product).version == 1


def test_a_url_name_that_is_taken_is_said_at_its_field(owner):
    make_product(name="Payments")
    taken = catalog.products_page()[0].slug

    page = owner.get("/admin/products/new").press("Make product", **{"Name": "Mine", "URL name": taken})

    assert page.status == 422
    assert "is taken" in page.text(".field-error")
    assert page.field("Name")["value"] == "Mine"


def test_R14_the_same_url_name_at_once_makes_one_product_and_one_refusal(app):
    people = [Browser(app, make_user(RoleName.API_OWNER)) for _ in range(2)]
    pages = [one.get("/admin/products/new") for one in people]

    answers = race(2, lambda n: pages[n].press("Make product", Name="Pay", slug="pay").status)

    assert not errors_in(answers)
    assert min(answers) == 200
    assert max(answers) in {409, 422}
    assert len(catalog.products_page()) == 1


def test_R10_of_two_people_the_second_sees_what_changed_and_keeps_the_text(browser, owner, person):
    product = make_product("Payments", owners=[person])
    shelf = make_catalogue("Finance")
    mine = owner.get(f"/admin/products/{product.id}")
    other = browser(make_user(RoleName.ADMINISTRATOR, email="grace@portico.example"))
    other.get(f"/admin/products/{product.id}").press("Save changes", Summary="Hers", Tags="x", catalogues=[shelf.id])

    page = mine.press("Save changes", Summary="Mine", Description="Typed with care")

    assert page.status == 409
    words = page.text(".notice-bad")
    assert "grace@portico.example" in words
    assert "Summary is now: Hers . You typed: Mine" in words
    assert "Tags is now: x . You had not changed it" in words
    assert "Catalogues is now: Finance . You had not changed it" in words
    assert page.field("Description").get_text().strip() == "Typed with care"
    page.press("Save changes")
    product = stored(product)
    assert (product.summary, product.tags, product.description) == ("Mine", ["x"], "Typed with care")
    assert list(catalog.catalogues_of(product)) == [shelf]


def test_R10_a_catalogue_chosen_on_its_own_page_is_not_undone_by_an_older_form(owner, person):
    product, shelf = make_product("Payments", owners=[person]), make_catalogue("Finance")
    mine = owner.get(f"/admin/products/{product.id}")
    owner.get(f"/admin/catalogues/{shelf.id}").press("Save changes", products=[product.id])

    page = mine.press("Save changes", Summary="New")

    assert page.status == 200
    assert shelf in catalog.catalogues_of(stored(product))


def test_markdown_is_previewed_as_a_fragment_and_as_a_page_and_nothing_is_stored(owner, person):
    product = make_product(owners=[person])
    page = owner.get(f"/admin/products/{product.id}")

    fragment = page.press("Preview", Description="# Title\n\n**bold** <script>alert(1)</script>", htmx=True)
    whole = page.press("Preview", Description="**bold**")

    assert "<html" not in fragment.html
    assert "<strong>bold</strong>" in fragment.html
    assert "<script" not in fragment.html
    assert whole.text("h1") == "Preview of the description"
    assert "<strong>bold</strong>" in whole.html
    assert stored(product).version == 1
