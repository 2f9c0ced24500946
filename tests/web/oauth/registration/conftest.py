"""A client that has registered itself."""

import pytest

from tests.web.oauth.registration.registering import register


@pytest.fixture(autouse=True)
def nothing_counted(app):
    """Wrong tokens are counted by address, and all tests have one."""
    app.extensions["portico.oauth"]["server"].failures.forget()


@pytest.fixture
def client(program):
    """What a client was told when it registered."""
    answer = register(program, client_name="Build 7")
    assert answer.status_code == 201, answer.text
    return answer.json
