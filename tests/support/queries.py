"""Counting the queries of a page: part of the contract of every list."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from portal.db import db

NOT_COUNTED = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "UPDATE web_session SET seen_at")


class Counted(list[str]):
    """The statements that were sent."""


@contextmanager
def count_queries() -> Iterator[Counted]:
    """Collect every statement that this thread sends to the database in the block (transaction control left out).

    Others are not counted: a timer may write down a credential's last use at any moment. Nor is the note that a session
    is in use, which is made at most once in a while and so falls on any page.
    """
    counted, here = Counted(), threading.get_ident()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.get_ident() == here and not statement.startswith(NOT_COUNTED):
            counted.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
