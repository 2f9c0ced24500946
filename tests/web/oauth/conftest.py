"""A program with an app that has access; and every answer is as the description of our API says."""

import pytest

from tests.support.described import as_described
from tests.support.programs import make_program


@pytest.fixture
def app(app):
    with as_described(app):
        yield app


@pytest.fixture
def program(app):
    return make_program(app)
