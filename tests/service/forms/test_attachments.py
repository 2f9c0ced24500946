"""Files: their bytes are written once, what was submitted never changes, and each is read by whom it is for."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from portal import forms
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.forms import Attachment, StoredFile
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


def add(person, name="design.md", content=b"# Design", *, sealed=False) -> Attachment:
    with transaction():
        attachment = forms.add_file(forms.read_file(name, content), by=person)
        if sealed:
            forms.seal([attachment.id], by=person)
    return attachment


def stored_files():
    return db.session.scalar(select(func.count()).select_from(StoredFile))


def test_C23_a_file_is_kept_under_its_sha256_once():
    first, second = add(make_user()), add(make_user(), "other name.md")

    assert first.sha256 == second.sha256
    assert stored_files() == 1
    assert forms.content_of(second) == b"# Design"
    assert (second.name, second.media_type, second.size) == ("other name.md", "text/markdown", 8)


@pytest.mark.parametrize(
    "deed",
    [
        "update stored_file set size = 1",
        "update attachment set name = 'x'",
        "delete from attachment",
    ],
)
def test_C25_what_was_submitted_is_write_once(deed):
    add(make_user(), sealed=True)

    with pytest.raises(DBAPIError), transaction():
        db.session.execute(text(deed))


def test_C25_bytes_never_change_even_before():
    attachment = add(make_user())

    with pytest.raises(DBAPIError), transaction():
        db.session.execute(text("update stored_file set content = :c"), {"c": b"other"})
    with pytest.raises(Conflict, match="never change"), transaction():
        attachment.file.content = b"other"


def test_a_file_handed_in_by_mistake_is_taken_back_with_its_bytes():
    person = make_user()
    mine, theirs = add(person, content=b"same"), add(make_user(), content=b"same")

    with transaction():
        forms.remove_unsent(mine, by=person)
    assert stored_files() == 1
    with transaction():
        forms.remove_unsent(db.session.merge(theirs), by=theirs.uploader)
    assert stored_files() == 0


def test_a_submitted_file_cannot_be_taken_back_nor_a_strangers():
    person, stranger = make_user(), make_user()
    sealed, loose = add(person, sealed=True), add(person, "b.md")

    with pytest.raises(Conflict, match="stays"), transaction():
        forms.remove_unsent(sealed, by=person)
    with pytest.raises(NotAllowed), transaction():
        forms.remove_unsent(loose, by=stranger)


def test_C24_a_replacement_is_a_new_version_and_the_old_one_stays():
    person, stranger = make_user(), make_user()
    old = add(person, sealed=True)
    with transaction():
        new = forms.replace_file(old, forms.read_file("design 2.md", b"# Better"), by=person)
    answers = forms.with_replacement({"docs": [old.reference()], "title": "T"}, old, new)

    assert [(f.version, f.name) for f in forms.versions_of(new)] == [(2, "design 2.md"), (1, "design.md")]
    assert answers == {"docs": [new.reference()], "title": "T"}
    assert forms.find_file(old.id, answers) == old
    assert forms.content_of(old) == b"# Design"
    with pytest.raises(Conflict, match="already"), transaction():
        forms.replace_file(old, forms.read_file("x.md", b"x"), by=person)
    with pytest.raises(NotAllowed), transaction():
        forms.replace_file(new, forms.read_file("x.md", b"x"), by=stranger)


def test_only_files_that_the_answers_name_are_found():
    person = make_user()
    named, other = add(person), add(person, "b.md", b"b")
    answers = {"docs": [named.reference()]}

    assert forms.find_file(named.id, answers) == named
    assert forms.find_file(other.id, answers) is None
    assert forms.find_file(999, answers) is None


def test_files_of_others_are_not_taken_into_answers():
    person, other = make_user(), make_user()
    theirs = add(other)
    asked = forms.ask([make_form_with_file()])

    found = forms.weigh_answers(asked, {"docs": [{"id": theirs.id, "name": "mine.pdf"}]}, by=person)

    assert found.answers == {}


def test_names_and_sizes_in_answers_come_from_what_is_stored():
    person = make_user()
    mine = add(person)
    asked = forms.ask([make_form_with_file()])

    found = forms.weigh_answers(asked, {"docs": [{"id": mine.id, "name": "forged", "sha256": "0"}]}, by=person)

    assert found.answers["docs"] == [mine.reference()]


def test_unsent_files_have_an_end(monkeypatch):
    monkeypatch.setattr("portal.forms.attachments.MOST_UNSENT", 2)
    person = make_user()
    add(person, content=b"1")
    add(person, content=b"2", sealed=True)
    add(person, content=b"3")

    with pytest.raises(Invalid, match="too many"):
        add(person, content=b"4")


def make_form_with_file():
    with transaction():
        form = forms.create_form("F", [{"key": "docs", "label": "Docs", "type": "file"}], by=None)
        return forms.activate_form(form, by=None)
