"""C52: the page of a request that waits says how long that usually takes, counted from the stages still ahead."""

from datetime import timedelta

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import now, transaction
from tests.support.builders import (
    demanding,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
HOURS = (1, 2, 3, 4, 30)


@pytest.fixture
def people():
    make_policy(demanding("owner", "security"), order=[["owner"], ["security"]])
    return {"owner": make_user(RoleName.API_OWNER), "security": make_user(RoleName.SECURITY_REVIEWER)}


@pytest.fixture
def gold():
    return make_plan("Gold")


@pytest.fixture
def product(people, gold):
    return make_product(plans=[gold], owners=[people["owner"]])


def answer(request, people, *keys):
    for stage in request.stages:
        if stage.key in keys:
            with transaction():
                access.approve(request, by=people[stage.key])


def decided(people, product, plan, hours=HOURS, security=timedelta(minutes=10)):
    """Requests that took so long as a whole, of which security took so much."""
    for each in hours:
        request = make_request(make_user(), product, plan=plan)
        answer(request, people, "owner", "security")
        with transaction():
            request.submitted_at, request.decided_at = now() - timedelta(hours=each), now()
            for stage in request.stages:
                stage.opened_at = now() - security if stage.key == "security" else request.submitted_at


def told(browser, request):
    return browser(request.requester).get(f"/requests/{request.number}").text("#progress")


def test_before_the_first_answer_it_is_the_whole_of_it_as_in_the_cart(browser, people, product, gold):
    decided(people, product, gold)
    request = make_request(make_user(), product, plan=gold)

    assert (
        "Half of such requests are decided within 3 hours, nine in ten within 2 days "
        "(the last 5 on this plan in test with the same stages)." in told(browser, request)
    )


def test_after_an_answer_it_counts_from_the_stage_that_is_ahead(browser, people, product, gold):
    decided(people, product, gold)
    request = make_request(make_user(), product, plan=gold)

    answer(request, people, "owner")

    page = told(browser, request)
    assert (
        "From this stage on it usually takes up to 10 minutes (the last 5 on this plan in test with the same stages)."
        in page
    )
    assert "decided within" not in page


def test_requests_with_more_stages_tell_of_the_one_ahead(browser, people, product, gold):
    people["legal"] = make_user(RoleName.REVIEWER)
    make_group("legal", people["legal"])
    decided(people, product, gold)
    request = make_request(make_user(), product, plan=gold)
    with transaction():
        access.add_stage(request, "legal", by=people["owner"], because="A contract is touched.")

    answer(request, people, "owner", "legal")

    assert "(the last 5 on this plan in test with the stages still ahead)" in told(browser, request)


def test_nothing_is_said_where_too_few_tell_and_when_it_is_over(browser, people, product, gold):
    decided(people, product, gold, hours=HOURS[:4])
    request = make_request(make_user(), product, plan=gold)
    answer(request, people, "owner")
    assert "From this stage on" not in told(browser, request)

    decided(people, product, gold, hours=HOURS[:2])
    assert "From this stage on" in told(browser, request)
    answer(request, people, "security")

    assert "usually takes" not in told(browser, request)


def test_it_takes_as_many_queries_however_much_was_decided(people, product, gold):
    request = make_request(make_user(), product, plan=gold)
    answer(request, people, "owner")
    counts = []
    for _ in range(2):
        decided(people, product, gold)
        assert request.stages
        with count_queries() as counted:
            access.waiting_ahead(request)
        counts.append(len(counted))

    assert counts[0] == counts[1] <= 4
