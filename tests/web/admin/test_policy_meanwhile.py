"""A policy that is not any more what was on the screen, and mistakes in rules that were written as JSON."""

import json

import pytest

from portal.accounts import RoleName
from tests.service.policies.drafts import a_rule, drafted, proposed
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR, name="Noor")


def test_a_second_press_of_activate_shows_the_version_as_it_is_now(browser, admin):
    make_user(RoleName.SECURITY_REVIEWER)
    waiting = proposed(a_rule(), by=admin)
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/policies/{waiting.id}")
    page.press("Activate", within="#confirm-activate")

    again = page.press("Activate", within="#confirm-activate")

    assert again.status == 409
    assert "has changed since this page was shown" in again.text("#messages")
    assert "Active" in again.text("h1 ~ *, main")


def test_a_mistake_in_json_is_told_with_the_key_of_its_rule(browser, admin):
    make_user(RoleName.SECURITY_REVIEWER)
    draft = drafted(a_rule(), by=admin)
    wrong = {"rules": [{**a_rule(), "key": "moon", "then": {"outcome": "stages", "stages": ["nosuch"]}}], "order": []}

    page = browser(admin).get(f"/admin/policies/{draft.id}").press("Save JSON", json=json.dumps(wrong))

    assert page.status == 422
    assert "Rule “moon”: There is no stage 'nosuch'." in page.text("#policy-editor")
