"""Every page of the Admin Portal: accessible in light and dark, no sideways scrolling, no complaint of the browser."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import insert, select

from portal.accounts import User
from portal.proposals import ChangeKind, ProposedChange
from tests.e2e.looking import NARROW, faults_of
from tests.e2e.test_main_job import put_in_cart, submit

pytestmark = [pytest.mark.e2e, pytest.mark.appearance]
PAGES = {
    "owner@portico.example": [
        *["/admin/", "/admin/access-requests?status=pending&stage=owner", "/admin/access-requests/*"],
        *["/admin/my-work", "/admin/delegations", "/admin/changes"],
    ],
    "plans@portico.example": ["/admin/", "/admin/plans", "/admin/plans/*", "/admin/plans/new"],
    "auditor@portico.example": [
        *["/admin/audit", "/admin/audit/*", "/admin/leaks", "/admin/access-requests?status=all"],
        *["/admin/products", "/admin/products/*"],
    ],
    "policies@portico.example": [
        *["/admin/policies", "/admin/policies/*", "/admin/policies/1", "/admin/policies/new"],
        *["/admin/policies/1/dry-run", "/admin/policies/1/dry-run?requester=consumer@acme.example&product=1&plan=1"],
        *["/admin/policies/1/replay", "/admin/stages", "/admin/stages/*", "/admin/stages/new"],
    ],
    "admin@portico.example": [
        *["/admin/users", "/admin/users/*", "/admin/emails", "/admin/emails/*", "/admin/outbox", "/admin/outbox/*"],
        *["/admin/users/5/apps", "/admin/users/5/deactivate", "/admin/plans/1/apps", "/admin/plans/1/end"],
        *["/admin/catalogues", "/admin/catalogues/*", "/admin/catalogues/new", "/admin/apps", "/admin/apps/*"],
        *["+/transfer", "/admin/access-use?show=left"],
        *["/admin/products", "/admin/products/*", "+/descriptions", "./apps", "./deprecate", "./retire", "./terms"],
        *["/admin/products/new", "/admin/access", "/admin/access/*", "/admin/access-use", "/admin/leaks"],
        *["/admin/groups", "/admin/groups/*", "/admin/groups/new", "/admin/calendars", "/admin/calendars/*"],
        *["/admin/calendars/new", "/admin/organisations", "/admin/organisations/*", "/admin/organisations/new"],
        *["/admin/forms", "/admin/forms/*", "+/preview", "/admin/forms/new", "/admin/delegations", "/admin/changes"],
        *["/admin/break-glass", "/admin/break-glass/*", "/admin/break-glass/new", "/admin/break-glass/new?product=1"],
    ],
}


@pytest.fixture(scope="module", autouse=True)
def lived_in(sitting, portico):
    """Requests that are pending and approved, a policy and a form that are being written, a change to confirm."""
    with sitting("outsider@globex.example") as page:
        for plan in ("Sandbox", "Gold"):
            put_in_cart(page, "Returns", plan)
            submit(page, f"Returns on {plan}", reason="To see the pages")
    begin_draft(sitting, "policies@portico.example", "/admin/policies/new", "Make the draft")
    begin_draft(sitting, "admin@portico.example", "/admin/forms/new", "Make form")
    propose_change(portico)


def begin_draft(sitting, email: str, path: str, button: str) -> None:
    """Begin what has an editor of its own: a policy, a request form."""
    with sitting(email) as page:
        page.goto(path)
        page.get_by_label("Name").fill("Tried by eye")
        page.get_by_role("button", name=button).click()
        page.wait_for_url(lambda url: not url.endswith("/new"))


def propose_change(portico) -> None:
    """Ask for a role as where it takes a second person; this portal does not, but shows what waits."""
    with portico.database() as connection:
        emails = ("owner@portico.example", "policies@portico.example")
        owner, asking = (connection.scalar(select(User.id).where(User.email == email)) for email in emails)
        wanted = {"roles": ["api_owner", "auditor"], "seen": ["api_owner"]}
        proposed = insert(ProposedChange).values(
            kind=ChangeKind.ROLES, user_id=owner, asked_by_id=asking, wanted=wanted
        )
        connection.execute(proposed)


def test_the_chosen_one_of_many_links_is_in_sight_on_a_narrow_screen(person):
    page = person("admin@portico.example", viewport=NARROW)

    page.goto("/admin/access-use?show=left")

    expect(page.get_by_role("link", name="Owner left")).to_be_in_viewport(ratio=0.95)


@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.split("@")[0])
def test_P3_P4_pages_are_accessible_in_both_themes_and_fit_a_narrow_screen(person, email):
    page = person(email, bypass_csp=True)

    assert not faults_of(page, PAGES[email])
