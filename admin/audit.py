"""The audit record: reading, filtering, exporting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, request, stream_with_context
from flask.typing import ResponseReturnValue

from admin import spreadsheet
from portal import events
from portal.accounts import Right
from portal.db import transaction
from portal.events import AuditEvent, EventKind
from portal.web import current_person, found, key_in_url, page_of, page_url, render, requires

bp = Blueprint("audit", __name__)
PAGE_SIZE = 50
EXPORT_CHUNK = 500
MOST_EXPORTED = 200_000
COLUMNS = ("id", "occurred_at", "kind", "actor", "subject_type", "subject", "reason", "before", "after", "request_id")


@bp.get("/audit")
@requires(Right.SEE_AUDIT)
def index() -> ResponseReturnValue:
    """The newest events, filtered by the URL."""
    asked = events.audit_page(before_id=key_in_url("before"), size=PAGE_SIZE + 1, **_filters())
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "admin/audit/index.html",
        rows=rows,
        families=sorted({kind.value.split(".")[0] for kind in EventKind}),
        filters=_filters(),
        next_url=page_url(before=rows[-1].id) if more else None,
    )


@bp.get("/audit/<key:event_id>")
@requires(Right.SEE_AUDIT)
def show(event_id: int) -> ResponseReturnValue:
    """One event with what was before and after."""
    return render("admin/audit/show.html", event=found(events.find_event(event_id)))


@bp.post("/audit/export")
@requires(Right.SEE_AUDIT)
def export() -> ResponseReturnValue:
    """The filtered events as CSV; that it was exported is itself recorded."""
    filters, person = _filters(), current_person()
    with transaction():
        events.record(EventKind.EXPORTED, subject=person, by=person, after={k: str(v) for k, v in filters.items() if v})
    answer = Response(stream_with_context(_csv(filters)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="portico-audit.csv"'
    return answer


def _csv(filters: dict[str, Any]) -> Iterator[str]:
    yield spreadsheet.line(COLUMNS)
    before_id, sent = None, 0
    while sent < MOST_EXPORTED:
        rows = events.audit_page(before_id=before_id, size=EXPORT_CHUNK, **filters)
        if not rows:
            return
        for event in rows:
            yield spreadsheet.line([_cell(event, column) for column in COLUMNS])
        before_id, sent = rows[-1].id, sent + len(rows)


def _cell(event: AuditEvent, column: str) -> str:
    value = getattr(event, column)
    if column in {"before", "after"}:
        return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
    return value.isoformat() if column == "occurred_at" else str(value)


def _filters() -> dict[str, Any]:
    given = request.values
    return {
        "kind": given.get("kind", "")[:60],
        "actor": given.get("actor", "")[:200],
        "subject": given.get("subject", "")[:200],
        "since": _day(given.get("since", "")),
        "until": _day(given.get("until", "")),
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
