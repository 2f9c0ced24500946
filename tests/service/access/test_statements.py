"""How many statements submitting and approving send: what grew unseen is seen here (P5, P6)."""

from __future__ import annotations

import pytest

from portal import access
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.queries import Counted, count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def a_cart(*, at_once: bool, owner, size: int = 3):
    plan, person = make_plan(auto_approve=at_once), make_user()
    fill_cart(person, *(make_product(plans=[plan], owners=[owner]) for _ in range(size)), plan=plan)
    return person, make_app(person)


def submitted(*, at_once: bool, owner, size: int = 3) -> tuple[AccessRequest, Counted]:
    person, app = a_cart(at_once=at_once, owner=owner, size=size)
    with transaction() as session, count_queries() as counted:
        (request,) = access.submit(session.merge(app), by=session.merge(person), reason="We need it.")
        session.flush()
    return request, counted


def test_submitting_reads_and_writes_within_bounds(owner):
    submitted(at_once=False, owner=owner)  # what is read once a process is not part of it

    _, counted = submitted(at_once=False, owner=owner)

    assert len(counted) <= 35, told(counted)


def test_a_larger_cart_is_read_by_as_many_statements(owner):
    submitted(at_once=False, owner=owner)
    _, small = submitted(at_once=False, owner=owner, size=2)

    _, large = submitted(at_once=False, owner=owner, size=6)

    assert reads(large) == reads(small)


def test_what_is_approved_at_once_is_within_bounds(owner):
    submitted(at_once=True, owner=owner)

    _, counted = submitted(at_once=True, owner=owner)

    assert len(counted) <= 42, told(counted)


def test_approving_reads_and_writes_within_bounds(owner):
    approved(submitted(at_once=False, owner=owner)[0], by=owner)

    counted = approved(submitted(at_once=False, owner=owner)[0], by=owner)

    assert len(counted) <= 31, told(counted)


def test_a_message_to_many_is_written_by_one_statement(owner):
    plan, person = make_plan(), make_user()
    everybody = [owner, *(make_user(RoleName.API_OWNER) for _ in range(4))]
    fill_cart(person, make_product(plans=[plan], owners=everybody), plan=plan)
    app = make_app(person)

    with transaction() as session, count_queries() as counted:
        access.submit(session.merge(app), by=session.merge(person), reason="We need it.")

    assert len([statement for statement in counted if statement.startswith("INSERT INTO outbox_message")]) == 1


def test_each_of_many_takes_fewer_than_one_alone(owner):
    approved(submitted(at_once=False, owner=owner)[0], by=owner)
    requests = [submitted(at_once=False, owner=owner)[0] for _ in range(4)]

    with transaction() as session, count_queries() as counted:
        outcomes = access.approve_many([session.merge(each) for each in requests], by=session.merge(owner))

    assert all(outcome.done for outcome in outcomes)
    assert len(counted) <= 100, told(counted)


def approved(request: AccessRequest, *, by) -> Counted:
    with transaction() as session:
        mine, person = session.merge(request), session.merge(by)
        assert mine.id
        assert person.id
        with count_queries() as counted:
            access.approve(mine, by=person)
            session.flush()
    db.session.expire_all()
    return counted


def reads(counted: Counted) -> int:
    return len([statement for statement in counted if statement.startswith("SELECT")])


def told(counted: Counted) -> str:
    return f"{len(counted)}:\n" + "\n".join(counted)
