"""``portico keys``: the keys that sign access tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from portal.commands.base import in_application, on_its_schema


@click.group("keys")
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


@key_group.command("retire", context_settings={"ignore_unknown_options": True})  # an id may begin with a dash
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
