"""A reporter whose signature is believed."""

import pytest

from portal.oauth import leaks
from tests.web.oauth.leaks.reporting import KEY, KEY_ID


@pytest.fixture(autouse=True)
def reporters(app):
    extension = app.extensions["portico.oauth"]
    extension["server"].failures.forget()
    extension["reporters"] = {KEY_ID: leaks.Reporter("GitHub", KEY.public_key())}
    yield
    extension["reporters"] = {}
