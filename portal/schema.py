"""Whether the database is at the version that this code needs; if not, what an operator has to do, in words (D14)."""

from __future__ import annotations

from functools import cache

from portal.db import db
from portal.paths import data_path


def schema_problem() -> str:
    """Why this code must not work on this database; nothing when it may. Raises SQLAlchemyError when it is away."""
    current = current_revision()
    if current == newest_revision():
        return ""
    if is_from_the_future():
        return (
            f"The database was made by a newer Portico (its version is {current}, this one knows {newest_revision()}). "
            "Run the newer Portico, or restore a backup of before."
        )
    version = f"version {current}" if current else "no version"
    return (
        f"The database is not at the version this code needs (it has {version}, {newest_revision()} is needed): "
        "run portico db upgrade."
    )


def is_from_the_future() -> bool:
    """Whether a newer Portico has had this database: its version is none that this code knows."""
    current = current_revision()
    return current is not None and current not in _known()


@cache
def newest_revision() -> str | None:
    """The schema version that this code needs."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(data_path("migrations"))).get_current_head()


def current_revision() -> str | None:
    """The version that the database has; None when it has no schema yet."""
    from alembic.migration import MigrationContext  # a tenth of every start, were it imported above

    return MigrationContext.configure(db.session.connection()).get_current_revision()


@cache
def _known() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(data_path("migrations"))).walk_revisions()
    return frozenset(script.revision for script in scripts)
