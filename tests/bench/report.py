"""The figures of a run, as a table on the terminal and as docs/performance.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from tests.bench.measure import Cost

HEAD = ("figure", "database", "ours", "floor", "ratio", "goal", "met")


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``met`` is None where there is no goal."""

    number: str
    what: str
    database: str
    ours: str
    floor: str
    ratio: str
    goal: str
    met: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return (f"{self.number} {self.what}", self.database, self.ours, self.floor, self.ratio, self.goal, met)


def speed(number: str, what: str, database: str, ours: Cost, floor: Cost, goal: float | None) -> Figure:
    """How close we come to the floor: 1 is as fast."""
    ratio = floor.cpu / ours.cpu
    words, met = (f"≥ {goal:g}", ratio >= goal) if goal is not None else ("", None)
    return Figure(number, what, database, told(ours), told(floor), f"{ratio:.2f}", words, met)


def growth(number: str, what: str, database: str, ours: Cost, base: Cost, goal: float) -> Figure:
    """How much more it costs than what it is compared with."""
    ratio = ours.cpu / base.cpu
    return Figure(number, what, database, told(ours), told(base), f"{ratio:.2f}", f"≤ {goal:g}", ratio <= goal)


def plain(
    number: str, what: str, database: str, ours: str, goal: str = "", met: bool | None = None, *, ratio: str = ""
) -> Figure:
    """A figure that is no ratio."""
    return Figure(number, what, database, ours, "", ratio, goal, met)


def told(cost: Cost) -> str:
    """A cost as the table says it: CPU microseconds (those of the database apart), and operations a second."""
    database = f" + {cost.database:,.0f}" if cost.database >= 1 else ""
    return f"{cost.own:,.0f}{database} µs, {cost.per_second:,.0f}/s"


def table(figures: Sequence[Figure]) -> str:
    """The table as Markdown that can be read as it stands."""
    rows = [HEAD, *(figure.cells for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def machine() -> str:
    """What the figures were measured on, in general words."""
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def write(path: Path, figures: Sequence[Figure], *, sizes: str, moment: datetime) -> None:
    """Put the run into docs/performance.md, between its marks; what people wrote around them stays."""
    begin, end = "<!-- the figures of a run begin -->", "<!-- the figures of a run end -->"
    text = path.read_text() if path.exists() else f"# Performance\n\n{begin}\n{end}\n"
    before, _, rest = text.partition(begin)
    run = [
        f"Measured {moment:%Y-%m-%d} on {machine()}. Sizes: {sizes}.",
        table(figures),
    ]
    path.write_text("\n\n".join([before.rstrip() + f"\n\n{begin}", *run, end]) + rest.partition(end)[2].rstrip() + "\n")
