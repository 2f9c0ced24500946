"""How Alembic meets Portico: the application's engine, one transaction for all steps, one migrator at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from portal.db import Base, db

LOCK = 7_071_969  # any number, the same for every migrator
MADE_BY_HAND = ("product_search",)  # full-text tables differ between the databases; see their migration


def include_name(name: str | None, type_: str, _parents: object) -> bool:
    """Leave out what the models do not describe."""
    return not (type_ == "table" and name is not None and name.startswith(MADE_BY_HAND))


def migrate(connection: Connection) -> None:
    """Run the steps on this connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=False,
        **{
            k: v
            for k, v in current_app.extensions["migrate"].configure_args.items()
            if k not in {"render_as_batch", "compare_type"}
        },
    )
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def references_unchecked(connection: Connection) -> Iterator[None]:
    """On SQLite, let tables be rebuilt that others refer to (the procedure of sqlite.org/lang_altertable, section 7)."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.cursor()
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
        driver.close()


def check_references(connection: Connection) -> None:
    """Refuse to commit a row that refers to nothing."""
    if connection.dialect.name == "sqlite":
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        if broken:
            raise RuntimeError(f"This migration would leave rows that refer to nothing: {broken[:5]}")


def run() -> None:
    """Migrate with the writer's lock held, so that a second migrator waits and finds nothing left to do."""
    with (
        db.engine.connect().execution_options(portico_writer=True) as connection,
        references_unchecked(connection),
        connection.begin(),
    ):
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
        migrate(connection)
        check_references(connection)


run()
