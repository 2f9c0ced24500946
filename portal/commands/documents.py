"""``portico docs``: pages that are made from the code."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("docs")
def documents() -> None:
    """Make the pages of the documentation that come from the code."""


@documents.command("states")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("docs/states.md"))
def write_states(file: Path) -> None:
    """Draw the allowed moves of everything that has states into FILE."""
    from portal.states import states_page

    file.write_text(states_page(), encoding="utf-8")
    click.echo(f"{file} is made.")
