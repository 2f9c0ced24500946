"""A program with an app that has access."""

import pytest

from tests.support.programs import make_program


@pytest.fixture
def program(app):
    return make_program(app)
