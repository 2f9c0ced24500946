"""The requester reads on the request's page that a product was retired meanwhile, and what follows."""

import pytest

from portal.accounts import RoleName
from portal.catalog import ProductState
from portal.db import transaction
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def asked():
    plan, owner = make_plan(), make_user(RoleName.API_OWNER)
    return make_request(
        None, *(make_product(name, plans=[plan], owners=[owner]) for name in ("Alps", "Bay")), plan=plan
    )


def page_with_retired(browser, asked, *products):
    with transaction() as session:
        for product in products:
            session.merge(product).state = ProductState.RETIRED
    return browser(asked.requester).get(f"/requests/{asked.number}").text("#progress")


def test_nothing_is_said_while_all_are_offered(browser, asked):
    assert "retired" not in page_with_retired(browser, asked).lower()


def test_one_of_two_is_named_and_the_rest_can_be_approved(browser, asked):
    told = page_with_retired(browser, asked, asked.products[1])

    assert "Bay has been retired, so no access to it can be given." in told
    assert "approve the rest and decline this product" in told
    assert "Alps" not in told


def test_when_all_are_retired_the_request_can_only_be_rejected_or_withdrawn(browser, asked):
    told = page_with_retired(browser, asked, *asked.products)

    assert "Alps and Bay have been retired, so no access to them can be given." in told
    assert "can only reject this request" in told
    assert "withdraw it" in told
