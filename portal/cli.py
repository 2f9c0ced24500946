"""The ``portico`` command. Exit codes: 0 done, 1 failed with a message, 2 wrong usage."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
BAR_WIDTH = 28


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


@click.group()
@click.version_option(package_name="portico")
def main() -> None:
    """Portico: a developer portal where API access is asked for, decided, issued and remembered."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, envvar="PORT", type=click.IntRange(1, 65535))
@click.option("--demo", is_flag=True, help="Make the demo catalogue and people, and deliver mail to a mailbox page.")
@click.option("--with-worker/--web-only", default=None, help="Run the delivery worker too (default: only with --demo).")
def run(host: str, port: int, demo: bool, with_worker: bool | None) -> None:
    """Start the web server, and with --demo everything else that the portal needs."""
    from portal import config, serving

    if config.leaves_out("base_url"):
        os.environ["PORTICO_BASE_URL"] = f"http://{host}:{port}"  # the server's processes read it
    if demo:
        os.environ["PORTICO_DEMO"] = "true"
    app = make_app()
    if demo:
        _prepare_demo(app)
    with app.app_context():
        refuse_other_schema()
    processes = app.config["PORTICO"].web_processes
    worker_too = demo if with_worker is None else with_worker
    if found := serving.why_not(host, port):
        raise click.ClickException(found)
    serving.serve(host=host, port=port, processes=processes, with_worker=worker_too, demo=demo)


@main.command()
@click.option("--with-parent", type=int, hidden=True, help="Stop when this process is no longer the parent.")
def worker(with_parent: int | None) -> None:
    """Deliver what waits in the outbox and tidy up, until told to stop."""
    from portal import serving
    from portal.db import close_connections

    app = make_app()
    with app.app_context():
        refuse_other_schema()
    serving.work(app, parent=with_parent)
    with app.app_context():
        close_connections()


@main.command()
@click.option("--demo", is_flag=True, help="The demo catalogue and the demo people.")
@click.option("--quiet", is_flag=True, help="Say nothing unless something fails.")
def seed(demo: bool, quiet: bool) -> None:
    """Load a catalogue; loading it again changes nothing."""
    if not demo:
        raise click.UsageError("Say what to load: --demo is the only seed there is.")
    os.environ["PORTICO_DEMO"] = "true"
    _load_demo(make_app(), quiet=quiet)


@main.command("create-owner")
@click.argument("email")
@click.option("--name", default="", help="The person's name.")
@in_application
@on_its_schema
def create_owner(email: str, name: str) -> None:
    """Make the first API owner and administrator. The password is asked for, or read from PORTICO_OWNER_PASSWORD."""
    from flask_security.utils import hash_password

    from portal import accounts
    from portal.accounts import RoleName
    from portal.db import transaction

    address = accounts.normal_address(email)
    password = os.environ.get("PORTICO_OWNER_PASSWORD") or click.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    if found := accounts.password_problems(password, email=address, name=name):
        raise click.ClickException(" ".join(found))
    with transaction():
        person = accounts.add_person(
            address,
            name=accounts.usable_name(name),
            roles=[RoleName.API_OWNER, RoleName.ADMINISTRATOR],
            password_hash=hash_password(accounts.normal_password(password)),
        )
    click.echo(f"{person.email} can sign in as API owner and administrator.")


@main.group("gateways")
def gateway_group() -> None:
    """Gateways that may ask about the tokens of every client."""


@gateway_group.command("add")
@click.argument("name")
@in_application
@on_its_schema
def add_gateway(name: str) -> None:
    """Make a gateway's client id and secret. The secret is printed this once and stored only as a hash."""
    from portal import credentials
    from portal.db import transaction

    with transaction():
        revealed = credentials.add_gateway(name, by=None)
    click.echo(f"client id  {revealed.client_id}\nsecret     {revealed.secret}")
    click.echo("Put the secret into the gateway's own store now: it cannot be shown again.", err=True)


