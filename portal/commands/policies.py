"""``portico policy``: checked, exported and made again on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from portal.commands.base import in_application, on_its_schema


@click.group()
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
