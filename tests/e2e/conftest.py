"""A whole Portico for the stories: server, worker, SMTP server and a real browser, on each database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import Connection, create_engine
from xdist.scheduler import LoadScopeScheduling

from portal.db import normal_url
from tests.e2e.patience import LONGEST_STORY, PATIENCE, be_patient, patient_page, stop
from tests.support.chromium import launch_options
from tests.support.postgres import fresh_database
from tests.support.smtp import Inbox, Received, free_port, smtp_server

PASSWORD = "portico-demo"
be_patient()
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
    stories = [item for item in items if Path(__file__).parent in item.path.parents]
    for story in stories:
        story.add_marker(pytest.mark.timeout(LONGEST_STORY))
    if len(stories) == len(items):
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

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """The database, to arrange what no page can; whoever writes at that moment is waited for."""
        file = Path(self.environment["PORTICO_INSTANCE_DIR"]) / "portico.sqlite3"
        url = self.environment["PORTICO_DATABASE_URL"]
        engine = (
            create_engine(normal_url(url)) if url else create_engine(f"sqlite:///{file}", connect_args={"timeout": 60})
        )
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def mails_to(self, address: str, *, within: float = PATIENCE / 1000, at_least: int = 1) -> list[Received]:
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
            stop(process)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One real browser for the session."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(), timeout=PATIENCE)  # type: ignore[arg-type]
        yield browser
        browser.close()


@pytest.fixture
def person(portico: Portico, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a browser window for a person: ``person("owner@portico.example")``; more keywords go to the window."""
    windows: list[tuple[BrowserContext, list[str]]] = []

    def open_window(email: str = "", **options: Any) -> Page:
        context = chromium.new_context(base_url=portico.url, **{"viewport": {"width": 1280, "height": 900}, **options})
        windows.append((context, complaints_of(context)))
        page = patient_page(context, scripts=options.get("java_script_enabled", True))
        if email:
            sign_in(page, email)
        return page

    yield open_window
    for context, _ in windows:
        context.close()
    assert not any(complaints for _, complaints in windows), windows


@pytest.fixture(scope="module")
def sitting(portico: Portico, chromium: Browser) -> Callable[[str], AbstractContextManager[Page]]:
    """Lets a person do something before a file's tests begin: ``with sitting("owner@portico.example") as page:``."""

    @contextmanager
    def sit(email: str) -> Iterator[Page]:
        context = chromium.new_context(base_url=portico.url)
        page = patient_page(context, scripts=True)
        sign_in(page, email)
        yield page
        context.close()

    return sit


def complaints_of(context: BrowserContext) -> list[str]:
    """What the browser comes to complain of in a window: violations of the Content-Security-Policy, script errors."""
    complaints: list[str] = []

    def note(message: Any) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda failure: complaints.append(str(failure.error)))
    return complaints


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Sign in as a person does."""
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the portal is ready; a server that ended shows its log."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            with urlopen(f"{url}/readyz", timeout=10):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
