"""C62, C66: what products state is a fact for policies, is bound to the answer, and is kept with it and the access."""

import pytest

from portal import access, catalog, policies
from portal.accounts import RoleName
from portal.catalog import Classification, LegalBasis
from portal.db import transaction
from portal.errors import Conflict
from portal.events import EventKind
from portal.policies import Severity
from tests.support.builders import make_group, make_plan, make_policy, make_product, make_request, make_user
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


def rule(attribute, operator, *value, stages=("compliance",), negated=False):
    leaf = {"attribute": attribute, "is": operator, **({"value": value[0]} if value else {})}
    when = {"not": leaf} if negated else leaf
    return {
        "key": f"{attribute}-{operator}".replace(".", "-").replace("_", "-"),
        "because": "Data protection.",
        "when": when,
        "then": {"outcome": "stages", "stages": list(stages)},
    }


LEAVES = rule("product.leaves_eea", "is_true")
OUTSIDE = rule("product.regions", "only_of", ["EU", "CH"], negated=True)
ALWAYS = {**LEAVES, "when": {"all": []}, "then": {"outcome": "stages", "stages": ["compliance"]}}


@pytest.fixture
def officer():
    person = make_user(RoleName.SECURITY_REVIEWER, name="Cora Compliance")
    make_group("compliance", person)
    return person


def ask(**stated):
    """A request for a product that states this, on a plan that asks nobody."""
    plan = make_plan(auto_approve=True)
    return make_request(None, make_product("Payouts", plans=[plan], **stated), plan=plan)


def approve(request, by, **more):
    with transaction():
        return access.approve(request, by=by, **more)


def stage_keys(request):
    return [stage.key for stage in request.stages]


@pytest.mark.parametrize(
    ("rule_", "regions", "needed"),
    [
        (LEAVES, ["EU"], []),
        (LEAVES, ["EU", "US"], ["compliance"]),
        (LEAVES, [], ["compliance"]),  # not stated: stricter
        (OUTSIDE, ["EU", "CH"], []),
        (OUTSIDE, ["CH", "US"], ["compliance"]),
        (OUTSIDE, [], ["compliance"]),
        (rule("product.regions", "contains", "us"), ["EU", "US"], ["compliance"]),
        (rule("product.regions", "contains", "us"), ["EU"], []),
    ],
)
def test_a_rule_asks_where_the_data_is(officer, rule_, regions, needed):
    make_policy(rule_)

    assert stage_keys(ask(regions=regions)) == needed


@pytest.mark.parametrize(
    ("basis", "needed"), [(LegalBasis.CONTRACT, []), (LegalBasis.CONSENT, ["compliance"]), (None, ["compliance"])]
)
def test_a_rule_asks_for_the_legal_basis(officer, basis, needed):
    make_policy(rule("product.legal_basis", "none_of", ["contract", "not_personal"]))

    assert stage_keys(ask(legal_basis=basis)) == needed


def test_what_is_not_stated_never_approves():
    harmless = rule("product.legal_basis", "equals", "not_personal")
    make_policy({**harmless, "then": {"outcome": "auto"}})
    plan = make_plan()

    stated = make_request(None, make_product(plans=[plan], legal_basis=LegalBasis.NOT_PERSONAL), plan=plan)
    silent = make_request(None, make_product(plans=[plan]), plan=plan)

    assert (stage_keys(stated), stage_keys(silent)) == ([], ["owner"])


def test_a_rule_that_names_no_country_is_doubted(officer):
    found = policies.findings_in({"rules": [rule("product.regions", "contains_any", ["US", "UK"])], "order": []})

    assert [(each.severity, each.message) for each in found] == [
        (Severity.WARNING, "Regions of the product’s data: there is no 'UK' at present.")
    ]


