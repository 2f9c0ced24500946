"""The ``portico`` command. Exit codes: 0 done, 1 failed with a message, 2 wrong usage."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from portal.commands.base import entered, in_application, is_terminal, make_app, on_its_schema, refuse_other_schema
from portal.commands.databases import database
from portal.commands.documents import documents
from portal.commands.gateways import gateway_group
from portal.commands.keys import key_group
from portal.commands.policies import policy


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


main.add_command(gateway_group)
main.add_command(key_group)
main.add_command(database)
main.add_command(policy)
main.add_command(documents)


if __name__ == "__main__":
    main()
