"""Files of a request: handed out as downloads, to those who may see the request and to nobody else."""

import io

import pytest

from portal import access, forms
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Conflict
from tests.support.builders import fill_cart, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [{"key": "docs", "label": "Docs", "type": "file", "required": True}]


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def request_with_file(browser, person, owner):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    with transaction():
        form = forms.create_form("F", FIELDS, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
    fill_cart(person, product, plan=plan)
    given = (io.BytesIO(b'{"a": "<script>"}'), "../naïve.json")
    browser(person).get("/cart").press("Submit request", **{"App name": "A", "Docs": given})
    (made,) = access.requests_of(person)
    return made


def paths(request):
    (kept,) = request.answers["docs"]
    return (
        f"/requests/{request.number}/files/{kept['id']}",
        f"/admin/access-requests/{request.number}/files/{kept['id']}",
    )


def test_a_file_is_only_ever_a_download(browser, person, request_with_file):
    page = browser(person).get(paths(request_with_file)[0])

    assert page.status == 200
    assert page.answer.data == b'{"a": "<script>"}'
    assert page.headers["Content-Disposition"].startswith("attachment;")
    assert "na%C3%AFve.json" in page.headers["Content-Disposition"]
    assert page.headers["Content-Type"] == "application/json"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert page.headers["Cache-Control"] == "no-store"


def test_those_who_may_see_the_request_read_its_files(browser, owner, request_with_file):
    for reader in (owner, make_user(RoleName.AUDITOR), make_user(RoleName.ADMINISTRATOR)):
        assert browser(reader).get(paths(request_with_file)[1]).status == 200


def test_nobody_else_does(browser, owner, request_with_file):
    own, admin = paths(request_with_file)

    assert browser(make_user()).get(own).status == 404
    assert browser(make_user()).get(admin).status == 403
    assert browser(owner).get(own).status in {403, 404}
    assert browser(make_user(RoleName.PLAN_MANAGER)).get(admin).status == 403
    assert browser(make_user(RoleName.SECURITY_REVIEWER)).get(admin).status == 404
    assert browser().get(own).path.startswith("/login")


def test_a_request_hands_out_its_own_files_only(browser, person, request_with_file):
    with transaction():
        loose = forms.add_file(forms.read_file("other.md", b"x"), by=person)

    assert browser(person).get(f"/requests/{request_with_file.number}/files/{loose.id}").status == 404
    assert browser(person).get(f"/requests/{request_with_file.number}/files/{2**62}").status == 404


def test_C24_C25_old_versions_stay_after_replacement_and_decision(browser, owner, person, request_with_file):
    old = forms.files_of([request_with_file.answers["docs"][0]["id"]], by=person).popitem()[1]
    with transaction():
        new = forms.replace_file(old, forms.read_file("b.md", b"b"), by=person)
        request_with_file.answers = forms.with_replacement(request_with_file.answers, old, new)
    with transaction():
        access.reject(request_with_file, by=owner, reason="No.")

    page = browser(owner).get(f"/admin/access-requests/{request_with_file.number}")

    assert "version 2" in page.text("#answers")
    assert "version 1" in page.text("#answers")
    number = request_with_file.number
    assert browser(owner).get(f"/admin/access-requests/{number}/files/{old.id}").answer.data == b'{"a": "<script>"}'
    assert browser(person).get(f"/requests/{number}/files/{new.id}").answer.data == b"b"


# --- changing a request ----------------------------------------------------------------------------------------------


def test_C24_a_file_is_replaced_on_the_page_and_both_versions_stay(browser, person, request_with_file):
    number, old = request_with_file.number, request_with_file.answers["docs"][0]
    page = browser(person).get(f"/requests/{number}").follow("Change request")

    page = page.press("Save changes", **{f"newer-{old['id']}": (io.BytesIO(b"# Better"), "better.md")})

    assert page.path == f"/requests/{number}"
    (new,) = request_with_file.answers["docs"]
    assert (new["name"], new["version"], request_with_file.revision) == ("better.md", 2, 2)
    assert "replaced version 1" in page.text("#answers")
    assert "replaced version 2" not in page.text("#answers")
    assert browser(person).get(f"/requests/{number}/files/{old['id']}").answer.data == b'{"a": "<script>"}'


def test_a_file_is_added_and_the_reason_changed(browser, person, request_with_file):
    page = browser(person).get(f"/requests/{request_with_file.number}/edit")

    page.press("Save changes", Reason="For the audit", Docs=(io.BytesIO(b"b"), "second.md"))

    assert [entry["name"] for entry in request_with_file.answers["docs"]] == ["naïve.json", "second.md"]
    assert request_with_file.reason == "For the audit"


def test_a_wrong_file_changes_nothing_and_is_told(browser, person, request_with_file):
    page = browser(person).get(f"/requests/{request_with_file.number}/edit")

    page = page.press("Save changes", Reason="Kept", Docs=(io.BytesIO(b"x"), "x.exe"))

    assert page.status == 422
    assert "x.exe cannot be handed in" in page.text(".error-summary")
    assert page.text("textarea[name=reason]") == "Kept"
    assert request_with_file.revision == 1


def test_saving_without_a_change_is_no_revision(browser, person, request_with_file):
    browser(person).get(f"/requests/{request_with_file.number}/edit").press("Save changes")

    assert request_with_file.revision == 1


def test_a_file_that_was_handed_in_is_not_left_out(person, request_with_file):
    with transaction():
        other = forms.add_file(forms.read_file("other.md", b"x"), by=person)

    with pytest.raises(Conflict, match="stays with it"), transaction():
        access.edit(request_with_file, by=person, answers={"docs": [{"id": other.id}]})
    with pytest.raises(forms.FormErrors), transaction():
        access.edit(request_with_file, by=person, answers={})


def test_nobody_else_and_nothing_decided_is_changed(browser, owner, person, request_with_file):
    number = request_with_file.number

    assert browser(make_user()).get(f"/requests/{number}/edit").status == 404
    assert browser(make_user()).forge(f"/requests/{number}/edit", {"reason": "x"}).status == 404
    with transaction():
        access.reject(request_with_file, by=owner, reason="No.")
    assert browser(person).get(f"/requests/{number}/edit").status == 409
    assert browser(person).forge(f"/requests/{number}/edit", {"reason": "x"}).status in {409, 422}
    assert request_with_file.reason == ""
