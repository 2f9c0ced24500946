"""The audit record: complete, read-only, and safe to open in a spreadsheet."""

import csv
import io

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from admin.spreadsheet import neutral
from portal import access
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import EventKind, audit_page
from tests.support.builders import make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_an_auditor_reads_and_filters(browser):
    request = make_request(reason="For the spring campaign")
    auditor = browser(make_user(RoleName.AUDITOR))

    page = auditor.get("/admin/audit", query_string={"kind": "request", "subject": request.number})

    assert "request.submitted" in page.text("table")
    assert "For the spring campaign" in page.text("table")
    assert "person.registered" not in page.text("table")
    assert auditor.get("/admin/audit", query_string={"until": "2001-01-01"}).text().count("No event matches") == 1


def test_an_event_shows_who_why_before_and_after(browser):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    with transaction():
        access.reject(request, by=owner, reason="Not now")
    (event,) = [e for e in audit_page() if e.kind is EventKind.REQUEST_REJECTED]

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/audit/{event.id}").text()

    assert owner.email in page
    assert "Not now" in page
    assert request.number in page


@pytest.mark.parametrize("statement", ["update audit_event set reason = 'forged'", "delete from audit_event"])
def test_I1_the_database_refuses_to_change_or_delete_events(statement):
    make_user()

    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction():
        db.session.execute(text(statement))

    assert audit_page()


def test_I1_truncating_the_record_is_refused_too(database):
    make_user()
    if database == "sqlite":  # SQLite has no TRUNCATE: a DELETE without WHERE is its truncation, refused above
        assert audit_page()
        return

    with pytest.raises(DatabaseError, match="never changed or deleted"), transaction():
        db.session.execute(text("truncate audit_event"))


def test_I3_when_the_record_cannot_be_written_the_action_fails_too(monkeypatch):
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    count = len(audit_page(size=500))

    def broken(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("portal.access.decide.record", broken)
    with pytest.raises(OSError, match="disk full"), transaction():
        access.approve(request, by=owner)

    assert request.is_pending
    assert len(audit_page(size=500)) == count


def test_W5_the_export_is_rectangular_and_runs_nothing(browser):
    make_request(reason='=HYPERLINK("http://evil.example")')
    auditor = browser(make_user(RoleName.AUDITOR))

    answer = auditor.get("/admin/audit").press("Export CSV").answer

    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))
    assert len({len(row) for row in rows}) == 1
    assert any(cell.startswith("'=HYPERLINK") for row in rows for cell in row)
    assert [e for e in audit_page() if e.kind is EventKind.EXPORTED]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "　=1", "＝1", "＋1", "－1", "＠x"])
def test_W5_cells_that_a_spreadsheet_would_run_become_text(cell):
    assert neutral(cell) == f"'{cell}"


def test_W5_other_cells_stay_as_they_are():
    assert neutral("AR-2026-000001") == "AR-2026-000001"
    assert neutral("a=b") == "a=b"


@pytest.mark.parametrize(
    "role", [RoleName.CONSUMER, RoleName.API_OWNER, RoleName.PLAN_MANAGER, RoleName.SECURITY_REVIEWER]
)
def test_A10_only_auditors_and_administrators_read_the_record(browser, role):
    person = browser(make_user(role))

    assert person.get("/admin/audit").status == 403
    assert person.forge("/admin/audit/export").status == 403


def test_the_record_needs_as_many_queries_for_forty_events_as_for_five(browser):
    auditor = browser(make_user(RoleName.AUDITOR))

    def cost() -> int:
        with count_queries() as counted:
            assert auditor.get("/admin/audit").status == 200
        return len(counted)

    few = cost()
    for _ in range(10):
        make_request()
    assert cost() == few
