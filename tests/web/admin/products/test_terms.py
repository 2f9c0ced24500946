"""Products: their terms of use, in versions."""

from __future__ import annotations

import pytest

from portal import catalog
from portal.accounts import RoleName
from tests.support.builders import make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Ada Lovelace")


@pytest.fixture
def product(owner):
    return make_product("Payments", owners=[owner])


def terms_page(browser, person, product):
    return browser(person).get(f"/admin/products/{product.id}").follow("Terms of use")


def test_an_owner_publishes_versions_and_consumers_read_the_newest(browser, owner, product):
    page = terms_page(browser, owner, product)
    assert "No terms of use" in page.text()
    page = page.press("Publish version 1", Text="# Rules\n\nBe **kind**.")
    assert "Version 1 is in force." in page.text()
    page = page.press("Publish version 2", Text="Be very kind.")

    assert "Be very kind." in page.text("#in-force")
    assert "Be kind" in page.text("#version-1")
    live = browser().get(f"/catalogues/general/{product.slug}")
    assert "Version 2" in live.text("#terms-of-use")
    assert "Be very kind." in live.text("#terms-of-use")


def test_a_product_without_terms_shows_none(browser, product):
    assert not browser().get(f"/catalogues/general/{product.slug}").soup.select("#terms-of-use")


@pytest.mark.parametrize(("text", "said"), [("", "Write what"), ("x" * 100_001, "too long"), ("Rules.", "in force")])
def test_what_cannot_be_published_is_said_and_kept(browser, owner, product, text, said):
    page = terms_page(browser, owner, product).press("Publish version 1", Text="Rules.")

    refused = page.press("Publish version 2", Text=text)

    assert refused.status == 422
    assert said in refused.text(".error-summary")
    assert refused.field("Text").get_text().strip() == text
    assert catalog.newest_terms(product).number == 1


def test_R10_of_two_authors_the_second_is_told(browser, owner, product):
    mine, other = terms_page(browser, owner, product), terms_page(browser, owner, product)
    other.press("Publish version 1", Text="Theirs.")

    refused = mine.press("Publish version 1", Text="Mine.")

    assert refused.status == 409
    assert "Version 1 was published since you opened this page" in refused.text()
    assert "Theirs." in refused.text("#in-force")
    assert refused.field("Text").get_text().strip() == "Mine."
    assert "Mine." in refused.press("Publish version 2").text("#in-force")


def test_who_may_not_change_the_product_reads_and_publishes_nothing(browser, product):
    for role in (RoleName.AUDITOR, RoleName.PLAN_MANAGER):
        assert not terms_page(browser, make_user(role), product).has_button("Publish version 1")
    stranger = make_user(RoleName.API_OWNER)
    page = browser(stranger).forge(f"/admin/products/{product.id}/terms", {"text": "Mine.", "after": "0"})
    assert page.status == 403
    assert catalog.newest_terms(product) is None
    assert browser(make_user()).get(f"/admin/products/{product.id}/terms").status in {403, 404}


def test_script_in_terms_never_runs(browser, owner, product):
    page = terms_page(browser, owner, product)
    page = page.press("Publish version 1", Text='<script>go()</script><a href="javascript:go()">x</a> fine')

    for html in (page.html, browser().get(f"/catalogues/general/{product.slug}").html):
        shown = html.replace("&lt;script", "")  # the form for the next version holds the text itself
        assert "<script>go" not in shown
        assert 'href="javascript' not in shown


def test_a_preview_publishes_nothing(browser, owner, product):
    page = terms_page(browser, owner, product).press("Preview", Text="Be **kind**.", htmx=True)

    assert "Be kind ." in page.text("#terms-preview")
    assert catalog.newest_terms(product) is None
