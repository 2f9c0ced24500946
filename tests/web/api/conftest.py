"""Whatever these tests are about: every answer that they get is as the description says."""

import pytest

from tests.support.described import as_described


@pytest.fixture(autouse=True)
def answers(app):
    with as_described(app) as answers:
        yield answers
