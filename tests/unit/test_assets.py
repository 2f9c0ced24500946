"""Browser assets come from packages, when the lock file has changed, and the wheel takes all data along."""

from __future__ import annotations

import json

import pytest

import hatch_build


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """What npm was asked for, in a checkout of its own where npm is replaced by something that only writes files."""
    asked = []
    for name in (*hatch_build.NPM_FILES, "hatch_build.py"):
        (tmp_path / name).write_text((hatch_build.ROOT / name).read_text())
    monkeypatch.setattr(hatch_build, "ROOT", tmp_path)
    monkeypatch.setattr(hatch_build, "VENDOR", tmp_path / "static" / "vendor")
    monkeypatch.setattr(hatch_build, "STAMP", tmp_path / "static" / "vendor" / ".stamp")

    def fetch(folder):
        asked.append(folder)
        for source in hatch_build.ASSETS:
            (folder / "node_modules" / source).parent.mkdir(parents=True, exist_ok=True)
            (folder / "node_modules" / source).write_text(source)

    monkeypatch.setattr(hatch_build, "_fetch", fetch)
    return asked


def test_assets_are_fetched_once(fetched):
    assert hatch_build.bring_assets() is True
    assert hatch_build.bring_assets() is False

    assert len(fetched) == 1
    assert all((hatch_build.VENDOR / target).is_file() for target in hatch_build.ASSETS.values())


def test_a_new_lock_file_makes_assets_stale(fetched):
    hatch_build.bring_assets()
    (hatch_build.ROOT / "package-lock.json").write_text("{}")

    assert hatch_build.bring_assets() is True


def test_a_missing_asset_is_fetched_again(fetched):
    hatch_build.bring_assets()
    (hatch_build.VENDOR / "htmx" / "htmx.min.js").unlink()

    assert hatch_build.bring_assets() is True


def test_leftovers_of_an_earlier_version_go(fetched):
    (hatch_build.VENDOR / "jquery").mkdir(parents=True)

    hatch_build.bring_assets()

    assert not (hatch_build.VENDOR / "jquery").exists()


def test_the_wheel_takes_data_but_no_leftovers_of_tools(tmp_path, monkeypatch):
    monkeypatch.setattr(hatch_build, "ROOT", tmp_path)
    for name in ("templates/base.html", "templates/__pycache__/base.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    packed = hatch_build._packed(tmp_path / "templates")

    assert packed == {str(tmp_path / "templates/base.html"): "portal/_data/templates/base.html"}


def test_npm_versions_are_exact():
    package = json.loads((hatch_build.ROOT / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    locked = json.loads((hatch_build.ROOT / "package-lock.json").read_text())["packages"]

    assert all(locked[f"node_modules/{name}"]["version"] == version for name, version in wanted.items())
