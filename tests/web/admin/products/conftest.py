"""An API owner and their browser."""

from __future__ import annotations

import pytest

from portal.accounts import RoleName
from tests.support.builders import make_user


@pytest.fixture
def person():
    return make_user(RoleName.API_OWNER, name="Olga Owner")


@pytest.fixture
def owner(browser, person):
    return browser(person)
