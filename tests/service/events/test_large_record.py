"""A long record is read by its indexes, page by page, and exported in pieces (I6)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, text

from portal.accounts import RoleName
from portal.db import db, now, on_sqlite, transaction
from portal.events import AuditEvent, EventKind, audit_page
from tests.support.browser import Browser
from tests.support.builders import make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MANY = 6_000
SORTED = ("temp b-tree", "sort key", "seq scan on audit_event", "scan audit_event using covering")


@pytest.fixture
def long_record(app: Flask) -> None:
    """Many events, one in a hundred of another kind."""
    common = {"actor": "ada@acme.example", "subject_type": "portal_user", "subject": "ada@acme.example"}
    common |= {"reason": "", "before": {}, "after": {}, "request_id": "", "remote_address": "", "occurred_at": now()}
    with transaction():
        rows = [
            {**common, "kind": EventKind.EXPORTED if n % 100 == 0 else EventKind.SIGNED_IN, "subject_id": n}
            for n in range(MANY)
        ]
        db.session.execute(insert(AuditEvent), rows)
    db.session.execute(text("analyze"))


def plan_of(read: Callable[[], Any]) -> str:
    """How the database means to answer what is read."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        read()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    prefix = "explain query plan " if on_sqlite() else "explain "
    statement, parameters = sent[-1]
    rows = db.session.connection().exec_driver_sql(prefix + statement, parameters)
    return "\n".join(" ".join(map(str, row)) for row in rows).lower()


@pytest.mark.usefixtures("long_record")
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("kind", ["", "record.exported"])
def test_I6_a_page_is_read_by_an_index_and_nothing_is_sorted(kind: str, is_first: bool) -> None:
    newest = audit_page(size=1)[0].id
    filters: dict[str, Any] = {"kind": kind, "before_id": None if is_first else newest - MANY // 2}

    plan = plan_of(lambda: audit_page(size=50, **filters))
    assert not any(word in plan for word in SORTED), plan
    with count_queries() as counted:
        assert len(audit_page(size=50, **filters)) >= 30
    assert len(counted) == 1


@pytest.mark.usefixtures("long_record")
def test_I6_an_export_reads_piece_by_piece(browser: Callable[..., Browser]) -> None:
    auditor = browser(make_user(RoleName.AUDITOR))
    page = auditor.get("/admin/audit")

    with count_queries() as counted:
        answer = page.press("Export CSV").answer

    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))
    assert len(rows) > MANY
    pieces = [statement for statement in counted if "FROM audit_event" in statement]
    assert MANY // 500 <= len(pieces) <= MANY // 500 + 2
    assert len({row[0] for row in rows}) == len(rows)
