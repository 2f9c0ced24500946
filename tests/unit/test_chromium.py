"""The tests' browser is found, else installed, else refused with the way out."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support import chromium


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """A folder that is the whole PATH, on a machine without any browser."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(chromium.ENVIRONMENT_NAME, raising=False)
    monkeypatch.setattr(chromium, "PLACES", ())
    monkeypatch.setattr(chromium, "_playwrights_own", list)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    return tmp_path


def program(path, text="exit 0"):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_browser_named_in_the_environment_comes_first(bare_machine, monkeypatch):
    program(bare_machine / "chromium")
    mine = program(bare_machine / "my-browser")
    monkeypatch.setenv(chromium.ENVIRONMENT_NAME, str(mine))

    assert chromium.ensure() == mine


def test_a_wrong_name_in_the_environment_is_not_passed_over(bare_machine, monkeypatch):
    program(bare_machine / "chromium")
    monkeypatch.setenv(chromium.ENVIRONMENT_NAME, str(bare_machine / "gone"))

    with pytest.raises(chromium.NoChromium, match="gone, which is no program"):
        chromium.ensure()


def test_a_missing_browser_is_installed_with_the_package_manager(bare_machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    browser = bare_machine / "chromium"
    program(
        bare_machine / "apt-get", f'[ "$1" = update ] || {{ echo "#!/bin/sh" > {browser}; /bin/chmod 755 {browser}; }}'
    )

    assert chromium.ensure() == browser


def test_no_browser_at_all_is_an_error_with_the_way_out(bare_machine):
    with pytest.raises(chromium.NoChromium, match="apt-get install chromium"):
        chromium.ensure()
