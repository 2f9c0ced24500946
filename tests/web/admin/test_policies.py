"""Policies in the Admin Portal: designed, checked, tried and put in force by pressing buttons, without JavaScript."""

import json

import pytest

from portal import policies
from portal.accounts import RoleName
from portal.policies import PolicyState
from tests.service.policies.drafts import a_rule, activated, drafted, proposed
from tests.support.builders import make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR, name="Noor")


@pytest.fixture
def second():
    return make_user(RoleName.ADMINISTRATOR, name="Samir")


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER, name="Hana")


def steps(request):
    return [(stage.key, stage.position) for stage in request.stages]


def test_C48_from_an_empty_install_owner_security_and_it_by_pages_alone(browser):
    first = make_user(RoleName.API_OWNER, RoleName.ADMINISTRATOR, name="First owner")  # as `portico create-owner` does
    security, delivery, other = make_user(name="Hana"), make_user(name="Aiko"), make_user(name="Samir")
    person = browser(first)

    for newcomer, role in ((security, "security_reviewer"), (other, "administrator")):
        page = person.get(f"/admin/users/{newcomer.id}").press("Save changes", roles=["consumer", role])
        assert page.status == 200
    page = person.get("/admin/").follow("Reviewer groups").follow("New group")
    page = page.press("Make group", Name="IT delivery", Key="it-delivery", Description="Sets it up.")
    page.press("Add to the group", **{"Email address": delivery.email})
    page = person.get("/admin/").follow("Policies").follow("New draft")
    page = page.press("Make the draft", start="owner-security-it")
    assert "Every request is decided by the product's owner" in page.text("#policy-editor")
    page = page.press("Save draft").press("Ask for activation")
    page = browser(other).get(page.path).press("Activate", within="#confirm-activate")
    assert "is in force" in page.text("main")

    request = make_request(owner=first)
    assert steps(request) == [("owner", 1), ("security", 2), ("it_delivery", 3)]


def test_a_rule_is_built_row_by_row_and_nothing_is_lost(browser, admin, security):
    draft = drafted(by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}").press("Add a rule", Name="House rules")
    page = page.press(
        "Add a condition to the conditions of rule 1",
        **{
            "Because": "Customer data in production is looked at.",
            "r0-stage": ["security"],
        },
    )
    page = page.press("Look through", **{"What condition 2 of rule 1 looks at": "product.category"})
    page = page.press(
        "Add a group to the conditions of rule 1",
        **{"Values of condition 2 of rule 1, one a line": "Payments\nFinance"},
    )
    page = page.press("Save draft", **{"How group 3 of rule 1 are joined": "none", "r0-n2-0-value": ["dev"]})

    assert "The draft is saved." in page.text("main")
    assert draft.name == "House rules"
    [rule] = draft.rules["rules"]
    assert rule["key"] == "customer-data-in-production-is-l"
    assert rule["because"] == "Customer data in production is looked at."
    assert rule["then"] == {"outcome": "stages", "stages": ["security"]}
    assert rule["when"] == {
        "all": [
            {"attribute": "environment", "is": "equals", "value": "prod"},
            {"attribute": "product.category", "is": "one_of", "value": ["Payments", "Finance"]},
            {"not": {"attribute": "environment", "is": "equals", "value": "dev"}},
        ]
    }


def test_with_htmx_only_the_editor_comes_back(browser, admin):
    draft = drafted(a_rule(), by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}").press("Add a rule", htmx=True)

    assert page.soup.find(id="policy-editor") is not None
    assert page.soup.find("html") is None
    assert page.soup.find(id="rule-1").has_attr("data-focus")
    assert draft.rules["rules"] == [a_rule()]


def test_a_mistake_is_told_at_its_condition_and_everything_typed_is_kept(browser, admin, security):
    draft = drafted(a_rule(), by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}")
    page = page.press("Save draft", **{"r0-n0-value": [], "Because": "Because I say so.", "Name": "Mine"})

    assert page.status == 422
    assert "The draft is not saved" in page.text("#policy-editor")
    assert "Give at least one value." in page.text("#r0-n0")
    assert page.field("Because").text.strip() == "Because I say so."
    assert page.field("Name")["value"] == "Mine"
    assert draft.rules["rules"] == [a_rule()]

    page = page.press("Save unfinished")
    assert page.status == 200
    assert "This draft cannot be activated yet" in page.text("#policy-editor")


def test_C122_a_stage_that_nobody_can_staff_is_refused_at_save(browser, admin):
    draft = drafted(by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}").press("Add a rule")
    page = page.press("Save draft", **{"Because": "Terms.", "r0-stage": ["legal"]})

    assert page.status == 422
    assert "Nobody can answer the stage Legal" in page.text("#rule-0")


def test_two_who_edit_at_once_do_not_write_over_each_other(browser, admin, second, security):
    draft = drafted(a_rule(), by=admin)
    mine, theirs = (browser(who).get(f"/admin/policies/{draft.id}") for who in (admin, second))
    mine.press("Save draft", Because="Mine.")

    page = theirs.press("Save draft", Because="Theirs.")

    assert page.status == 409
    assert "has changed since" in page.text("#policy-editor")
    assert page.field("Because").text.strip() == "Theirs."
    assert draft.rules["rules"][0]["because"] == "Mine."


