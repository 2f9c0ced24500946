"""What keeps stories from failing by chance: they act on whole pages, and wait for as long as a busy machine takes.

A person presses and types when a page has come. A program that is quicker meets controls without their scripts: what it
presses sends plain forms, and what it chooses is heard by nobody. So pages take no presses before they are whole, and
what is not a press (typing, choosing, keys) waits for the page by itself.

``PORTICO_TEST_SLOWNESS=6 pytest tests/e2e`` makes the browser six times as slow, its timers late and its network far:
a story that leans on the machine's speed falls there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import wraps
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

SLOWNESS = int(os.environ.get("PORTICO_TEST_SLOWNESS", "1"))
PATIENCE = 60_000 * SLOWNESS  # milliseconds that a busy machine may take; who succeeds sooner does not wait
LONGEST_STORY = 1800 * SLOWNESS  # seconds
NOT_A_PRESS = ("clear", "fill", "focus", "press", "press_sequentially", "select_option", "set_input_files")
DEAF_UNTIL_LOADED = """if (document.readyState === "loading") {
  const deaf = new CSSStyleSheet();
  deaf.replaceSync("* { pointer-events: none !important }");
  document.adoptedStyleSheets = [deaf];
  addEventListener("load", () => { document.adoptedStyleSheets = []; });
}"""
LATE_TIMERS = """{
  const inTime = window.setTimeout.bind(window);
  window.setTimeout = (what, after, ...given) => inTime(what, (after || 0) + Math.random() * 400, ...given);
}"""


def be_patient() -> None:
    """Let every story of this process wait: for what it expects, and for whole pages."""
    expect.set_options(timeout=PATIENCE)
    for name in NOT_A_PRESS:
        setattr(Locator, name, _on_whole_pages(getattr(Locator, name)))


def _on_whole_pages(action: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(action, "__wrapped__"):
        return action  # this process has been patient before

    @wraps(action)
    def act(locator: Locator, *given: Any, **named: Any) -> Any:
        locator.wait_for(state="attached")  # on the next page, if a press leads there
        locator.page.wait_for_load_state()
        return action(locator, *given, **named)

    return act


def patient_page(context: BrowserContext, *, scripts: bool) -> Page:
    """A page of a window whose pages take presses only once they are whole."""
    context.set_default_timeout(PATIENCE)
    if scripts:
        context.add_init_script(DEAF_UNTIL_LOADED)
    page = context.new_page()
    if SLOWNESS > 1:
        slow_down(page, scripts=scripts)
    return page


def slow_down(page: Page, *, scripts: bool) -> None:
    """As on a machine that has much else to do, far from the portal."""
    if scripts:
        page.add_init_script(LATE_TIMERS)
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setCPUThrottlingRate", {"rate": SLOWNESS})
    far = {"offline": False, "latency": 25 * SLOWNESS, "downloadThroughput": 400_000, "uploadThroughput": 400_000}
    browser.send("Network.emulateNetworkConditions", far)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let a server or worker stop by itself, as long as it takes on a busy machine."""
    process.terminate()
    try:
        process.wait(120)
    finally:
        process.kill()
