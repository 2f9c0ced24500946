"""API products in the Admin Portal: editing, states, API descriptions, and who may."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from portal import access, catalog
from portal.access import GrantState
from portal.accounts import RoleName
from portal.catalog import ApiProduct, AuthMethod, ProductState
from portal.db import db, transaction
from portal.events import EventKind, audit_page
from tests.support.browser import Browser
from tests.support.builders import make_catalogue, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
SAMPLES = Path(__file__).parents[2] / "unit" / "catalog" / "samples"
WEATHER = (SAMPLES / "weather-3.0.yaml").read_bytes()
ORDERS = (SAMPLES / "orders-2.0.yaml").read_bytes()


@pytest.fixture
def person():
    return make_user(RoleName.API_OWNER, name="Olga Owner")


@pytest.fixture
def owner(browser, person):
    return browser(person)


def stored(product: ApiProduct) -> ApiProduct:
    db.session.expire_all()
    found = catalog.find_product(product.id)
    assert found is not None
    return found


def file(content: bytes, name: str = "weather.yaml") -> tuple[BytesIO, str]:
    return BytesIO(content), name


def upload(browser: Browser, product: ApiProduct, content: bytes, name: str = "weather.yaml", **fields: str):
    page = browser.get(f"/admin/products/{product.id}/descriptions")
    return page.press("Upload", htmx=False, File=file(content, name), **fields)


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


def test_a_product_is_published_deprecated_retired_and_published_again(browser, owner, person):
    shelf = make_catalogue()
    product = make_product("Payments", owners=[person], state=ProductState.DRAFT, catalogue=shelf)
    live = f"/catalogues/{shelf.slug}/{product.slug}"
    page = owner.get(f"/admin/products/{product.id}")
    assert "See it in the Live Portal" not in page.text()
    assert not page.has_button("Retire")
    assert browser().get(live).status == 404

    page = page.press("Publish")
    assert stored(product).state is ProductState.PUBLISHED
    assert page.follow("See it in the Live Portal").path == live
    page = page.press("Deprecate", Reason="A new version is out")
    assert stored(product).state is ProductState.DEPRECATED
    page = page.press("Retire")
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

    page = owner.get(f"/admin/products/{product.id}")

    assert "2 apps lose access at once." in page.text("#confirm-retire")
    page = page.press("Retire")
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


def test_an_api_description_is_read_and_its_faults_are_listed(owner, person):
    product = make_product(owners=[person])
    assert "No API description yet" in owner.get(f"/admin/products/{product.id}/descriptions").text()

    page = upload(owner, product, (SAMPLES / "odd.yaml").read_bytes(), "odd.yaml")

    (kept,) = catalog.descriptions_of(stored(product))
    assert "odd.yaml was read" in page.text(".messages")
    assert kept.faults
    assert len(page.texts(".fault-list li")) == len(kept.faults)
    assert kept.faults[0]["message"] in page.text(".fault-list")


def test_an_api_description_is_replaced_by_title_or_by_choice_and_removed(owner, person):
    product = make_product(owners=[person])
    upload(owner, product, WEATHER)
    upload(owner, product, WEATHER + b"\n# second\n", "again.yaml")
    (kept,) = catalog.descriptions_of(stored(product))
    assert kept.file_name == "again.yaml"

    page = upload(owner, product, ORDERS, "orders.yaml")
    assert len(catalog.descriptions_of(stored(product))) == 2
    page = upload(owner, product, (SAMPLES / "lending-3.1.json").read_bytes(), "lending.json", replaces=str(kept.id))
    assert [d.file_name for d in catalog.descriptions_of(stored(product))] == ["orders.yaml", "lending.json"]

    page = page.press("Remove", within="#confirm-remove-" + str(catalog.descriptions_of(product)[0].id))

    assert "orders.yaml is removed." in page.text()
    assert [d.file_name for d in catalog.descriptions_of(stored(product))] == ["lending.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"PK\x03\x04" + b"\x00" * 200,
        b"\x7fELF" + b"\x00" * 200,
        b"%PDF-1.7 ...",
        b"just words",
        b"[1, 2, 3]",
        b'{"openapi": "3.0.0"',
        b"a: &a [x, x]\nb: &b [*a, *a]\n" + b"openapi: 3.0.0\n" * 0,
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"[" * 100_000,
    ],
)
def test_M8_what_is_no_api_description_is_refused_in_words_and_nothing_is_kept(owner, person, content):
    product = make_product(owners=[person])

    page = upload(owner, product, content, "evil.json")

    assert page.status == 422
    assert len(page.text(".field-error")) > 20
    assert not catalog.descriptions_of(stored(product))
    assert stored(product).version == 1


def test_M8_a_file_that_is_too_large_is_refused(owner, person):
    product = make_product(owners=[person])

    page = upload(owner, product, WEATHER + b"#" * (20 * 1024 * 1024))
    page.answer.request.environ["wsgi.input"].close()  # the test client's own temporary file

    assert page.status == 422
    assert "20" in page.text(".field-error")


def test_an_upload_without_a_file_says_so(owner, person):
    product = make_product(owners=[person])
    page = owner.get(f"/admin/products/{product.id}/descriptions")

    assert "Choose a file." in page.press("Upload").text(".field-error")


def test_a_description_to_be_replaced_must_be_one_of_this_product(owner, person):
    product, other = make_product(owners=[person]), make_product()
    upload(owner, other, WEATHER)
    (foreign,) = catalog.descriptions_of(other)

    page = owner.get(f"/admin/products/{product.id}/descriptions")
    token = page.field("csrf_token")["value"]
    answer = owner.post(
        f"/admin/products/{product.id}/descriptions",
        {"csrf_token": token, "file": file(ORDERS), "replaces": str(foreign.id)},
    )

    assert answer.status == 422
    assert len(catalog.descriptions_of(other)) == 1
    assert owner.forge(f"/admin/products/{product.id}/descriptions/{foreign.id}/remove").status == 404
    assert owner.get(f"/admin/products/{product.id}/descriptions/{foreign.id}/original").status == 404


def test_D10_the_original_is_given_back_as_an_attachment_byte_by_byte(browser, owner, person):
    product = make_product(owners=[person], state=ProductState.DRAFT)
    upload(owner, product, WEATHER, '../../etc/wëather;".yaml')
    (kept,) = catalog.descriptions_of(stored(product))

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/products/{product.id}/descriptions/{kept.id}/original")

    assert page.answer.get_data() == WEATHER
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert "/" not in page.headers["Content-Disposition"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Type"].startswith("application/yaml")


def test_D1_what_people_and_files_say_is_shown_as_text(owner, browser, person):
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    product = make_product(
        evil, owners=[person], tags=[evil], category=evil, description=evil, base_url="https://a.example"
    )
    document = WEATHER.replace(b"title:", b"title: '<script>alert(2)</script>' #", 1)
    upload(owner, product, document, "<script>alert(3)</script>.yaml")

    for visitor in (owner, browser(make_user(RoleName.AUDITOR))):
        for path in ("/admin/products", f"/admin/products/{product.id}", f"/admin/products/{product.id}/descriptions"):
            page = visitor.get(path)
            assert page.status == 200
            assert "<script>alert" not in page.html


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
