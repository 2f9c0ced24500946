"""Countries by their codes, the union, and what lies outside the European Economic Area."""

import pytest

from portal.catalog import LegalBasis
from portal.catalog.regions import IN_EEA, IN_UNION, REGIONS, in_words, leaves_eea, region_code

OF_UNION = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"


def test_every_code_of_the_standard_is_there_and_the_union_besides():
    assert len(REGIONS) == 249 + 1
    assert all(len(code) == 2 and code.isupper() and code.isascii() for code in REGIONS)
    assert len({name.casefold() for name in REGIONS.values()}) == len(REGIONS)
    assert not {"UK", "XK", "AN", "SU", "YU"} & set(REGIONS)


@pytest.mark.parametrize(
    ("written", "code"), [("DE", "DE"), (" ch ", "CH"), ("Eu", "EU"), ("Switzerland", "CH"), ("european union", "EU")]
)
def test_a_region_is_named_by_code_or_by_name(written, code):
    assert region_code(written) == code


@pytest.mark.parametrize(
    ("written", "words"), [("UK", "United Kingdom is GB"), ("Atlantis", "“Atlantis”"), ("", "“”"), ("EEA", "EEA")]
)
def test_what_is_no_region_is_said_with_what_may_be_meant(written, words):
    with pytest.raises(ValueError, match=words):
        region_code(written)


def test_the_union_has_its_27_members_and_what_belongs_to_them():
    members = set(OF_UNION.split())

    assert len(members) == 27
    assert sorted(IN_UNION - members) == ["AX", "GF", "GP", "MF", "MQ", "RE", "YT"]
    assert sorted(IN_EEA - IN_UNION) == ["EU", "IS", "LI", "NO"]
    assert not IN_EEA - set(REGIONS)


@pytest.mark.parametrize(
    ("codes", "leaves"), [(["EU"], False), (["DE", "NO"], False), (["EU", "GB"], True), (["CH"], True), ([], False)]
)
def test_what_is_kept_outside_the_eea_is_known(codes, leaves):
    assert leaves_eea(codes) is leaves


def test_regions_are_said_in_words():
    assert in_words(["EU", "CH"]) == ["European Union", "Switzerland"]


def test_each_legal_basis_has_the_letter_of_the_article():
    letters = [basis.label[-3] for basis in LegalBasis if basis is not LegalBasis.NOT_PERSONAL]

    assert letters == list("abcdef")
    assert LegalBasis.CONTRACT.label == "Contract (GDPR art. 6(1)(b))"
    assert LegalBasis.NOT_PERSONAL.label == "Not personal data"
