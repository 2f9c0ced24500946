"""A request that waits for the owner of its product."""

import pytest

from portal.accounts import RoleName
from tests.support.builders import make_request, make_user


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga Owner")


@pytest.fixture
def asked(owner):
    return make_request(make_user(name="Maya"), owner=owner)