def test_the_record_of_a_compliance_answer_says_what_was_stated(officer):
    make_policy(ALWAYS)
    request = ask(classification=Classification.RESTRICTED, regions=["EU", "US"])

    approve(request, officer)

    (event,) = events_of(request.stages[0], EventKind.STAGE_APPROVED)
    assert event.after["stated"] == [
        "Payouts: restricted; legal basis: not stated; regions: European Union, United States; terms of use: none"
    ]


def test_C66_the_terms_that_legal_judged_are_recorded_with_the_answer_and_with_the_access():
    counsel = make_user(RoleName.SECURITY_REVIEWER)
    make_group("legal", counsel)
    make_policy({**ALWAYS, "then": {"outcome": "stages", "stages": ["legal"]}})
    request = ask(legal_basis=LegalBasis.CONTRACT, regions=["EU"])
    admin = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        catalog.publish_terms(request.products[0], "Be kind.", by=admin)
    with transaction():
        catalog.publish_terms(request.products[0], "Be kinder.", by=admin, after=1)

    approve(request, counsel)

    (event,) = events_of(request.stages[0], EventKind.STAGE_APPROVED)
    (grant,) = access.grants_of(request.app)
    assert event.after["stated"][0].endswith("terms of use: version 2")
    assert grant.terms["terms_of_use"] == 2
    assert grant.terms["data"] == {"classification": "internal", "legal_basis": "contract", "regions": ["EU"]}
    assert access.stated_when_approved(grant) == [
        ("Data classification", "Internal"),
        ("Legal basis", "Contract (GDPR art. 6(1)(b))"),
        ("Data kept and processed in", "European Union"),
    ]
    assert access.is_as_approved(grant)


def test_other_stages_leave_the_record_as_it_was():
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    approve(request, owner)

    (event,) = events_of(request.stages[0], EventKind.STAGE_APPROVED)
    assert event.after == {"revision": 1}


def test_an_answer_to_what_the_product_no_longer_states_decides_nothing(officer):
    make_policy(ALWAYS)
    request = ask(regions=["EU"])
    seen = access.seen_by_reviewer(request, access.statements_of(request))
    with transaction():
        catalog.change_product(request.products[0], {"regions": ["EU", "US"]}, by=None)

    with pytest.raises(Conflict, match="What the products state about their data or terms has changed"):
        approve(request, officer, seen=seen)

    assert request.is_pending
    approve(request, officer, seen=access.seen_by_reviewer(request, access.statements_of(request)))
    assert not request.is_pending


def test_other_edits_of_the_product_void_no_screen(officer):
    make_policy(ALWAYS)
    request = ask(regions=["EU"])
    seen = access.seen_by_reviewer(request, access.statements_of(request))
    with transaction():
        catalog.change_product(request.products[0], {"summary": "Another sentence."}, by=None)

    assert not approve(request, officer, seen=seen).is_pending


def test_what_was_stated_when_the_policy_judged_is_told_beside_what_is_now(officer):
    make_policy(LEAVES)
    request = ask(regions=["US"])
    values = {"regions": ["EU"], "legal_basis": "consent", "classification": "confidential"}
    with transaction():
        catalog.change_product(request.products[0], values, by=None)

    (statement,) = access.statements_of(request)

    assert statement.was == {"classification": "Internal", "legal_basis": "not stated", "regions": "United States"}
    assert stage_keys(request) == ["compliance"]  # the decision stands as it was made


def test_a_changed_product_voids_no_answer_that_was_given(officer):
    make_policy({**ALWAYS, "then": {"outcome": "stages", "stages": ["owner", "compliance"]}}, order=[["compliance"]])
    owner = make_user(RoleName.API_OWNER)
    plan = make_plan()
    request = make_request(None, make_product(plans=[plan], owners=[owner], regions=["EU"]), plan=plan)
    approve(request, officer)
    with transaction():
        catalog.change_product(request.products[0], {"regions": ["US"]}, by=owner)

    assert [stage.key for stage in request.stages if stage.state == "approved"] == ["compliance"]
