"""Whose apps they are, and what one of them holds."""

import pytest

from tests.support.builders import make_app, make_plan, make_product, make_request, make_user


@pytest.fixture
def person():
    return make_user(name="Maya")


@pytest.fixture
def free():
    return make_plan("Free", auto_approve=True, credential_lifetime_days=90)


@pytest.fixture
def held(person, free):
    """An approved request: an app with access and a credential that is ready to reveal."""
    product = make_product("Payments", plans=[free])
    return make_request(person, product, plan=free, app=make_app(person, "Checkout"))
