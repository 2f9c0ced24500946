"""Every page for every role: accessible in light and dark, no sideways scrolling, no complaint of the browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import sign_in
from tests.e2e.test_main_job import put_in_cart, submit

pytestmark = [pytest.mark.e2e, pytest.mark.appearance]

PRODUCT = "/catalogues/marlquay/payments"
# A star stands for the first link of the page before it that begins so; a plus for the page before it.
PAGES = {
    "": [
        *[
            "/",
            "/catalogues",
            "/catalogues?q=nothing+like+that",
            PRODUCT,
            f"{PRODUCT}/documentation",
            f"{PRODUCT}/reference",
        ],
        *["/login", "/register", "/reset", "/nothing-here"],
    ],
    "consumer@acme.example": [
        *["/", "/cart", "/requests", "/requests/*", "+/edit", "/apps", "/apps/*", "+/keys", "/apps/new"],
        *["/account", "/account/email"],
    ],
    "second@acme.example": ["/apps", "/emergency-access", "/emergency-access/*"],
    "owner@portico.example": [
        *["/admin/", "/admin/access-requests?status=pending&stage=owner", "/admin/access-requests/*"],
        *["/admin/my-work", "/admin/delegations"],
    ],
    "plans@portico.example": ["/admin/", "/admin/plans", "/admin/plans/*", "/admin/plans/new"],
    "auditor@portico.example": ["/admin/audit", "/admin/audit/*", "/admin/access-requests", "/admin/products"],
    "policies@portico.example": [
        *["/admin/policies", "/admin/policies/*", "/admin/policies/1", "/admin/policies/new"],
        *["/admin/policies/1/dry-run", "/admin/policies/1/dry-run?requester=consumer@acme.example&product=1&plan=1"],
        *["/admin/policies/1/replay", "/admin/stages", "/admin/stages/*", "/admin/stages/new"],
    ],
    "admin@portico.example": [
        *["/admin/users", "/admin/users/*", "/admin/emails", "/admin/emails/*", "/admin/outbox", "/admin/outbox/*"],
        *["/admin/catalogues", "/admin/catalogues/*", "/admin/catalogues/new", "/admin/apps", "/admin/apps/*"],
        *["/admin/products", "/admin/products/*", "/admin/products/new"],
        *["/admin/groups", "/admin/groups/*", "/admin/groups/new", "/admin/calendars", "/admin/calendars/*"],
        *["/admin/calendars/new", "/admin/organisations", "/admin/organisations/*", "/admin/organisations/new"],
        *["/admin/forms", "/admin/forms/*", "+/preview", "/admin/forms/new", "/admin/delegations"],
        *["/admin/break-glass", "/admin/break-glass/*", "/admin/break-glass/new", "/admin/break-glass/new?product=1"],
    ],
}


@pytest.fixture(scope="module", autouse=True)
def lived_in(portico, chromium):
    """A portal in which something has happened: access approved by a plan, a request pending, a cart, two drafts."""
    context = chromium.new_context(base_url=portico.url)
    page = context.new_page()
    sign_in(page, "consumer@acme.example")
    for plan in ("Sandbox", "Gold"):
        put_in_cart(page, "Returns", plan)
        submit(page, f"Returns desk on {plan}", reason="To see the pages")
    put_in_cart(page, "Shipments", "Gold")
    context.close()
    begin_draft(portico, chromium, "policies@portico.example", "/admin/policies/new", "Make the draft")
    begin_draft(portico, chromium, "admin@portico.example", "/admin/forms/new", "Make form")


def begin_draft(portico, chromium, email: str, path: str, button: str) -> None:
    """Begin what has an editor of its own: a policy, a request form."""
    context = chromium.new_context(base_url=portico.url)
    page = context.new_page()
    sign_in(page, email)
    page.goto(path)
    page.get_by_label("Name").fill("Tried by eye")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda url: not url.endswith("/new"))
    context.close()


def visit(page, path: str, before: str) -> str:
    """Open a page; gives its path."""
    if path.startswith("+"):
        path = before + path[1:]
    elif path.endswith("*"):
        page.goto(before)
        start = path.removesuffix("*")
        links = page.locator(f"main a[href^='{start}']").evaluate_all("links => links.map(l => l.getAttribute('href'))")
        path = next(link for link in links if link != f"{start}new" and "?" not in link)
    page.goto(path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.split("@")[0] or "stranger")
def test_P3_pages_are_accessible(portico, person, email, scheme):
    page = person(email, color_scheme=scheme, bypass_csp=True)
    problems = []

    path = "/"
    for wanted in PAGES[email]:
        path = visit(page, wanted, path)
        results = Axe().run(page)
        problems += [
            f"{path}: {v['id']} ({v['impact']}) {v['nodes'][0]['html'][:120]}"
            for v in results.response["violations"]
            if v["impact"] in {"serious", "critical"}
        ]

    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.split("@")[0] or "stranger")
def test_P4_pages_fit_a_narrow_screen_without_sideways_scrolling(portico, person, email):
    page = person(email, viewport={"width": 360, "height": 740})
    wide = []

    path = "/"
    for wanted in PAGES[email]:
        path = visit(page, wanted, path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)

    assert not wide
