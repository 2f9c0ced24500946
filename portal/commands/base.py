"""What every command stands on: the application, its schema, and refusals in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def in_application(command: Command) -> Command:
    """Run a command inside the application; a wrong setting or a refusal ends it with one sentence and exit code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from sqlalchemy.exc import OperationalError, ProgrammingError

        from portal.errors import PortalError

        try:
            with entered(make_app()):
                return command(*args, **kwargs)
        except PortalError as refusal:
            raise click.ClickException(refusal.message) from refusal
        except (OperationalError, ProgrammingError) as error:
            raise click.ClickException(_unusable(error)) from error

    return run  # type: ignore[return-value]


def on_its_schema(command: Command) -> Command:
    """Run a command only on a database of the version that this code needs."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        refuse_other_schema()
        return command(*args, **kwargs)

    return run  # type: ignore[return-value]


def refuse_other_schema() -> None:
    """End the command when the database is older or newer than this code. One that is away may come back: go on."""
    from sqlalchemy.exc import SQLAlchemyError

    from portal.db import db
    from portal.schema import schema_problem

    try:
        found = schema_problem()
    except SQLAlchemyError as error:
        click.echo(f"The database cannot be reached now: {str(getattr(error, 'orig', error))[:200]}", err=True)
        return
    finally:
        db.session.remove()
        db.engine.dispose()  # the server's processes open their own
    if found:
        raise click.ClickException(found)


def _unusable(error: Any) -> str:
    """What the database said, in a line, and where to look."""
    said = (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
    return f"The database cannot be used: {said}. Is PORTICO_DATABASE_URL right, and was `portico db upgrade` run?"


def make_app() -> Any:
    """The application, or the end of the command with what is wrong in the settings."""
    from portal.app import create_app
    from portal.config import BadSettings

    try:
        return create_app()
    except BadSettings as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def entered(app: Any) -> Iterator[None]:
    """Inside the application; at the end its connections are closed, or PostgreSQL notes that each was lost."""
    from portal.db import close_connections

    with app.app_context():
        try:
            yield
        finally:
            close_connections()


def is_terminal() -> bool:
    """Whether somebody watches: progress is only drawn for people."""
    return sys.stderr.isatty()
