"""The pages on which request forms are chosen, edited, looked at and activated; none of it needs JavaScript."""

import pytest

from portal import forms
from portal.accounts import RoleName
from portal.db import transaction
from portal.forms import FormState
from tests.support.builders import fill_cart, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def boss():
    return make_user(RoleName.ADMINISTRATOR)


@pytest.fixture
def draft():
    with transaction():
        return forms.create_form("Questions", [{"key": "why", "label": "Why"}], by=None)


def labels(form_id):
    return [field.label for field in forms.find_form(form_id).questions]


def test_the_standard_form_is_chosen_on_the_products_page(browser, owner):
    product = make_product(owners=[owner])

    page = (
        browser(owner)
        .get(f"/admin/products/{product.id}")
        .press("Use this form", **{"What consumers fill in": "standard"})
    )

    assert "The form is chosen." in page.text("#messages")
    assert [f.name for f in forms.forms_for([product], [])] == ["Standard request form"]
    page.press("Use this form", **{"What consumers fill in": ""})
    assert forms.forms_for([product], []) == []


def test_an_own_form_begins_as_the_standard_one_and_is_asked_once_it_is_active(browser, owner):
    plan = make_plan()
    product = make_product("Payments", owners=[owner], plans=[plan])
    consumer = make_user()
    fill_cart(consumer, product, plan=plan)
    here = browser(owner)

    editor = here.get(f"/admin/products/{product.id}").press("Use this form", **{"What consumers fill in": "own"})

    assert editor.text("h1").startswith("Request form of Payments, version 1")
    assert "still a draft" in here.get(f"/admin/products/{product.id}").text("#form-choice")
    assert not browser(consumer).get("/cart").soup.select("#request-form")
    active = editor.press("Activate", within="#confirm-activate")
    assert "is asked from now on" in active.text("#messages")
    assert browser(consumer).get("/cart").field("Title")


def test_a_plan_asks_a_form_as_well(browser):
    plan, manager = make_plan(), make_user(RoleName.PLAN_MANAGER)

    browser(manager).get(f"/admin/plans/{plan.id}").press("Use this form", **{"What consumers fill in": "standard"})

    assert len(forms.forms_for([], [plan])) == 1


def test_fields_are_added_filled_in_moved_and_taken_away_without_javascript(browser, boss, draft):
    here = browser(boss)
    page = here.get(f"/admin/forms/{draft.id}").press("Add a field")

    assert "not saved yet" in page.text("main")
    assert labels(draft.id) == ["Why"]
    page = page.press(
        "Save draft",
        **{
            "Name": "Better questions",
            "row-1-label": "Who uses it",
            "row-1-type": "choice",
            "row-1-choices": "internal\nexternal = Partners and the public",
            "row-1-required": "on",
            "row-1-feeds": "audience",
        },
    )
    assert "The draft is saved." in page.text("#messages")
    page = page.press("Move Who uses it up")
    assert page.texts(".form-row-legend") == ["Field 1: Who uses it", "Field 2: Why"]
    page.press("Save draft")
    assert labels(draft.id) == ["Who uses it", "Why"]
    first = forms.find_form(draft.id).questions[0]
    assert [(c.value, c.label) for c in first.choices] == [
        ("internal", "internal"),
        ("external", "Partners and the public"),
    ]
    assert (first.required, first.feeds) == (True, "audience")
    here.get(f"/admin/forms/{draft.id}").press("Remove Why").press("Save draft")
    assert labels(draft.id) == ["Who uses it"]


def test_what_nobody_could_fill_in_is_told_at_its_place_and_nothing_typed_is_lost(browser, boss, draft):
    page = browser(boss).get(f"/admin/forms/{draft.id}").press("Add a field")

    page = page.press(
        "Save draft", **{"Name": "N", "row-0-min_length": "long", "row-1-label": "Pick", "row-1-type": "choice"}
    )

    assert page.status == 422
    assert "Field 1: Enter a whole number" in page.text(".error-summary")
    assert "Field 2: Name at least one thing" in page.text(".error-summary")
    assert page.field("row-0-min_length")["value"] == "long"
    assert page.field("row-1-label")["value"] == "Pick"
    assert page.soup.select_one("#row-0 details").has_attr("open")


def test_a_form_without_a_name_is_refused(browser, boss):
    page = browser(boss).get("/admin/forms/new").press("Make form", Name=" ")

    assert page.status == 422
    assert "Give the form a name." in page.text()


def test_a_new_form_is_a_draft_and_offered_to_all_once_active(browser, boss):
    page = browser(boss).get("/admin/forms/new").press("Make form", Name="Partners")
    page = page.press("Activate", within="#confirm-activate")

    product = make_product()
    offers = browser(boss).get(f"/admin/products/{product.id}").field("What consumers fill in").get_text(" ")

    assert "Partners" in offers
    assert "All products and plans" in browser(boss).get("/admin/forms").text("table")


