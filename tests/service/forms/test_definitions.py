"""Forms and their versions: what was active never changes, and products and plans ask what was chosen for them."""

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from portal import forms
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, subject_history
from portal.forms import FormDefinition, FormState
from tests.support.builders import make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [{"key": "why", "label": "Why"}]


def make_form(*, active: bool = True, name: str = "Questions", fields=FIELDS, **of) -> FormDefinition:
    with transaction():
        form = forms.create_form(name, fields, by=None, **of)
        if active:
            forms.activate_form(form, by=None)
    return form


def choose(thing, key):
    with transaction():
        forms.choose_form(thing, key, by=None)


def test_products_and_plans_ask_nothing_by_default():
    plan = make_plan()

    assert forms.forms_for([make_product(plans=[plan])], [plan]) == []


def test_the_standard_form_is_there_once_it_is_chosen_and_there_once():
    first, second = make_product(), make_product()

    choose(first, forms.STANDARD_KEY)
    choose(second, forms.STANDARD_KEY)

    (form,) = forms.forms_for([first, second], [])
    assert (form.name, form.version, form.state) == (forms.STANDARD_NAME, 1, FormState.ACTIVE)
    assert forms.uses_by_key() == {forms.STANDARD_KEY: 2}


def test_a_draft_is_asked_by_nobody_before_it_is_activated():
    product = make_product()
    form = make_form(active=False, product=product)
    choose(product, form.key)

    assert forms.forms_for([product], []) == []
    with transaction():
        forms.activate_form(form, by=None)
    assert [f.id for f in forms.forms_for([product], [])] == [form.id]


def test_editing_makes_the_next_version_and_activating_it_retires_the_one_before():
    product, form = make_product(), make_form()
    choose(product, form.key)
    with transaction():
        draft = forms.new_version(form, by=None)
        forms.change_form(draft, "Questions", [*FIELDS, {"label": "How long?"}], by=None)

    assert (draft.version, draft.state) == (2, FormState.DRAFT)
    assert forms.forms_for([product], []) == [form]
    with transaction():
        forms.activate_form(draft, by=None)

    assert forms.forms_for([product], []) == [draft]
    assert form.state is FormState.RETIRED
    assert [f.label for f in form.questions] == ["Why"]
    assert subject_history(draft)[-1].kind == EventKind.FORM_ACTIVATED


def test_there_is_one_draft_whoever_begins_it():
    form = make_form()
    with transaction():
        first = forms.new_version(form, by=None)
        second = forms.new_version(form, by=None)

    assert first is second


@pytest.mark.parametrize("state", ["active", "retired"])
def test_C9_a_version_that_was_active_never_changes(state):
    form = make_form()
    if state == "retired":
        with transaction():
            forms.activate_form(forms.new_version(form, by=None), by=None)

    with pytest.raises(Conflict, match="never changes"), transaction():
        forms.change_form(form, "Other", FIELDS, by=None)
    with pytest.raises(Conflict, match="never changes"), transaction():
        form.fields = []
    with pytest.raises(Conflict), transaction():
        forms.discard_form(form, by=None)


@pytest.mark.parametrize("deed", ["update form_definition set fields = '[]'", "delete from form_definition"])
def test_the_database_holds_to_that_too(deed):
    make_form()

    with pytest.raises(DBAPIError, match=r"never changes|stays"), transaction():
        db.session.execute(text(deed))


def test_of_two_editors_the_second_is_told():
    form = make_form(active=False)
    seen = form.revision
    with transaction():
        forms.change_form(form, "Mine", FIELDS, by=None, revision=seen)

    with pytest.raises(Conflict, match="Somebody else"), transaction():
        forms.change_form(form, "Theirs", FIELDS, by=None, revision=seen)


def test_two_active_versions_of_a_form_cannot_be():
    form = make_form()
    with transaction():
        forms.new_version(form, by=None)

    with pytest.raises(DBAPIError), transaction():
        db.session.execute(update(FormDefinition).values(state=FormState.ACTIVE))


def test_a_form_that_asks_nothing_is_not_activated():
    form = make_form(active=False, fields=[])

    with pytest.raises(Invalid, match="Add at least one"), transaction():
        forms.activate_form(form, by=None)


def test_a_discarded_form_is_asked_by_nobody():
    product = make_product()
    form = make_form(active=False, product=product)
    choose(product, form.key)
    with transaction():
        forms.discard_form(form, by=None)

    assert forms.use_of(product) is None
    assert forms.own_form(product) is None


def test_a_cart_asks_the_forms_of_its_products_and_then_that_of_its_plan_each_once():
    plan, first, second = make_plan(), make_product(), make_product()
    shared, of_plan = make_form(name="Shared"), make_form(name="Plan", plan=plan)
    for thing, form in ((first, shared), (second, shared), (plan, of_plan)):
        choose(thing, form.key)

    assert [f.name for f in forms.forms_for([first, second], [plan])] == ["Shared", "Plan"]


def test_somebody_elses_form_cannot_be_chosen():
    form = make_form(product=make_product())

    for thing in (make_product(), make_plan()):
        with pytest.raises(Invalid, match="offered"):
            choose(thing, form.key)
    with pytest.raises(Invalid, match="offered"):
        choose(make_product(), "made up")


def test_who_may_change_what():
    owner, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    manager, boss = make_user(RoleName.PLAN_MANAGER), make_user(RoleName.ADMINISTRATOR)
    product, plan = make_product(owners=[owner]), make_plan()
    of_product, of_plan, of_all = make_form(product=product), make_form(plan=plan), make_form()

    allowed = {
        form.id: [p for p in (owner, other, manager, boss) if forms.may_edit_form(form, p)]
        for form in (of_product, of_plan, of_all)
    }

    assert allowed[of_product.id] == [owner, boss]
    assert allowed[of_plan.id] == [owner, other, manager, boss]
    assert allowed[of_all.id] == [boss]
    with pytest.raises(NotAllowed), transaction():
        forms.new_version(of_product, by=other)
    with pytest.raises(NotAllowed), transaction():
        forms.choose_form(product, None, by=manager)
