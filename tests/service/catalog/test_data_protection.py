"""What products state about their data, how it is recorded, and which of them fail to state it."""

import pytest

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import Classification, LegalBasis
from portal.db import transaction
from portal.errors import Invalid, NotAllowed
from portal.events import EventKind
from tests.support.builders import make_product, make_user
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


def change(product, by=None, **values):
    with transaction():
        return catalog.change_product(product, values, by=by)


def test_an_owner_states_basis_and_regions_and_the_record_has_both_before_and_after():
    owner = make_user(RoleName.API_OWNER)
    product = make_product(owners=[owner])

    change(product, owner, legal_basis="contract", regions=["ch", "EU", "Germany", "CH"])
    change(product, owner, legal_basis="", regions=["US"])

    assert (product.legal_basis, product.regions) == (None, ["US"])
    first, second = events_of(product, EventKind.PRODUCT_CHANGED)
    assert first.before == {"legal_basis": None, "regions": []}
    assert first.after == second.before == {"legal_basis": "contract", "regions": ["EU", "CH", "DE"]}
    assert (first.actor, second.after) == (owner.email, {"legal_basis": None, "regions": ["US"]})


def test_who_does_not_own_the_product_states_nothing():
    product = make_product(owners=[make_user(RoleName.API_OWNER)])

    with pytest.raises(NotAllowed):
        change(product, make_user(RoleName.API_OWNER), regions=["EU"])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("legal_basis", "because", "Legal basis: choose one"),
        ("regions", ["UK"], "United Kingdom is GB"),
        ("regions", ["EU", "Narnia"], "“Narnia” is no country code"),
        ("regions", ["EU", ""], "no country code"),
        ("regions", "EU", "A list"),
        ("regions", [7], "must be a text"),
        ("regions", list(catalog.REGIONS)[:41], "At most 40"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(field, value, words):
    product = make_product()

    with pytest.raises(Invalid, match=words) as refusal:
        change(product, **{field: value})

    assert (refusal.value.field, product.legal_basis, product.regions) == (field, None, [])


@pytest.mark.parametrize("classification", [Classification.CONFIDENTIAL, Classification.RESTRICTED])
def test_delicate_products_are_to_state_both(classification):
    product = make_product(classification=classification)

    assert catalog.missed_by_reviewers(product) == ["the legal basis", "where the data is kept and processed"]
    change(product, legal_basis=LegalBasis.CONTRACT, regions=["EU"])
    assert catalog.missed_by_reviewers(product) == []


def test_so_are_products_that_speak_of_personal_data():
    by_scope = make_product(classification=Classification.INTERNAL, scopes=("pii",))
    by_basis = make_product(classification=Classification.INTERNAL, legal_basis=LegalBasis.CONSENT)
    harmless = make_product(classification=Classification.PUBLIC, legal_basis=LegalBasis.NOT_PERSONAL)

    assert len(catalog.missed_by_reviewers(by_scope)) == 2
    assert catalog.missed_by_reviewers(by_basis) == ["where the data is kept and processed"]
    assert catalog.missed_by_reviewers(harmless) == catalog.missed_by_reviewers(make_product()) == []
    assert catalog.unstated(harmless) == ["where the data is kept and processed"]
