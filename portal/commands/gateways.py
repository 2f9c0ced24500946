"""``portico gateways``: credentials that may introspect the tokens of every client."""

from __future__ import annotations

import click

from portal.commands.base import in_application, on_its_schema


@click.group("gateways")
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
