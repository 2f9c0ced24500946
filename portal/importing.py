"""Making products from files of API descriptions: one file, one transaction; a bad file never stops the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from portal import catalog
from portal.catalog import ProductState
from portal.db import transaction
from portal.errors import NotFound, PortalError

SUFFIXES = {".json", ".yaml", ".yml"}
FIRST_CATALOGUE = "All APIs"


@dataclass
class Summary:
    """What came of an import."""

    made: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    faulty: int = 0

    @property
    def taken(self) -> int:
        """How many files stand in the catalogue now."""
        return len(self.made) + len(self.updated) + len(self.unchanged)

    def lines(self) -> Iterator[str]:
        """The summary for people: refusals with their reasons first, then the counts."""
        for name, reason in self.refused:
            yield f"Refused {name}: {reason}"
        yield (
            f"{_some(len(self.made), 'product')} made, {len(self.updated)} updated, {len(self.unchanged)} unchanged, "
            f"{_some(len(self.refused), 'file')} refused."
        )
        if self.faulty:
            has = "has" if self.faulty == 1 else "have"
            yield f"{_some(self.faulty, 'description')} {has} faults, which the product lists in the Admin Portal."


def description_files(paths: Sequence[Path]) -> list[Path]:
    """The files to import: those that are named, and those in named folders that may be API descriptions.

    Raises NotFound for a folder that holds none.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not found:
            raise NotFound(f"There is no .json, .yaml or .yml file in {path}.")
        files += [p for p in found if p not in files]
    return files


def import_files(
    files: Sequence[Path], *, catalogue_slug: str = "", publish: bool = True, progress: bool = False
) -> Summary:
    """Import each file for itself and say what came of it. Raises NotFound when there is no such catalogue."""
    summary = Summary()
    shelf = _shelf(catalogue_slug)
    columns = (TextColumn("{task.description}"), BarColumn(28), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not progress, transient=True) as shown:
        task = shown.add_task("Importing", total=len(files))
        for path in files:
            shown.update(task, description=path.name[:40].ljust(40))
            _import_file(path, shelf, ProductState.PUBLISHED if publish else ProductState.DRAFT, summary)
            shown.advance(task)
    return summary


def _import_file(path: Path, shelf_id: int, state: ProductState, summary: Summary) -> None:
    try:
        given = catalog.read_description(path.read_bytes(), strictly=True)  # long work before the transaction begins
        with transaction():
            outcome = catalog.import_description(
                given, path.name, by=None, catalogue=catalog.find_catalogue(shelf_id), state=state
            )
            names = summary.unchanged if outcome.unchanged else summary.made if outcome.made else summary.updated
            names.append(outcome.product.name)
            summary.faulty += bool(outcome.fault_count)
    except PortalError as refusal:
        summary.refused.append((str(path), refusal.message))
    except OSError as error:
        summary.refused.append((str(path), error.strerror or "It cannot be read."))


def _shelf(slug: str) -> int:
    """The key of the catalogue to import into; the first one when none is named, and a new one when there is none."""
    with transaction():
        known = catalog.catalogues()
        if not slug:
            return (known[0] if known else catalog.create_catalogue({"name": FIRST_CATALOGUE}, by=None)).id
        for catalogue in known:
            if catalogue.slug == slug:
                return catalogue.id
        raise NotFound(f"There is no catalogue {slug}. There are: {', '.join(c.slug for c in known) or 'none'}.")


def _some(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
