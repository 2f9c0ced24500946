"""A real Chromium for the browser tests: found, else installed, else an error with the way out.

The system's browser comes first, since a download of a browser is refused on many machines. ``python -m
tests.support.chromium`` (part of ``make test``) makes sure that there is one; the tests ask ``executable()``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ENVIRONMENT_NAME = "PORTICO_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
DEBIAN_PACKAGES = ("chromium", "fonts-liberation")
WAY_OUT = (
    "The browser tests need Chromium. Install it with the system's package manager (Debian: apt-get install chromium; "
    f"macOS: brew install --cask chromium), or set {ENVIRONMENT_NAME} to the program of a Chromium or Chrome."
)


class NoChromium(Exception):
    """There is no browser for the tests; the text says why, and the way out."""


def executable() -> Path:
    """The browser's program. Raises NoChromium when none is found."""
    if given := os.environ.get(ENVIRONMENT_NAME):
        if not os.access(given, os.X_OK):
            raise NoChromium(f"{ENVIRONMENT_NAME} names {given}, which is no program. {WAY_OUT}")
        return Path(given)
    on_path = (shutil.which(name) for name in NAMES)
    for found in (*filter(None, on_path), *PLACES, *_playwrights_own()):
        if os.access(found, os.X_OK):
            return Path(found)
    raise NoChromium(WAY_OUT)


def launch_options() -> dict[str, object]:
    """What Playwright's ``launch`` is given: this browser, which looks nothing up on the network by itself."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {"executable_path": str(executable()), "args": [*quiet, "--disable-gpu", "--disable-quic", *as_root]}


def ensure() -> Path:
    """The browser's program, installed first where it is missing and may be installed."""
    try:
        return executable()
    except NoChromium:
        if ENVIRONMENT_NAME in os.environ:
            raise
    print("Chromium is missing; installing it for the browser tests.", flush=True)  # noqa: T201
    for commands in _ways_to_install():
        if all(_succeeds(command) for command in commands):
            break
    return executable()


def _playwrights_own() -> list[str]:
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    return [str(found) for pattern in patterns for found in sorted(folder.glob(pattern), reverse=True)]


def _ways_to_install() -> list[list[list[str]]]:
    """Lists of commands, each a way of its own, best first."""
    ways = []
    if shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES]
        privilege = [] if os.geteuid() == 0 else ["sudo", "-n"]
        ways.append([[*privilege, "apt-get", "update", "-qq"], [*privilege, *install]])
    ways.append([[sys.executable, "-m", "playwright", "install", "chromium"]])
    return ways


def _succeeds(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return (
            subprocess.run(command, check=False, stdin=subprocess.DEVNULL, env=environment, timeout=900).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    try:
        print(f"Browser for the tests: {ensure()}")  # noqa: T201
    except NoChromium as missing:
        sys.exit(str(missing))
