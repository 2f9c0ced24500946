"""A whole Portico for the stories: server, worker, SMTP server and a real browser, on each database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from xdist.scheduler import LoadScopeScheduling

from tests.support.chromium import launch_options
from tests.support.postgres import fresh_database
from tests.support.smtp import Inbox, Received, smtp_server

PASSWORD = "portico-demo"
PATIENCE = 15_000  # milliseconds that a busy machine may take
expect.set_options(timeout=PATIENCE)
DEAF_UNTIL_LOADED = """if (document.readyState === "loading") {
  const deaf = new CSSStyleSheet();
  deaf.replaceSync("* { pointer-events: none !important }");
  document.adoptedStyleSheets = [deaf];
  addEventListener("load", () => { document.adoptedStyleSheets = []; });
}"""  # a person presses when a page has come; a program that presses sooner meets buttons without their scripts


LONGEST = "test_kill"  # and few tests, so that nobody would guess


class ByFileAndDatabase(LoadScopeScheduling):
    """Gives a worker the stories of one file on one database at a time: they share a portal."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, story = nodeid.partition("::")
        return f"{file} {'postgresql' if '[postgresql' in story else 'sqlite'}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFileAndDatabase:
    """In place of what ``--dist`` names."""
    return ByFileAndDatabase(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Put the long ones first: begun last, they would keep one worker busy while others have nothing left to do."""
    yield
    if all(Path(__file__).parent in item.path.parents for item in items):
        sizes = Counter(_shared(item) for item in items)
        items.sort(key=lambda item: (item.path.stem != LONGEST, -sizes[_shared(item)], _shared(item)))


def _shared(item: pytest.Item) -> tuple[str, str]:
    """What stories have in common that share a portal."""
    return item.path.stem, item.callspec.params["database"]  # type: ignore[attr-defined]


@dataclass
class Portico:
    """A running portal with its mails."""

    url: str
    inbox: Inbox
    log: Path
    environment: dict[str, str]
    contexts: list[BrowserContext] = field(default_factory=list)

    def mails_to(self, address: str, *, within: float = 15.0, at_least: int = 1) -> list[Received]:
        """The mails that arrived at this address; waits until there are enough."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = [mail for mail in self.inbox.messages if address in mail.recipients]
            if len(found) >= at_least:
                return found
            time.sleep(0.1)
        raise AssertionError(
            f"{address} got {len(found)} mails instead of {at_least}: {[mail.subject for mail in found]}"
        )


@dataclass(frozen=True)
class Demo:
    """A demo that nobody has used: its folder, and on PostgreSQL the name of its database."""

    folder: Path
    database: str

    def copy_to(self, folder: Path, name: str) -> dict[str, str]:
        """A copy of it, as settings of a portal."""
        shutil.copytree(self.folder, folder)
        url = fresh_database(name, template=self.database) if self.database else ""
        return {"PORTICO_INSTANCE_DIR": str(folder), "PORTICO_DATABASE_URL": url}


@pytest.fixture(scope="session")
def demo(database: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Demo:
    """The demo as it is seeded, made once for all workers of the run: every file of tests begins with a copy."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    made = Demo(shared / f"demo-{database}", "" if database == "sqlite" else "portico_e2e_demo")
    with FileLock(shared / f"{made.folder.name}.lock"):
        if not made.folder.exists():
            seed(made)
    return made


def seed(demo: Demo) -> None:
    """Make the demo; its folder is there once it is whole."""
    unfinished = demo.folder.with_name(f"{demo.folder.name}-unfinished")
    environment = {
        **os.environ,
        "PORTICO_DEMO": "1",
        "PORTICO_INSTANCE_DIR": str(unfinished),
        "PORTICO_DATABASE_URL": fresh_database(demo.database) if demo.database else "",
    }
    for command in (["db", "upgrade"], ["seed", "--demo"]):
        subprocess.run([sys.executable, "-m", "portal.cli", *command], env=environment, check=True, capture_output=True)
    unfinished.rename(demo.folder)


@pytest.fixture(scope="module")
def portico(demo: Demo, database: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Portico]:
    """``portico run --demo`` with a real SMTP server in place of the mailbox page."""
    folder = tmp_path_factory.mktemp(f"e2e-{database}")
    port, log = free_port(), folder / "portico.log"
    with smtp_server() as inbox:
        environment = {
            **os.environ,
            **demo.copy_to(folder / "instance", f"portico_e2e_{worker_id}"),
            "PORTICO_MAIL_SERVER": "127.0.0.1",
            "PORTICO_MAIL_PORT": str(inbox.port),
            "PORTICO_SIGN_IN_LIMIT": "1000 per minute",
        }
        command = [sys.executable, "-m", "portal.cli", "run", "--demo", "--port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process, log)
            yield Portico(url, inbox, log, environment)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One real browser for the session."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())  # type: ignore[arg-type]
        yield browser
        browser.close()


@pytest.fixture
def person(portico: Portico, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a browser window for a person: ``person("owner@portico.example")``; more keywords go to the window."""
    contexts: list[BrowserContext] = []

    def open_window(email: str = "", **options: Any) -> Page:
        context = chromium.new_context(base_url=portico.url, **{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = opened(context, scripts=options.get("java_script_enabled", True))
        if email:
            sign_in(page, email)
        return page

    yield open_window
    for context in contexts:
        for page in context.pages:
            assert not page.complaints, page.complaints  # type: ignore[attr-defined]
        context.close()


@pytest.fixture(scope="module")
def sitting(portico: Portico, chromium: Browser) -> Callable[[str], AbstractContextManager[Page]]:
    """Lets a person do something before a file's tests begin: ``with sitting("owner@portico.example") as page:``."""

    @contextmanager
    def sit(email: str) -> Iterator[Page]:
        context = chromium.new_context(base_url=portico.url)
        page = opened(context)
        sign_in(page, email)
        yield page
        context.close()

    return sit


def opened(context: BrowserContext, *, scripts: bool = True) -> Page:
    """A page of a window whose pages, and those they open, are watched, and take presses only once they are whole."""
    context.set_default_timeout(PATIENCE)
    context.on("page", watch)
    if scripts:
        context.add_init_script(DEAF_UNTIL_LOADED)
    return context.new_page()


def watch(page: Page) -> None:
    """Collect what the browser complains of: violations of the Content-Security-Policy and script errors."""
    complaints: list[str] = []
    page.complaints = complaints  # type: ignore[attr-defined]

    def note(message: Any) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Sign in as a person does."""
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the portal is ready; a server that ended shows its log."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            with urlopen(f"{url}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
