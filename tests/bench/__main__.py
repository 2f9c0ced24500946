"""``make bench``: measure everything that performance is promised for, and write docs/performance.md.

``--quick`` looks briefly at small sizes and writes nothing; ``--full`` loads a million decided requests and five
million events. ``--only P3,P7`` and ``--database sqlite`` measure a part, and write nothing either.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import delivery, filling, imports, installations, measure, pages, policies, process, report, rooms
from tests.bench.installations import POSTGRESQL, QUICK, SMALL, SQLITE, Installation, Sizes
from tests.bench.report import Figure

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
OVER_HTTP: dict[str, Callable[[pages.Ours], list[Figure]]] = {
    "P1": pages.protocol,
    "P3": pages.catalogue,
    "P4": pages.full_text,
    "P7": pages.lists,
}
TOGETHER = {"P2": "P1", "P6": "P5"}


def main() -> None:
    """Measure and tell."""
    wanted = _arguments()
    sizes = QUICK if wanted.quick else installations.FULL if wanted.full else installations.USUAL
    if wanted.quick:
        measure.effort = measure.Effort(rounds=2, seconds=0.1, part=0.2)
    only = {TOGETHER.get(name, name) for name in wanted.only.split(",") if name}
    figures = []
    if not only or "P8" in only:  # needs no database
        figures += _told("P8", policies.policies)
    databases = (SQLITE, POSTGRESQL) if only != {"P8"} else ()
    with tempfile.TemporaryDirectory(prefix="portico-bench-") as folder:
        for database in databases:
            if wanted.database.lower() in database.lower():
                figures += list(_measure(database, sizes, Path(folder), only))
    figures.sort(key=lambda figure: int(figure.number[1:]))
    print(f"\n{report.machine()}. Sizes: {sizes}.\n\n{report.table(figures)}")
    if not (wanted.quick or only or wanted.database):
        report.write(PAGE, figures, sizes=str(sizes), moment=datetime.now(UTC))
        print(f"\nWritten to {PAGE.name}.")


def _measure(database: str, sizes: Sizes, folder: Path, only: set[str]) -> Iterator[Figure]:
    with ExitStack() as stack:
        small = stack.enter_context(filling.installed(database, "small", SMALL, folder))
        if not only or only & set(OVER_HTTP):
            yield from _measure_over_http(small, sizes, folder, only)
        for name, act in _by_itself(small, sizes, folder).items():
            if not only or name in only:
                yield from _told(f"{name} on {database}", act)


def _by_itself(it: Installation, sizes: Sizes, folder: Path) -> dict[str, Callable[[], list[Figure]]]:
    """What is measured on the small installation alone."""
    brief, whole = sizes is QUICK, sizes is installations.FULL
    files = 4 if brief else 1_000 if whole else 40
    acts: dict[str, Callable[[], list[Figure]]] = {
        "P5": lambda: rooms.rooms(it),
        "P9": lambda: delivery.delivery(it),
        "P11": lambda: process.process(it, requests=500 if brief else 20_000 if whole else 6_000),
    }
    if it.database == SQLITE:  # reading files is the same on both
        acts["P10"] = lambda: imports.imports(it, folder, most=files)
    return acts


def _measure_over_http(small: Installation, sizes: Sizes, folder: Path, only: set[str]) -> Iterator[Figure]:
    with ExitStack() as stack:
        began = time.monotonic()
        large = stack.enter_context(filling.installed(small.database, "large", sizes, folder))
        print(f"{small.database} filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        ours = stack.enter_context(pages.running(small.database, {"small": small, "large": large}))
        for name, figures_of in OVER_HTTP.items():
            if not only or name in only:
                yield from _told(f"{name} on {small.database}", lambda act=figures_of: act(ours))  # type: ignore[misc]


def _told(what: str, act: Callable[[], list[Figure]]) -> list[Figure]:
    began = time.monotonic()
    figures = act()
    print(f"{what} measured in {time.monotonic() - began:.0f} s", file=sys.stderr)
    for figure in figures:
        print("   " + " | ".join(figure.cells), file=sys.stderr, flush=True)
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure Portico against its floors.")
    parser.add_argument("--quick", action="store_true", help="small sizes, a brief look, nothing written")
    parser.add_argument("--full", action="store_true", help="the largest sizes")
    parser.add_argument("--only", default="", help="some figures only, such as P3,P7")
    parser.add_argument("--database", default="", help="sqlite or postgresql; both when not named")
    return parser.parse_args()


if __name__ == "__main__":
    main()
