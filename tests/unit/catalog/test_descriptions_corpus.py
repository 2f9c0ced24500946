"""Real API descriptions, where they are at hand.

The archive of real descriptions is not ours to ship. It is looked for at PORTICO_TEST_CORPUS and beside the project;
where it is found, every file in it must be read or refused for one of the reasons below. Our own samples are always
tried.
"""

from __future__ import annotations

import csv
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.catalog import descriptions
from tests.unit.catalog.documents import SAMPLES

PROJECT = Path(__file__).parents[3]
NOT_READABLE = {
    "corpus/cognitiveservicestextanalytics/apidefinition.swagger.json": "line 276, column 6: extra data",
    "corpus/giphy/apidefinition.swagger.json": "line 810, column 13",
    "corpus/icon-horse/apidefinition.swagger.json": "line 56, column 11",
    "corpus/in-d-invoice-data-capture/apidefinition.swagger.json": "line 51, column 13",
}
OTHER_COUNT = {"corpus/br-nn-ysundregistrene/apidefinition.swagger.json": 7}  # the index could not decode it


def archive() -> Path | None:
    named = os.environ.get("PORTICO_TEST_CORPUS")
    if named:
        assert Path(named).is_file(), f"PORTICO_TEST_CORPUS names {named}, which is no file"
        return Path(named)
    beside = PROJECT.parent / "shared/data/openapi/corpus.tar.gz"
    return beside if beside.is_file() else None


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name.removeprefix("./"), content.read()


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_our_own_samples_are_read_and_shown(path):
    found = descriptions.read(path.read_bytes())

    assert found.operations
    assert found.to_json()


def test_real_descriptions_are_read_or_refused_for_a_known_reason():
    path = archive()
    if path is None:
        return  # our own samples above have been tried
    index = path.with_name("index.csv")
    with index.open(newline="") as lines:
        rows = {row["file"]: row for row in csv.DictReader(lines)}
    told = []
    for name, raw in files(path):
        if not name.startswith("corpus/") or name not in rows:
            continue
        told += trouble_with(name, raw, rows[name])
    assert told == []


def trouble_with(name: str, raw: bytes, row: dict[str, str]) -> list[str]:
    """What is wrong about how a real file was treated."""
    try:
        found = descriptions.read(raw)
    except descriptions.Refused as refused:
        reason = NOT_READABLE.get(name)
        return [] if reason and reason in str(refused) else [f"{name}: refused: {refused}"]
    expected = OTHER_COUNT.get(name, int(row["operations"] or 0))
    if len(found.operations) != expected:
        return [f"{name}: {len(found.operations)} operations instead of {expected}"]
    return [] if found.to_json() else [f"{name}: nothing to show"]
