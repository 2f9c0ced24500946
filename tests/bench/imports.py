"""P10: importing API descriptions, against the parser's and the validator's own time, and the page of the largest."""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from portal import catalog
from portal.catalog import ApiDescription, ApiProduct, ProductState
from portal.catalog.descriptions import checking
from portal.db import db, transaction
from tests.bench.installations import Installation
from tests.bench.measure import alternate
from tests.bench.pages import product_path
from tests.bench.report import Figure, growth, plain
from tests.bench.servers import OURS, Request, server

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared" / "data" / "openapi" / "corpus.tar.gz"
OWN = ROOT / "catalog_seed"
SUFFIXES = (".json", ".yaml", ".yml")
LARGE = 1_000_000
AT_ONCE = 25  # operations on a page of the documentation
LEAST_OPERATIONS = {"": 1, "/documentation": AT_ONCE + 1}  # by page: fewer, and it is built in another way


def imports(it: Installation, folder: Path, *, most: int) -> list[Figure]:
    """Import files one by one; ``most`` of them, and the largest in any case."""
    files, origin = _files(folder, most)
    parsing = checking_time = total = 0.0
    taken = 0
    with it.app.app_context():
        shelf = it.ids["catalogue"]
        for path in files:
            content = path.read_bytes()
            parsing += _parse_seconds(path, content)
            started = time.process_time()
            seconds = _Timed()
            try:
                with seconds:
                    given = catalog.read_description(content, strictly=True)
                with transaction():
                    shelf_now = catalog.find_catalogue(shelf)
                    catalog.import_description(
                        given, path.name, by=None, catalogue=shelf_now, state=ProductState.PUBLISHED
                    )
                taken += 1
            except Exception as refusal:  # noqa: BLE001  a file that is refused is none that is measured
                print(f"   refused {path.name}: {str(refusal)[:100]}")
            checking_time += seconds.in_validator
            total += time.process_time() - started
            db.session.remove()
    floor = parsing + checking_time
    figures = [
        plain(
            "P10",
            f"import of {taken} {origin} descriptions, against parser and validator alone",
            it.database,
            f"{total:.1f} s CPU against {floor:.1f} s",
            "≤ 1.5",
            total / floor <= 1.5,
            ratio=f"{total / floor:.2f}",
        )
    ]
    return [*figures, *_pages(it)]


class _Timed:
    """Adds up the time that is spent in the strict validator while a description is read."""

    def __init__(self) -> None:
        self.in_validator = 0.0

    def __enter__(self) -> _Timed:
        self.real = checking.check_strictly
        checking.check_strictly = self._timed
        return self

    def __exit__(self, *_: object) -> None:
        checking.check_strictly = self.real

    def _timed(self, *args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return self.real(*args, **kwargs)
        finally:
            self.in_validator += time.process_time() - started


def _parse_seconds(path: Path, content: bytes) -> float:
    started = time.process_time()
    try:
        json.loads(content) if path.suffix == ".json" else yaml.load(
            content, getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )  # noqa: S506
    except ValueError:
        pass
    except yaml.YAMLError:
        pass
    return time.process_time() - started


def _files(folder: Path, most: int) -> tuple[Sequence[Path], str]:
    if REAL.exists():
        place = folder / "corpus"
        if not place.exists():
            with tarfile.open(REAL) as archive:
                archive.extractall(place, filter="data")
        found = [p for p in sorted(place.glob("corpus/**/*")) if p.suffix in SUFFIXES and p.is_file()]
        by_size = sorted(found, key=lambda p: p.stat().st_size)
        step = max(1, len(found) // most)
        chosen = found[::step][:most] if most < len(found) else found
        return [
            *(p for p in chosen if p != by_size[-1] and (most >= len(found) or p.stat().st_size < LARGE)),
            by_size[-1],
        ], "real"
    return [p for p in sorted(OWN.rglob("*")) if p.suffix in SUFFIXES and "openapi" in p.read_text()[:2000]], "own"


def _pages(it: Installation) -> list[Figure]:
    with it.app.app_context():
        largest = db.session.execute(
            db.select(ApiProduct.slug, ApiDescription.size).join(ApiDescription, ApiDescription.product_id == ApiProduct.id)
            .order_by(ApiDescription.size.desc()).limit(1)
        ).one()  # fmt: skip
        smallest = {page: _smallest(least, but=largest.slug) for page, least in LEAST_OPERATIONS.items()}
        db.session.remove()
    path = product_path(it).rsplit("/", 1)[0]
    figures = []
    with server(OURS, it.environment, database=it.database_pid) as ours:
        for page, small in smallest.items():
            if small is None:  # among our own descriptions only one is long enough to be drawn in parts
                continue
            what = page.strip("/") or "page"
            cost = alternate(
                {
                    "large": ours.contender(Request.get(f"{path}/{largest.slug}{page}")),
                    "small": ours.contender(Request.get(f"{path}/{small}{page}")),
                }
            )
            told = f"{what} of the largest description ({largest.size / 2**20:.1f} MiB), against a small one"
            figures.append(growth("P10", told, it.database, cost["large"], cost["small"], 1.5))
    return figures


def _smallest(least: int, *, but: str) -> str | None:
    """The product with the smallest description of at least so many operations: its page is built the same way."""
    query = (
        db.select(ApiProduct.slug)
        .join(ApiDescription, ApiDescription.product_id == ApiProduct.id)
        .where(ApiDescription.operation_count >= least, ApiProduct.slug != but)
        .order_by(ApiDescription.size)
    )
    return db.session.execute(query.limit(1)).scalar_one_or_none()
