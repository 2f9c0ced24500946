"""C62, C66: what compliance and legal read on a request's page, and that they decide on what they read."""

import pytest

from portal import access, catalog
from portal.accounts import RoleName
from portal.catalog import Classification, LegalBasis
from portal.db import transaction
from tests.support.builders import (
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)
from tests.web.admin.deciding.pages import at

pytestmark = pytest.mark.usefixtures("app")
SECTION = "#statements"


def needing(*stages):
    make_policy(
        {
            "key": "always",
            "because": "Data protection.",
            "when": {"all": []},
            "then": {"outcome": "stages", "stages": list(stages)},
        }
    )


def reviewer_of(key):
    person = make_user(RoleName.SECURITY_REVIEWER)
    make_group(key, person)
    return person


def ask_for(*stated, **kwargs):
    plan = make_plan(auto_approve=True)
    products = [make_product(plans=[plan], **each) for each in stated or ({},)]
    return make_request(None, *products, plan=plan, **kwargs)


def publish(product, text):
    admin = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        catalog.publish_terms(product, text, by=admin)


def headings(page):
    return page.texts(".with-aside > .stack:first-child h2")


def test_C62_compliance_reads_classification_basis_and_regions_before_all_else(browser):
    needing("compliance")
    officer = reviewer_of("compliance")
    asked = ask_for(
        {
            "classification": Classification.RESTRICTED,
            "legal_basis": LegalBasis.PUBLIC_TASK,
            "regions": ["EU", "US"],
            "scopes": ("read", "pii"),
        }
    )

    page = browser(officer).get(at(asked))

    assert headings(page)[0] == "Data and terms of the products"
    text = page.text(SECTION)
    assert "Data classification Restricted" in text
    assert "Legal basis Public task (GDPR art. 6(1)(e))" in text
    assert "European Union, United States" in text
    assert "Outside the European Economic Area" in text
    assert f"Sensitive scopes {asked.products[0].slug}:pii" in text
    assert "Terms of use None published" in text


def test_gaps_are_said_plainly(browser):
    needing("compliance")
    officer = reviewer_of("compliance")

    text = browser(officer).get(at(ask_for())).text(SECTION)

    assert "Legal basis not stated" in text
    assert "Regions not stated" in text


def test_other_reviewers_find_it_below_the_products(browser, owner, asked):
    found = headings(browser(owner).get(at(asked)))

    assert found.index("Data and terms of the products") > found.index("Requested API products")


def test_a_stage_of_the_installations_own_weighs_it_by_its_name(browser):
    make_stage("eu-privacy", "Privacy")
    needing("eu-privacy")
    officer = reviewer_of("eu-privacy")

    assert headings(browser(officer).get(at(ask_for())))[0] == "Data and terms of the products"


def test_each_product_of_a_request_is_told_apart(browser):
    needing("compliance")
    officer = reviewer_of("compliance")
    asked = ask_for({"name": "Payouts", "regions": ["EU"]}, {"name": "Weather", "regions": ["NO"]})

    assert browser(officer).get(at(asked)).texts(f"{SECTION} h3") == ["Payouts", "Weather"]


def test_C66_legal_reads_which_version_of_the_terms_applies_and_what_it_says(browser):
    needing("legal")
    counsel = reviewer_of("legal")
    asked = ask_for()
    publish(asked.products[0], "Be **kind**")

    page = browser(counsel).get(at(asked))

    assert "Version 1, published" in page.text(SECTION)
    assert "Be kind" in page.text(f"{SECTION} .prose")
    done = page.press("Approve")
    assert "is approved" in done.text("#messages")


def test_C66_the_access_tells_what_was_stated_when_it_was_approved(browser):
    needing("legal")
    counsel = reviewer_of("legal")
    asked = ask_for({"legal_basis": LegalBasis.CONTRACT, "regions": ["EU"]})
    product = asked.products[0]
    publish(product, "Be kind.")
    browser(counsel).get(at(asked)).press("Approve")
    with transaction():
        catalog.change_product(product, {"regions": ["US"], "legal_basis": None}, by=None)

    (grant,) = access.grants_of(asked.app)
    terms = browser(asked.requester).get(f"/apps/{asked.app_id}/access/{grant.id}").text("#terms")

    assert "Terms of use Version 1" in terms
    assert "Legal basis Contract (GDPR art. 6(1)(b))" in terms
    assert "Data kept and processed in European Union" in terms


def test_what_was_changed_behind_the_page_is_not_decided_and_is_shown(browser):
    needing("compliance")
    officer = reviewer_of("compliance")
    asked = ask_for({"regions": ["EU"]})
    page = browser(officer).get(at(asked))
    with transaction():
        catalog.change_product(asked.products[0], {"regions": ["US"]}, by=None)

    answer = page.press("Approve", Comment="Fine")

    assert answer.status == 409
    assert "What the products state about their data or terms has changed" in answer.text("#messages")
    assert "When the policy judged this request: European Union" in answer.text(SECTION)
    assert answer.field("Comment").get_text().strip() == "Fine"
    assert asked.is_pending
    assert "is approved" in answer.press("Approve").text("#messages")


def test_nor_is_it_rejected(browser):
    needing("compliance")
    officer = reviewer_of("compliance")
    asked = ask_for()
    page = browser(officer).get(at(asked))
    with transaction():
        catalog.change_product(asked.products[0], {"legal_basis": "contract"}, by=None)

    assert page.press("Reject", Reason="No basis.").status == 409
    assert asked.is_pending
