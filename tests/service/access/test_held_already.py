"""Access that came between is refused in words, and undoes nothing else, although the database says no."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from portal import access
from portal.access import Grant, GrantState, RequestStatus
from portal.accounts import RoleName
from portal.db import Base, now, transaction
from portal.errors import Conflict
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def held(owner):
    """A request for what the app has got meanwhile by another way."""
    person, plan = make_user(), make_plan()
    app, product = make_app(person, "Till"), make_product(plans=[plan], owners=[owner])
    given = make_request(person, plan=make_plan(auto_approve=True), app=app)
    asked = make_request(person, product, plan=plan, app=app)
    row = {"request_id": given.id, "app_id": app.id, "product_id": product.id, "plan_id": plan.id, "starts_at": now()}
    row |= {"credential_id": given.credential_id, "state": GrantState.ACTIVE}
    with transaction() as session:
        session.execute(insert(Base.metadata.tables[Grant.__tablename__]), row)
    return asked


def test_an_approval_is_refused_in_words_and_leaves_nothing(owner, held):
    with pytest.raises(Conflict, match="Till already has access"), transaction():
        access.approve(held, by=owner)

    assert held.status is RequestStatus.PENDING
    assert held.credential is None
    assert not held.stages[0].reviews


def test_among_many_the_others_are_approved(owner, held):
    before, after = make_request(owner=owner), make_request(owner=owner)

    with transaction():
        outcomes = access.approve_many([before, held, after], by=owner)

    assert {o.number: o.done for o in outcomes} == {before.number: True, held.number: False, after.number: True}
    assert [r.status.value for r in (before, held, after)] == ["approved", "pending", "approved"]
    assert not held.stages[0].reviews
