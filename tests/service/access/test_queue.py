"""What stands in a reviewer's queue: the same by both ways of finding it, that for few requests and that for many."""

import pytest

from portal import access
from portal.access import queries
from portal.accounts import RoleName
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(params=["sees few", "sees many"])
def way(request, monkeypatch):
    if request.param == "sees many":
        monkeypatch.setattr(queries, "FEW", -1)


@pytest.mark.usefixtures("way")
def test_an_owner_sees_what_they_were_asked_what_they_own_and_what_they_made():
    asked, stranger = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    both = make_user(RoleName.API_OWNER, RoleName.CONSUMER)
    mine, theirs = make_request(owner=asked), make_request(owner=stranger)
    own = make_request(both, owner=stranger)

    assert list(access.queue(seen_by=asked, status="pending")) == [mine]
    assert list(access.queue(seen_by=stranger)) == [own, theirs]
    assert list(access.queue(seen_by=both)) == [own]


@pytest.mark.usefixtures("way")
def test_who_became_an_owner_later_sees_the_requests_of_the_product():
    plan, newcomer = make_plan(), make_user(RoleName.API_OWNER)
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    request = make_request(make_user(), product, plan=plan)

    product.owners.append(newcomer)

    assert list(access.queue(seen_by=newcomer)) == [request]
    assert list(access.queue(seen_by=newcomer, status="pending", mine=True)) == []
    assert access.count_waiting_for(newcomer) == 0


@pytest.mark.usefixtures("way")
def test_what_waits_for_a_person_is_counted_and_dated():
    owner = make_user(RoleName.API_OWNER)
    first, second = make_request(owner=owner), make_request(owner=owner)
    make_request()

    assert access.count_waiting_for(owner) == 2
    assert access.count_waiting_for(owner, most=1) == 1
    assert access.oldest_waiting_for(owner) == first.submitted_at
    assert list(access.queue(seen_by=owner, status="pending", mine=True)) == [first, second]


@pytest.mark.usefixtures("way")
def test_requests_are_counted_by_status_up_to_a_limit_in_one_query():
    owner = make_user(RoleName.API_OWNER)
    for _ in range(3):
        make_request(owner=owner)
    make_request()
    requester, plan = make_user(), make_plan(auto_approve=True)
    make_request(requester, make_product(plans=[plan], owners=[owner]), plan=plan, app=make_app(requester))

    counts = access.counts_by_status(seen_by=owner)
    with count_queries() as counted:
        capped = access.counts_by_status(seen_by=owner, most=2)

    assert counts == {"pending": 3, "approved": 1, "rejected": 0, "withdrawn": 0, "expired": 0, "denied": 0}
    assert capped["pending"] == 2
    assert len(counted) <= 2


def test_an_auditor_sees_all_and_is_awaited_by_nobody():
    auditor, request = make_user(RoleName.AUDITOR), make_request()

    assert list(access.queue(seen_by=auditor)) == [request]
    assert access.count_waiting_for(auditor) == 0


def test_a_bulk_decision_reads_many_requests_as_it_reads_one():
    owner = make_user(RoleName.API_OWNER)

    def reads(count):
        requests = [make_request(owner=owner) for _ in range(count)]
        assert all(request.id for request in requests)  # read anew after the last transaction
        with count_queries() as counted:
            locked = access.locking.lock_requests(requests)
            assert [[item.product.name for item in request.items] for request in locked]
            assert [[a.user.email for a in stage.assignees] for request in locked for stage in request.stages]
        return len(counted)

    assert reads(1) == reads(6)
