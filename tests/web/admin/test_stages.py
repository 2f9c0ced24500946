"""Review stages in the Admin Portal: made, changed, set back, and flagged when nobody could answer them."""

import pytest

from portal import policies
from portal.accounts import RoleName
from portal.db import transaction
from portal.policies import PolicyState
from tests.service.policies.drafts import a_rule, activated
from tests.support.builders import make_group, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR, name="Noor")


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER, name="Hana")


def test_C121_a_stage_is_made_with_people_times_and_quorum(browser, admin):
    make_group("privacy", make_user())

    page = browser(admin).get("/admin/").follow("Review stages").follow("New stage")
    page = page.press(
        "Make the stage",
        **{"Name": "Privacy", "Key": "privacy", "Step": "2", "sources": ["group:privacy"], "Due after": "24"},
    )

    template = policies.stage_templates()["privacy"]
    assert "The stage Privacy is made." in page.text("main")
    assert template.times.due_hours == 24
    assert template.sources == ({"kind": "group", "key": "privacy"},)


def test_a_stage_that_cannot_be_is_refused_in_words_and_kept_on_the_page(browser, admin):
    page = browser(admin).get("/admin/stages/new")
    page = page.press("Make the stage", Name="Nobody's", Key="nobody", sources=["owners"], **{"Ends after": "1"})

    assert page.status == 422
    assert "must follow each other" in page.text("main form")
    assert page.field("Name")["value"] == "Nobody's"


def test_a_shipped_stage_is_changed_and_set_back(browser, admin, security):
    page = browser(admin).get("/admin/stages/security")
    page = page.press("Save changes", **{"Name": "Information security", "Reviewers prove again who they are": True})
    assert policies.stage_templates()["security"].step_up
    assert "Information security" in page.text("h1")

    page = page.press("Set back", within="#confirm-remove")

    assert page.text("h1") == "Security"


def test_stages_that_nobody_can_answer_are_flagged(browser, admin, security):
    version = activated(a_rule())
    with transaction():
        security.active = False

    page = browser(admin).get("/admin/policies")

    assert "A stage has too few people" in page.text("main")
    flagged = browser(admin).get("/admin/stages").text("#stage-security")
    assert "Cannot be answered at present None of its own people is active and may decide." in flagged
    assert version.state is PolicyState.ACTIVE


def test_a_stage_of_which_one_source_is_empty_says_which(browser, admin):
    person = make_user()
    make_group("counsel", person)
    make_group("clerks")
    page = browser(admin).get("/admin/stages/new")
    page.press(
        "Make the stage",
        Name="Advice",
        Key="advice",
        Step="2",
        sources=["group:counsel", "group:clerks"],
        quorum_mode="per_group",
    )

    told = browser(admin).get("/admin/stages").text("#stage-advice")

    assert "Cannot be answered at present It needs somebody of each source" in told
    assert "nobody of the group clerks may decide" in told
