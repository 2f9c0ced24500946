"""Conditions and duties of fields in the editor of request forms: what it offers, and what it refuses."""

import pytest

from portal import forms
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def editor(browser):
    """The page of a draft with one choice that has no key yet."""
    with transaction():
        draft = forms.create_form("Questions", [{"key": "why", "label": "Why"}], by=None)
    return browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/forms/{draft.id}")


def test_a_choice_that_was_just_added_can_be_a_condition_before_it_is_saved(editor):
    page = editor.press("Add a field")
    values = {"row-1-label": "How large?", "row-1-type": "choice", "row-1-choices": "small\nlarge"}

    page = page.press("Add a field", **values)

    assert "How large? (how_large)" in page.texts("#row-2-shown_field option")


def test_a_stage_that_does_not_exist_is_refused_where_it_is_named(editor):
    page = editor.press("Save draft", **{"row-0-needed_by": "securty"})

    assert page.status == 422
    assert "There is no review stage “securty”. There are: architect, compliance" in page.text("#row-0")
    assert page.soup.select_one("#row-0-needed_by")["value"] == "securty"
    assert "The draft is saved." in page.press("Save draft", **{"row-0-needed_by": "security, legal"}).text()
