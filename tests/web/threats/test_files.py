"""The files of an installation are its owner's alone (H9)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from portal.app import create_app
from portal.config import load
from portal.db import db


@pytest.fixture
def careless() -> Iterator[None]:
    """The usual umask, by which new files can be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_H9_a_new_installations_files_are_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    app = create_app(load(testing=True, database_url=f"sqlite:///{folder / 'portico.sqlite3'}", instance_dir=folder))
    with app.app_context():
        db.session.execute(text("create table note (words text)"))
        db.session.commit()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        db.session.remove()
        db.engine.dispose()

    assert {"portico.sqlite3", "portico.sqlite3-wal", "secret_key", "signing_key.pem"} <= set(modes)
    open_to_others = {name: oct(mode) for name, mode in modes.items() if mode & 0o077}
    assert not {name for name in open_to_others if name != "signing_key.id"}  # which key signed last is no secret
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