def test_C9_an_active_form_is_read_and_edited_as_a_new_version(browser, boss, draft):
    here = browser(boss)
    page = here.get(f"/admin/forms/{draft.id}").press("Activate", within="#confirm-activate")

    assert not page.has_button("Save draft")
    page = page.press("Edit as a new version")
    assert page.text("h1").startswith("Questions, version 2")
    page.press("Save draft", **{"row-0-label": "Why now"}).press("Activate", within="#confirm-activate")
    assert forms.find_form(draft.id).state is FormState.RETIRED
    assert labels(draft.id) == ["Why"]


def test_a_forged_change_of_an_active_version_is_refused(browser, boss, draft):
    with transaction():
        forms.activate_form(draft, by=None)

    page = browser(boss).forge(
        f"/admin/forms/{draft.id}", {"name": "X", "revision": str(draft.revision), "row": "0", "row-0-label": "Y"}
    )

    assert page.status == 409
    assert labels(draft.id) == ["Why"]


def test_of_two_editors_the_second_is_told_and_keeps_what_was_typed(browser, boss, draft):
    mine, theirs = browser(boss).get(f"/admin/forms/{draft.id}"), browser(boss).get(f"/admin/forms/{draft.id}")
    theirs.press("Save draft", Name="Theirs")

    page = mine.press("Save draft", Name="Mine")

    assert page.status == 409
    assert "Somebody else has changed this form" in page.text(".error-summary")
    assert page.field("Name")["value"] == "Mine"


def test_an_empty_form_is_not_activated(browser, boss):
    page = browser(boss).get("/admin/forms/new").press("Make form", Name="Empty", start="empty")

    page = page.press("Activate", within="#confirm-activate")

    assert page.status == 422
    assert "Add at least one" in page.text(".error-summary")


def test_a_draft_is_thrown_away(browser, boss, draft):
    number = draft.id

    page = browser(boss).get(f"/admin/forms/{number}").press("Throw away", within="#confirm-discard")

    assert page.path == "/admin/forms"
    assert forms.find_form(number) is None


def test_the_preview_shows_the_form_as_consumers_see_it(browser, boss):
    with transaction():
        form = forms.ensure_standard()

    page = browser(boss).get(f"/admin/forms/{form.id}").follow("Preview")

    assert page.field("Title")
    assert "Only needed when “Who will use it” is: External" in page.text("#answer-encryption-field")


def test_who_may_do_what(browser, draft, boss):
    owner, auditor = make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR)
    own = make_product(owners=[make_user(RoleName.API_OWNER)])
    seen = browser(owner).get(f"/admin/forms/{draft.id}")

    assert not seen.has_button("Save draft")
    assert browser(owner).forge(f"/admin/forms/{draft.id}", {"name": "X"}).status == 403
    assert browser(owner).forge(f"/admin/forms/{draft.id}/rows", {"do": "add"}).status == 403
    assert browser(owner).forge(f"/admin/forms/{draft.id}/activate").status == 403
    assert browser(owner).forge(f"/admin/forms/{draft.id}/discard").status == 403
    assert browser(owner).forge(f"/admin/products/{own.id}/form", {"form": "own"}).status == 403
    assert browser(owner).forge(f"/admin/products/{own.id}/form", {"form": "standard"}).status == 403
    assert browser(auditor).get(f"/admin/forms/{draft.id}").status == 200
    assert browser(auditor).forge(f"/admin/forms/{draft.id}/activate").status == 403
    assert browser(make_user()).get("/admin/forms").status == 403
    assert labels(draft.id) == ["Why"]


@pytest.mark.parametrize(
    "sent", [{"row": "x"}, {"row": ["0", "0"], "do": "up-99"}, {"do": "remove--1"}, {"do": "add-" * 9}]
)
def test_bent_rows_do_no_harm(browser, boss, draft, sent):
    assert browser(boss).forge(f"/admin/forms/{draft.id}/rows", {"name": "N", **sent}).status == 200


def test_a_form_takes_no_more_rows_than_it_may_have(browser, boss, draft):
    assert browser(boss).forge(f"/admin/forms/{draft.id}/rows", {"row": [str(n) for n in range(80)]}).status == 422


# --- what products say about themselves ------------------------------------------------------------------------------


def test_classification_environments_and_zone_are_edited_with_the_product(browser, owner):
    product = make_product(owners=[owner])

    browser(owner).get(f"/admin/products/{product.id}").press(
        "Save changes",
        **{"Data classification": "restricted", "environments": ["dev", "test"], "Time zone": "Europe/Berlin"},
    )

    assert (product.classification, product.environments, product.zone) == (
        "restricted",
        ["dev", "test"],
        "Europe/Berlin",
    )


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"environments": [""]}, "at least one environment"),
        ({"environments": ["moon"]}, "moon"),
        ({"Time zone": "Mars/Olympus"}, "IANA"),
        ({"Time zone": "../../etc/passwd"}, "IANA"),
    ],
)
def test_what_is_wrong_there_is_told(browser, owner, typed, words):
    product = make_product(owners=[owner])

    page = browser(owner).get(f"/admin/products/{product.id}").press("Save changes", **typed)

    assert page.status == 422
    assert words in page.text(".error-summary")
