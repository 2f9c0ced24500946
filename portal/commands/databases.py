"""``portico db``: the schema, and what is said after a restored backup."""

from __future__ import annotations

import click

from portal.commands.base import in_application, on_its_schema


@click.group("db")
def database() -> None:
    """The database schema."""


@database.command()
@in_application
def upgrade() -> None:
    """Bring the schema to the version that this code needs."""
    from flask_migrate import upgrade as migrate_up

    from portal.db import db
    from portal.schema import is_from_the_future, schema_problem

    if is_from_the_future():
        raise click.ClickException(schema_problem())
    db.session.remove()
    migrate_up()
    click.echo("The database is at the newest version.")


@database.command()
@in_application
def current() -> None:
    """Say which version the schema has, and which one this code needs."""
    from portal import schema

    click.echo(
        f"The database is at {schema.current_revision() or 'no version'}; this code needs {schema.newest_revision()}."
    )


@database.command()
@click.argument("revision", default="-1")
@in_application
def downgrade(revision: str) -> None:
    """Take the schema back, one version or to the one that is named."""
    from flask_migrate import downgrade as migrate_down

    migrate_down(revision=revision)


@database.command()
@in_application
@on_its_schema
def restored() -> None:
    """After putting a backup back: send no mail twice, open no session or link that has ended since (see the guide)."""
    from portal import accounts, events
    from portal.db import transaction

    reason = "The database was restored from a backup; this may have been sent before. Send it again if it was not."
    with transaction():
        ended = accounts.forget_what_came_back()
        held = events.set_aside_waiting(reason=reason)
    click.echo(f"{held} waiting messages are set aside (Admin Portal, Outbox); {ended} sessions have ended.")


@database.command()
@click.argument("message")
@in_application
def migrate(message: str) -> None:
    """Draw up a migration from the difference between models and schema (developers)."""
    from flask_migrate import migrate as draw_up

    draw_up(message=message)
