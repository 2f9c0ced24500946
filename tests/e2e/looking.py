"""Looking at pages in a real browser: each is opened once, and looked at in light, in dark and on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe().axe_script
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SERIOUS = """axe.run({resultTypes: ["violations"]}).then(({violations}) =>
  violations.filter(({impact}) => impact === "serious" || impact === "critical")
    .map(({id, impact, nodes}) => `${id} (${impact}) ${nodes[0].html.slice(0, 120)}`))"""
STILL = "*, *::before, *::after { transition: none !important; }"  # or axe meets colours on their way to others
IS_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"

OUT_OF_SIGHT = """[...document.querySelectorAll(".table-wrap .menu-button")].filter(button =>
  button.getBoundingClientRect().right > button.closest(".table-wrap").getBoundingClientRect().right).length"""


def faults_of(page: Page, paths: Sequence[str]) -> list[str]:
    """What is wrong with these pages.

    A star stands for the first link of the page before that begins so, a plus for the page before, and what begins with
    a point lies beside the page before. What ends with an exclamation mark is refused, and so says the page.
    """
    found, path = [], "/"
    for wanted in paths:
        path, status = _open(page, wanted.removesuffix("!"), path)
        found += [f"{path} {fault}" for fault in faults_here(page)]
        if (status < 400) == wanted.endswith("!"):
            found.append(f"{path} was answered with {status}")
    return found


def _open(page: Page, path: str, before: str) -> tuple[str, int]:
    """Open a page; gives its path and how it was answered."""
    if path.startswith("+"):
        path = before + path[1:]
    elif path.startswith("."):
        path = urljoin(before, path)
    if path.endswith("*"):
        start = path.removesuffix("*")
        links = page.locator(f"main a[href^='{start}']").evaluate_all("links => links.map(l => l.getAttribute('href'))")
        path = next(link for link in links if link != f"{start}new" and "?" not in link)
    answer = page.goto(path)
    assert answer is not None
    return path, answer.status


def faults_here(page: Page) -> list[str]:
    """What axe finds serious in either theme, what is out of sight, and whether a narrow screen scrolls sideways."""
    found = []
    page.wait_for_load_state()
    page.add_style_tag(content=STILL)
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"in {scheme}: {fault}" for fault in page.evaluate(SERIOUS)]
    if page.evaluate(OUT_OF_SIGHT):
        found.append("has menus of rows that are out of sight")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    if page.evaluate(IS_TOO_WIDE):
        found.append("is wider than a narrow screen")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    return found
