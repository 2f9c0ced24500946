"""A program with a secret that can be rotated, on a Monday morning."""

from __future__ import annotations

import pytest
import time_machine

from tests.service.lifecycle.rotation.rotating import MONDAY
from tests.support.builders import make_plan
from tests.support.programs import make_program


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def program(clock, app):
    uses = app.extensions["portico.oauth"]["server"].uses
    uses.forget()
    kept, uses.every_seconds = uses.every_seconds, 0
    yield make_program(app, plan=make_plan("Gold", auto_approve=True, overlap_days=7, rotate_every_days=90))
    uses.every_seconds = kept