@gateway_group.command("list")
@in_application
@on_its_schema
def list_gateways() -> None:
    """Say which gateways there are, those that were revoked included."""
    from portal import credentials

    for gateway in credentials.gateways():
        state = f"revoked {gateway.revoked_at:%Y-%m-%d %H:%M} UTC" if gateway.revoked_at else "active"
        click.echo(f"{gateway.client_id}  {state}  {gateway.name}")


@gateway_group.command("revoke")
@click.argument("client_id")
@in_application
@on_its_schema
def revoke_gateway(client_id: str) -> None:
    """Let a gateway ask no more, from now on."""
    from portal import credentials
    from portal.db import transaction

    with transaction():
        name = credentials.revoke_gateway(client_id, by=None).name
    click.echo(f"The gateway {name} can ask no more.")


@main.group("keys")
def key_group() -> None:
    """The keys that sign access tokens."""


def _key_file() -> Any:
    """The file of the signing keys, as the settings name it; keys from the environment are changed there."""
    from flask import current_app

    from portal import credentials

    settings = current_app.config["PORTICO"]
    if settings.signing_key:
        raise click.ClickException("The signing keys come from PORTICO_SIGNING_KEY: change them there, and restart.")
    return credentials.key_file(
        file=settings.signing_key_file,
        folder=settings.instance_dir,
        sealer=credentials.sealer_for(settings.encryption_key),
        algorithm=settings.signing_algorithm,
    )


@key_group.command("list")
@in_application
def list_keys() -> None:
    """Say which keys there are, which one signs, and until when the others are needed."""
    from portal.db import now

    moment, signer = now(), ""
    for key in _key_file().read():
        if key.is_over(moment):
            state = "over"
        elif not key.may_sign(moment):
            state = f"published; signs from {key.signs_from:%Y-%m-%d %H:%M} UTC"
        elif not signer:
            signer, state = key.id, "signs"
        else:
            state = f"verifies until {key.ends_at:%Y-%m-%d %H:%M} UTC" if key.ends_at else "verifies"
        made = f"made {key.made_at:%Y-%m-%d}" if key.made_at else "made at an unknown time"
        click.echo(f"{key.id}  {key.algorithm}  {state}  ({made})")


@key_group.command("rotate")
@click.option(
    "--publish-hours", default=24, show_default=True, type=click.IntRange(1, 720), help="How long before it signs."
)
@click.option("--emergency", is_flag=True, help="Sign with it at once and drop all others: every token ends.")
@in_application
@on_its_schema
def rotate_keys(publish_hours: int, emergency: bool) -> None:
    """Make a new key: published now, in use later, so that nobody meets a key that they do not know."""
    from datetime import timedelta

    from portal import credentials
    from portal.db import transaction
    from portal.events import EventKind

    file = _key_file()
    with _about_keys(), transaction():
        if emergency:
            made = credentials.replace_keys(file)
            credentials.record_key(EventKind.SIGNING_KEYS_REPLACED, made, by=None, reason="Emergency.")
        else:
            made = credentials.rotate_keys(file, publish_for=timedelta(hours=publish_hours))
            credentials.record_key(EventKind.SIGNING_KEY_ADDED, made, by=None)
    when = f"signs from {made.signs_from:%Y-%m-%d %H:%M} UTC" if made.signs_from else "signs from now on, alone"
    click.echo(f"{made.id}  {made.algorithm}  {when}")


@key_group.command("retire")
@click.argument("key_id")
@click.option("--emergency", is_flag=True, help="Even while tokens need it: they end.")
@in_application
@on_its_schema
def retire_key(key_id: str, emergency: bool) -> None:
    """Take a key out. It verifies nothing any more."""
    from portal import credentials
    from portal.db import transaction
    from portal.events import EventKind

    with _about_keys(), transaction():
        gone = credentials.retire_key(_key_file(), key_id, emergency=emergency)
        reason = "Emergency." if emergency else ""
        credentials.record_key(EventKind.SIGNING_KEY_RETIRED, gone, by=None, reason=reason)
    click.echo(f"The key {key_id} is out: web processes drop it within seconds.")


