"""Legal basis and regions on a product's pages: stated by its owner, shown to consumers, missed where they matter."""

import pytest

from portal.accounts import RoleName
from portal.catalog import Classification, LegalBasis
from tests.support.builders import make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def admin_page(product):
    return f"/admin/products/{product.id}"


def live_page(product):
    return f"/catalogues/general/{product.slug}"


def test_an_owner_states_them_and_consumers_read_them_in_words(browser, owner):
    product = make_product(owners=[owner])
    assert "kept and processed" not in browser().get(live_page(product)).text("aside")

    typed = {"Legal basis": "legitimate_interests", "Regions": "us, EU, Switzerland"}
    browser(owner).get(admin_page(product)).press("Save changes", **typed)

    assert (product.legal_basis, product.regions) == (LegalBasis.LEGITIMATE_INTERESTS, ["EU", "CH", "US"])
    facts = browser().get(live_page(product)).text("aside")
    assert "Data kept and processed in European Union, Switzerland, United States" in facts
    assert "Legal basis Legitimate interests (GDPR art. 6(1)(f))" in facts
    again = browser(owner).get(admin_page(product))
    assert again.field("Regions")["value"] == "EU, CH, US"


def test_what_was_stated_can_be_taken_back(browser, owner):
    product = make_product(owners=[owner], legal_basis=LegalBasis.CONSENT, regions=["EU"])

    browser(owner).get(admin_page(product)).press("Save changes", **{"Legal basis": "", "Regions": ""})

    assert (product.legal_basis, product.regions) == (None, [])


def test_a_region_that_is_none_is_said_at_its_field_and_kept_as_typed(browser, owner):
    product = make_product(owners=[owner], regions=["EU"])

    page = browser(owner).get(admin_page(product)).press("Save changes", Regions="EU, UK")

    assert page.status == 422
    assert "“UK” is no country code of ISO 3166-1, and not EU. United Kingdom is GB." in page.text(".error-summary")
    assert page.field("Regions")["value"] == "EU, UK"
    assert product.regions == ["EU"]


def test_a_new_product_states_them_at_once(browser, owner):
    page = browser(owner).get("/admin/products/new")

    page.press("Make product", Name="Weather", **{"Legal basis": "not_personal", "Regions": "NO"})

    shown = browser(make_user(RoleName.AUDITOR)).get("/admin/products").follow("Weather").text("#facts")
    assert "Not personal data" in shown
    assert "Norway" in shown


def test_owners_of_delicate_products_are_warned_of_what_is_missing(browser, owner):
    product = make_product(owners=[owner], classification=Classification.CONFIDENTIAL)
    missing = browser(owner).get(admin_page(product)).text(".notice-pending")
    assert "Reviewers will miss something" in missing
    assert "Not stated: the legal basis, and where the data is kept and processed." in missing

    page = browser(owner).get(admin_page(product))
    page.press("Save changes", **{"Legal basis": "contract", "Regions": "EU"})

    assert "Reviewers will miss something" not in browser(owner).get(admin_page(product)).text()


def test_others_are_not_warned(browser, owner):
    product = make_product(owners=[owner])

    assert "Reviewers will miss something" not in browser(owner).get(admin_page(product)).text()
    assert "Not stated" in browser(make_user(RoleName.AUDITOR)).get(admin_page(product)).text("#facts")
