"""Files for spreadsheets: comma-separated values in which no cell is run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

DANGEROUS_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(cell: str) -> str:
    """A cell that no spreadsheet runs: what would begin a formula gets an apostrophe (OWASP, CSV injection)."""
    return f"'{cell}" if cell.lstrip().startswith(DANGEROUS_STARTS) or cell.startswith(DANGEROUS_STARTS) else cell


def line(cells: Iterable[object]) -> str:
    """One line of the file."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow([neutral(str(cell).replace("\x00", "")) for cell in cells])
    return buffer.getvalue()
