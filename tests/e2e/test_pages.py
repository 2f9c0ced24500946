"""Every page for every role: accessible in light and dark, no sideways scrolling, no complaint of the browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.e2e

PAGES = {
    "": ["/", "/catalogues", "/login", "/register", "/reset", "/nothing-here"],
    "consumer@acme.example": ["/", "/catalogues", "/cart", "/requests", "/apps", "/account"],
    "owner@portico.example": ["/admin/", "/admin/access-requests", "/admin/products", "/admin/plans", "/admin/apps"],
    "admin@portico.example": [
        "/admin/",
        "/admin/users",
        "/admin/emails",
        "/admin/outbox",
        "/admin/audit",
        "/admin/catalogues",
        "/admin/products/new",
        "/admin/plans/new",
        "/admin/catalogues/new",
    ],
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("email", PAGES, ids=lambda email: email.split("@")[0] or "stranger")
def test_P3_pages_are_accessible(portico, person, email, scheme):
    page = person(email, color_scheme=scheme, bypass_csp=True)
    problems = []

    for path in PAGES[email]:
        page.goto(path)
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

    for path in PAGES[email]:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)

    assert not wide
