"""Files of a request: handed out as downloads, to those who may see the request and to nobody else."""

import io

import pytest

from portal import access, forms
from portal.accounts import RoleName
from portal.db import transaction
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
