"""Each review shows which version of each file the reviewer saw, and every version stays to be read (C24, C25)."""

import io

import pytest
from sqlalchemy import select

from portal import access, forms
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import (
    demanding,
    fill_cart,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")
FIELDS = [
    {"key": "outside", "label": "Outside", "type": "yes_no", "required": True},
    {"key": "docs", "label": "Docs", "type": "file", "shown_if": {"field": "outside", "is": ["yes"]}},
]


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Ingrid")


@pytest.fixture
def person():
    return make_user(name="Maya")


@pytest.fixture
def asked(browser, person, owner):
    """A request with a file, of the owner first and of legal then."""
    make_group("legal", make_user(RoleName.REVIEWER, name="Clara"))
    make_policy(demanding("owner", "legal"), order=[["owner"], ["legal"]])
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    with transaction():
        form = forms.create_form("F", FIELDS, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
    fill_cart(person, product, plan=plan)
    given = {"App name": "A", "answer-outside": "yes", "Docs": (io.BytesIO(b"first"), "plan.md")}
    browser(person).get("/cart").press("Submit request", **given)
    (made,) = access.requests_of(person)
    return made


def replace(browser, person, asked):
    old = asked.answers["docs"][0]["id"]
    page = browser(person).get(f"/requests/{asked.number}").follow("Change request")
    page.press("Save changes", **{f"newer-{old}": (io.BytesIO(b"second"), "plan.md")})
    return old, asked.answers["docs"][0]["id"]


def approve(browser, who, asked):
    browser(who).get(f"/admin/access-requests/{asked.number}").press("Approve")


def seen(page, where):
    return [" ".join(text.split()).replace(" ,", ",") for text in page.texts(f"{where} .files-seen")]


def test_C24_each_review_names_the_version_that_was_seen_to_everybody_who_may_see_it(browser, asked, person, owner):
    approve(browser, owner, asked)
    old, new = replace(browser, person, asked)
    approve(browser, owner, asked)
    number = asked.number

    first, second = asked.stages[0].reviews
    assert [[file["id"] for file in review.files] for review in (first, second)] == [[old], [new]]
    for who in (owner, make_user(RoleName.AUDITOR)):
        page = browser(who).get(f"/admin/access-requests/{number}")
        assert seen(page, "#history") == ["Seen: plan.md, version 2", "Seen: plan.md, version 1"]
        assert seen(page, "#stages") == ["Seen: plan.md, version 2"]
        links = [link["href"] for link in page.soup.select("#history .files-seen a")]
        assert links == [f"/admin/access-requests/{number}/files/{key}" for key in (new, old)]
        assert [browser(who).get(link).answer.data for link in links] == [b"second", b"first"]
    mine = browser(person).get(f"/requests/{number}")
    assert seen(mine, "#history") == ["Seen: plan.md, version 2", "Seen: plan.md, version 1"]


def test_a_rejection_names_them_too_and_so_does_the_record(browser, asked, person, owner):
    replace(browser, person, asked)
    browser(owner).get(f"/admin/access-requests/{asked.number}").press("Reject", Reason="No.")

    page = browser(person).get(f"/requests/{asked.number}")

    assert seen(page, "#history") == ["Seen: plan.md, version 2"]
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.STAGE_REJECTED)).one()
    assert told.after["files"] == ["plan.md, version 2"]


def test_without_files_nothing_is_said(browser, person, owner):
    plan = make_plan()
    fill_cart(person, make_product(plans=[plan], owners=[owner]), plan=plan)
    browser(person).get("/cart").press("Submit request", **{"App name": "B"})
    (made,) = access.requests_of(person)
    approve(browser, owner, made)

    assert seen(browser(person).get(f"/requests/{made.number}"), "main") == []


def test_C25_a_closed_request_serves_every_version_also_of_an_answer_that_was_taken_back(browser, asked, person, owner):
    approve(browser, owner, asked)
    old, new = replace(browser, person, asked)
    approve(browser, owner, asked)
    browser(person).get(f"/requests/{asked.number}/edit").press("Save changes", **{"answer-outside": "no"})
    assert "docs" not in asked.answers
    browser(owner).get(f"/admin/access-requests/{asked.number}").press("Reject", Reason="No.")
    assert asked.status == "rejected"

    for key, content in {old: b"first", new: b"second"}.items():
        for who in (owner, make_user(RoleName.AUDITOR)):
            assert browser(who).get(f"/admin/access-requests/{asked.number}/files/{key}").answer.data == content
        assert browser(person).get(f"/requests/{asked.number}/files/{key}").answer.data == content
        assert browser(make_user()).get(f"/requests/{asked.number}/files/{key}").status == 404
        stranger = browser(make_user(RoleName.REVIEWER))
        assert stranger.get(f"/admin/access-requests/{asked.number}/files/{key}").status == 404
