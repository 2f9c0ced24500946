"""C146: a version of a policy tells how many requests it let through at once, in all and by rule; so do the metrics."""

from datetime import timedelta

import pytest
import time_machine

from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import now
from tests.support.builders import demanding, make_plan, make_policy, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")

IN_TEST = {
    "key": "test",
    "because": "Test data harms nobody.",
    "when": {"attribute": "environment", "is": "equals", "value": "test"},
    "then": {"outcome": "auto"},
}


@pytest.fixture
def judged():
    """Three requests judged by a policy, one of them approved at once, and one that was judged long ago."""
    version = make_policy(IN_TEST, {**demanding("security"), "when": {"not": IN_TEST["when"]}})
    with time_machine.travel(now() - timedelta(days=91)):
        make_request()
    for environment in (Environment.TEST, Environment.PROD, Environment.PROD):
        make_request(environment=environment)
    return version


def test_C146_a_policy_tells_how_many_it_let_through_at_once_and_by_which_rule(judged, browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/policies/{judged.id}")

    assert "Of 3 requests that it judged in the last 90 days, 1 (33 %) was approved at once." in page.text()
    assert "Applied to 1 of them, 1 of which was approved at once." in page.text()
    assert "Applied to 2 of them, none of which was approved at once." in page.text()


def test_C146_a_products_own_rules_count_for_what_was_asked_of_it(judged, browser):
    plan = make_plan()
    product = make_product(plans=[plan])
    own = make_policy(demanding("legal"), product=product)
    make_request(None, product, plan=plan)

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/policies/{own.id}")

    assert "Of 1 request that it judged in the last 90 days, none was approved at once." in page.text()


def test_C146_the_metrics_say_the_same(judged, browser):
    told = browser().get("/metrics").answer.text

    assert 'portico_policy_requests{rule=""} 3.0' in told
    assert 'portico_policy_requests_at_once{rule="test"} 1.0' in told
    assert 'portico_policy_requests_at_once{rule="always"} 0.0' in told
