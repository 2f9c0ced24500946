"""What stands of emergencies is found among all that waits by an index that holds nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from portal import access
from portal.db import db, on_sqlite
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_emergencies_are_found_by_an_index_of_their_own():
    with count_queries() as counted:
        assert access.emergencies() == []

    assert "access_request.kind = 'break_glass'" in counted[0], "a bound value would keep SQLite from its index"
    if on_sqlite():
        few = "SELECT id FROM access_request WHERE kind = 'break_glass' AND status = 'pending'"
        plan = db.session.execute(text(f"EXPLAIN QUERY PLAN {few}")).all()
        assert "ix_access_request_emergencies" in str(plan)
