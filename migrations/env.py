"""How Alembic meets Portico: the application's engine, one transaction for all steps, one migrator at a time."""

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


def run() -> None:
    """Migrate with the writer's lock held, so that a second migrator waits and finds nothing left to do."""
    with db.engine.connect().execution_options(portico_writer=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
        migrate(connection)


run()