@key_group.command("seal")
@in_application
def seal_keys() -> None:
    """Write the keys anew, sealed with the first key of PORTICO_ENCRYPTION_KEY."""
    from portal import credentials

    file = _key_file()
    if file.sealer is None:
        raise click.ClickException("PORTICO_ENCRYPTION_KEY is not set: there is nothing to seal with.")
    with _about_keys():
        credentials.seal_keys(file)
    click.echo("The signing keys are sealed.")


@contextmanager
def _about_keys() -> Iterator[None]:
    """Tell what is wrong with the keys in a sentence."""
    from portal.credentials import BadSigningKey

    try:
        yield
    except BadSigningKey as error:
        raise click.ClickException(str(error)) from error


@main.command("import-openapi")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--catalogue", default="", help="Slug of the catalogue to put the products in (default: the first).")
@click.option("--publish/--draft", default=True, show_default=True, help="Whether the products are visible at once.")
@click.option("--quiet", is_flag=True, help="No progress; refusals and the summary only.")
@in_application
@on_its_schema
def import_openapi(paths: tuple[Path, ...], catalogue: str, publish: bool, quiet: bool) -> None:
    """Make a product from each API description; folders are searched for .json, .yaml and .yml files."""
    from portal import importing

    summary = importing.import_files(
        importing.description_files(paths),
        catalogue_slug=catalogue,
        publish=publish,
        progress=not quiet and is_terminal(),
    )
    for line in summary.lines():
        click.echo(line)
    if summary.refused and not summary.taken:
        sys.exit(1)


@main.group("db")
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


@main.group()
def policy() -> None:
    """Look policies through, write them out, and make past decisions again."""


@policy.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@in_application
@on_its_schema
def check_policy(file: Path) -> None:
    """Say what is wrong with the policy in FILE, or might be, with the stages and people of this installation."""
    from portal import policies, policy_commands

    findings = policy_commands.findings_in_file(file)
    for line in policy_commands.told(findings):
        click.echo(line)
    if not policies.is_sound(findings):
        raise click.ClickException(f"{file} cannot be activated.")
    click.echo("No mistakes.")


@policy.command("export")
@click.option("--product", default="", help="Slug of the product whose own rules are wanted (default: those for all).")
@click.option("--number", default=0, help="Number of the version (default: the one in force).")
@in_application
@on_its_schema
def export_policy(product: str, number: int) -> None:
    """Write a policy as JSON, for `portico policy check` and the editor."""
    import json

    from portal import policy_commands

    found = policy_commands.exported(product_slug=product, number=number)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@policy.command("replay-check")
@click.option("--most", default=None, type=click.IntRange(1), help="Only the newest so many decisions.")
@in_application
@on_its_schema
def replay_check(most: int | None) -> None:
    """Make stored decisions again, each by the version that made it; one that differs is a failure."""
    from portal import policy_commands

    summary, differing = policy_commands.rechecked(most)
    for line in differing:
        click.echo(line)
    if differing:
        raise click.ClickException(summary)
    click.echo(summary)


@main.group("docs")
def documents() -> None:
    """Make the pages of the documentation that come from the code."""


@documents.command("states")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/states.md"))
def write_states(file: Path) -> None:
    """Draw the allowed moves of everything that has states into FILE."""
    from portal.states import states_page

    file.write_text(states_page(), encoding="utf-8")
    click.echo(f"{file} is made.")


def is_terminal() -> bool:
    """Whether somebody watches: progress is only drawn for people."""
    return sys.stderr.isatty()


def _prepare_demo(app: Any) -> None:
    from flask_migrate import upgrade as migrate_up

    with entered(app):
        migrate_up()
    _load_demo(app, quiet=not is_terminal())  # and closes its connections: the server's processes open their own


def _load_demo(app: Any, *, quiet: bool) -> None:
    from portal import seeding

    with entered(app):
        made = seeding.load_demo(progress=not quiet and is_terminal())
    if not quiet:
        click.echo(made, err=True)


if __name__ == "__main__":
    main()
