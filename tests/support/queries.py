"""Counting the queries of a page: part of the contract of every list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from portal.db import db


class Counted(list[str]):
    """The statements that were sent."""


@contextmanager
def count_queries() -> Iterator[Counted]:
    """Collect every statement that goes to the database in the block (transaction control left out)."""
    counted = Counted()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            counted.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