def test_C137_the_author_is_offered_no_activation_and_refused_one(browser, admin, security):
    waiting = proposed(a_rule(), by=admin)
    person = browser(admin)

    page = person.get(f"/admin/policies/{waiting.id}")
    assert not page.has_button("Activate")
    assert "somebody else puts it in force" in page.text("#state")

    refused = person.forge(f"/admin/policies/{waiting.id}/activate", {"revision": waiting.version, "in_place_of": ""})
    assert refused.status == 403
    assert waiting.state is PolicyState.IN_REVIEW


def test_a_second_person_sends_back_or_activates(browser, admin, second, security):
    former = activated(a_rule())
    waiting = proposed(a_rule("stricter"), by=admin)
    person = browser(second)

    page = person.get(f"/admin/policies/{waiting.id}").press("Send back", within="#confirm-send-back", reason="Why?")
    assert waiting.state is PolicyState.DRAFT
    page = browser(admin).get(page.path).press("Ask for activation")
    page = person.get(page.path).press("Activate", within="#confirm-activate")

    assert "is in force" in page.text("main")
    assert (former.state, waiting.state) == (PolicyState.RETIRED, PolicyState.ACTIVE)
    assert waiting.approver.name == "Samir"


def test_the_page_of_a_version_says_every_rule_in_words_and_draws_the_path(browser, security):
    version = activated(a_rule(), a_rule("no", outcome="deny", when=_restricted()))

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/policies/{version.id}")

    assert "If the environment is production, Security must answer." in page.text("#rules")
    assert "it is denied" in page.text("#rules")
    assert page.texts("#path .step-label") == ["Request", "Owner", "Security"]
    assert not page.has_button("New draft from this")


def _restricted():
    return {"attribute": "product.classification", "is": "equals", "value": "restricted"}


def test_the_list_shows_state_author_approver_and_the_path_in_force(browser, admin, security):
    activated(a_rule())
    drafted(by=admin)

    page = browser(make_user(RoleName.API_OWNER)).get("/admin/").follow("Policies")

    rows = page.texts("#all tbody tr")
    assert "Draft" in rows[0]
    assert "Noor" in rows[0]
    assert "Active" in rows[1]
    assert page.texts("#in-force .step-label") == ["Request", "Owner", "Security"]


def test_C89_C149_an_owner_writes_rules_of_a_product_and_sees_what_they_cannot_do(browser, security):
    owner, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    product = make_product("Parcels", owners=[owner, other])
    make_product("Not mine", owners=[other])
    person = browser(owner)

    page = person.get("/admin/policies/new")
    assert "Not mine" not in page.text("main")
    assert "All products" not in page.text("main")
    page = page.press("Make the draft", **{"Rules for": str(product.id)})
    page = page.press("Add a rule")
    assert "approved at once" not in page.text("#policy-editor fieldset")
    page = page.press("Save draft", **{"Because": "We want to know.", "r0-stage": ["security"]})
    page = page.press("Ask for activation")
    page = browser(other).get(page.path).press("Activate", within="#confirm-activate")

    assert "is in force" in page.text("main")
    assert policies.active_version(product).author.id == owner.id


@pytest.mark.parametrize(
    "path", ["", "/rows", "/json", "/ask", "/send-back", "/activate", "/discard", "/copy"], ids=lambda p: p or "save"
)
def test_who_may_not_write_is_refused_everywhere(browser, admin, path):
    draft = drafted(a_rule(), by=admin)
    data = {"revision": draft.version}

    for person in (make_user(RoleName.AUDITOR), make_user(RoleName.API_OWNER), make_user(RoleName.PLAN_MANAGER)):
        assert browser(person).forge(f"/admin/policies/{draft.id}{path}", data).status == 403

    assert (draft.state, draft.rules["rules"]) == (PolicyState.DRAFT, [a_rule()])


def test_a_draft_can_be_written_as_json(browser, admin, security):
    draft = drafted(by=admin)
    page = browser(admin).get(f"/admin/policies/{draft.id}")

    refused = page.press("Save JSON", **{"Rules as JSON": '{"rules": ['})
    assert refused.status == 422
    assert refused.field("Rules as JSON").text.strip() == '{"rules": ['
    page = refused.press("Save JSON", **{"Rules as JSON": json.dumps({"rules": [a_rule()], "order": []})})

    assert "The draft is saved." in page.text("main")
    assert draft.rules["rules"] == [a_rule()]


def test_pages_cost_no_more_queries_with_more_products_and_versions(browser, security):
    owner = make_user(RoleName.API_OWNER)
    person = browser(owner)
    person.get("/admin/policies")
    counts = []
    for _ in range(2):
        for _ in range(4):
            activated(a_rule(), product=make_product(owners=[owner]))
        with count_queries() as new:
            person.get("/admin/policies/new")
        with count_queries() as index:
            person.get("/admin/policies")
        counts.append((len(new), len(index)))

    assert counts[0] == counts[1]


def test_a_draft_without_rules_says_what_decides_then(browser, admin, security):
    everywhere = drafted(by=admin)
    own = drafted(by=admin, product=make_product("Payments"))

    assert "Without rules the plan decides alone" in browser(admin).get(f"/admin/policies/{everywhere.id}").text(
        "#rules"
    )
    page = browser(admin).get(f"/admin/policies/{own.id}").text("#rules")
    assert "the product follows those for all products" in page
    assert "the plan decides" not in page
