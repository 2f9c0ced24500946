"""Data files are found in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal import paths

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", paths.BESIDE_THE_CODE)
def test_a_checkout_keeps_its_data_at_the_top_level(name):
    assert paths.data_path(name) == ROOT / name
    assert any(paths.data_path(name).iterdir())


def test_a_wheel_carries_its_data_in_the_package(monkeypatch, tmp_path):
    (tmp_path / "portal" / "_data" / "templates").mkdir(parents=True)
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "portal")

    assert paths.data_path("templates") == tmp_path / "portal" / "_data" / "templates"


def test_an_unknown_folder_is_refused_by_name():
    with pytest.raises(ValueError, match="no data folder 'secrets'"):
        paths.data_path("secrets")
