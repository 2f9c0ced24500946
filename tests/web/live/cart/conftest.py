"""Who has the cart, and with which plan."""

import pytest

from tests.support.builders import (
    make_plan,
    make_user,
)


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def plan():
    return make_plan("Gold", quota_requests=50_000, rate_requests=10, credential_lifetime_days=365)
