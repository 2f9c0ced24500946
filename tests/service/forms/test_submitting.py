"""No request enters a review with an incomplete form, and it keeps what it was filled with."""

import pytest

from portal import access, forms
from portal.access import CartRejected, Category
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Invalid
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [
    {"key": "title", "label": "Title", "required": True, "min_length": 5},
    {
        "key": "risk",
        "label": "Risk",
        "type": "choice",
        "choices": ["low", "high"],
        "feeds": "exposure",
        "needed_by": ["security"],
    },
    {"key": "docs", "label": "Docs", "type": "file"},
]


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def form(person):
    plan = make_plan()
    product = make_product("Payments", plans=[plan])
    with transaction():
        made = forms.create_form("Questions", FIELDS, by=None, product=product)
        forms.activate_form(made, by=None)
        forms.choose_form(product, made.key, by=None)
    fill_cart(person, product, plan=plan)
    return made


def submit(person, answers, form_ids, environment=Environment.TEST):
    app = make_app(person)
    with transaction():
        (made,) = access.submit(app, by=person, answers=answers, form_ids=form_ids, environment=environment)
    return made


def test_C56_an_incomplete_form_is_refused_by_the_room_itself(person, form):
    with pytest.raises(CartRejected) as caught:
        submit(person, {"title": "Hi", "risk": "none"}, [form.id])

    assert [(p.category, p.message.split(":")[0]) for p in caught.value.problems] == [
        (Category.FORM, "Title is too short"),
        (Category.FORM, "Risk"),
    ]
    assert access.cart_count(person) == 1


def test_a_form_cannot_be_left_out(person, form):
    with pytest.raises(CartRejected, match="has changed"):
        submit(person, {}, [])


def test_a_form_that_changed_meanwhile_is_not_answered_unseen(person, form):
    with transaction():
        newer = forms.new_version(form, by=None)
        forms.activate_form(newer, by=None)

    with pytest.raises(CartRejected, match="has changed"):
        submit(person, {"title": "Checkout"}, [form.id])


def test_C9_the_request_keeps_its_answers_and_the_version_that_asked(person, form):
    made = submit(person, {"title": "Checkout", "risk": "low", "stale": "x"}, [form.id])
    with transaction():
        newer = forms.new_version(form, by=None)
        forms.change_form(newer, "Other", [{"key": "title", "label": "New words"}], by=None)
        forms.activate_form(newer, by=None)

    filled = forms.filled(made.form_ids, made.answers)

    assert made.answers == {"title": "Checkout", "risk": "low"}
    assert filled.names == ("Questions, version 1",)
    assert [(a.label, a.text) for a in filled.answers] == [("Title", "Checkout"), ("Risk", "low"), ("Docs", "")]
    assert forms.told_by(made.form_ids, made.answers) == {"exposure": "low"}


def test_C18_the_stage_that_needs_a_field_names_it(person, form):
    made = submit(person, {"title": "Checkout"}, [form.id])

    assert forms.still_missing("security", made.form_ids, made.answers, environment="test") == ["Risk"]


def test_files_are_bound_to_the_request_and_the_draft_is_gone(person, form):
    with transaction():
        file = forms.add_file(forms.read_file("a.md", b"a"), by=person)
        forms.save_draft({"answers": {"title": "Checkout"}}, by=person)

    made = submit(person, {"title": "Checkout", "docs": [{"id": file.id}]}, [form.id])

    assert made.answers["docs"] == [file.reference()]
    assert file.sealed_at is not None
    assert forms.draft_of(person) is None


def test_the_environment_of_the_cart_answers_the_form(person):
    plan = make_plan()
    product = make_product(plans=[plan])
    with transaction():
        forms.choose_form(product, forms.STANDARD_KEY, by=None)
    fill_cart(person, product, plan=plan)
    asked = access.form_of(access.cart_of(person), "prod")

    found = forms.weigh_answers(asked, {"environment": "dev"}, by=person)

    assert found.answers["environment"] == "prod"
    assert [f.key for f in asked.own_fields][:4] == ["title", "purpose", "project", "audience"]


def test_C17_a_later_change_cannot_choose_another_method_than_the_products(person):
    plan = make_plan()
    product = make_product(plans=[plan])
    with transaction():
        forms.choose_form(product, forms.STANDARD_KEY, by=None)
        standard = forms.standard_form()
    fill_cart(person, product, plan=plan)
    good = {
        "title": "Books",
        "purpose": "The shop writes what it sells into the ledger.",
        "audience": "internal",
        "auth_method": "oauth2_client_credentials",
        "access_level": "read",
        "expected_volume": 5,
        "secrets": "In the vault of the team",
        "documentation_link": {"url": "https://d.example"},
    }
    made = submit(person, good, [standard.id])

    with pytest.raises(forms.FormErrors, match="Authentication method"), transaction():
        access.edit(made, by=person, answers={**made.answers, "auth_method": "none"})
    with transaction():
        access.edit(made, by=person, answers={**made.answers, "exposure": "internal"})
    assert (made.answers["exposure"], made.revision) == ("internal", 2)


def test_drafts_are_one_each_and_bounded(person):
    with transaction():
        forms.save_draft({"a": 1}, by=person)
        forms.save_draft({"a": 2}, by=person)

    assert forms.draft_of(person).typed == {"a": 2}
    assert forms.draft_of(make_user()) is None
    with pytest.raises(Invalid, match="more than a form"), transaction():
        forms.save_draft({"a": "x" * 400_000}, by=person)
