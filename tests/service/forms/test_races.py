"""The same done at once by several, with real threads: once in the database, and told to the others."""

import pytest

from portal import forms
from portal.accounts import User
from portal.catalog import find_product
from portal.db import db, transaction
from portal.errors import Conflict
from portal.forms import Attachment, FormDefinition, FormState, StoredFile
from tests.support.builders import make_product, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [{"key": "why", "label": "Why"}]


def test_the_same_file_from_several_people_is_stored_once():
    keys = [make_user().id for _ in range(6)]
    given = forms.read_file("design.md", b"# Design" * 1000)

    def hand_in(number):
        with transaction():
            return forms.add_file(given, by=person(keys[number])).id

    assert not errors_in(race(6, hand_in))
    assert db.session.query(StoredFile).count() == 1
    assert db.session.query(Attachment).count() == 6


def test_the_standard_form_is_made_once_whoever_chooses_it_first():
    keys = [make_product().id for _ in range(5)]

    def choose(number):
        with transaction():
            forms.choose_form(find_product(keys[number]), forms.STANDARD_KEY, by=None)

    assert not errors_in(race(5, choose))
    assert db.session.query(FormDefinition).count() == 1
    assert forms.uses_by_key() == {forms.STANDARD_KEY: 5}


def test_one_of_two_activations_wins_and_the_other_is_told():
    with transaction():
        form_id = forms.create_form("F", FIELDS, by=None).id

    def activate(_):
        with transaction():
            forms.activate_form(forms.find_form(form_id), by=None)

    results = race(4, activate)

    assert results.count(None) == 1
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert forms.find_form(form_id).state is FormState.ACTIVE


def test_new_versions_begun_at_once_are_one():
    with transaction():
        form_id = forms.activate_form(forms.create_form("F", FIELDS, by=None), by=None).id

    def begin(_):
        with transaction():
            return forms.new_version(forms.find_form(form_id), by=None).id

    results = race(4, begin)

    assert not errors_in(results)
    assert len(set(results)) == 1


def person(key):
    return db.session.get(User, key)
