"""The round that staffs open requests anew runs on both databases, and finds those that nobody looks after."""

from __future__ import annotations

import pytest

from portal.access import AccessRequest
from portal.access.turns import look_after, unattended
from portal.db import db, transaction
from tests.support.builders import make_request

pytestmark = pytest.mark.usefixtures("app")


def test_a_request_whose_stage_has_no_time_is_found_once():
    asked = make_request()
    with transaction():
        for stage in db.session.get(AccessRequest, asked.id).stages:
            stage.due_at = None

    assert [request.id for request in unattended()] == [asked.id]


def test_the_round_comes_to_its_end():
    make_request()

    with transaction():
        assert look_after() == 0
