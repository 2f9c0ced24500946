"""Which access and which of its scopes are used, noted from tokens that are asked for and introspected (C78, C144)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal import credentials, register
from portal.access import Grant
from portal.catalog import PlanState
from portal.db import db, transaction
from portal.register import ScopeUse
from tests.support.builders import make_plan, make_product
from tests.support.programs import claims_of, make_program, post
from tests.support.queries import count_queries


def in_a_while(**later):
    """A moment after this one, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(**later)


@pytest.fixture
def uses(app):
    found = app.extensions["portico.oauth"]["server"].uses
    found.forget()
    kept, found.every_seconds = found.every_seconds, 0
    yield found
    found.every_seconds = kept
    found.forget()


@pytest.fixture
def program(app, uses):
    plan = make_plan(auto_approve=True)
    products = [make_product("Orders", plans=[plan]), make_product("Stock", plans=[plan])]
    return make_program(app, *products, plan=plan)


def used():
    """The last use of each access by the name of its product, and the scopes that were used."""
    db.session.rollback()
    grants = db.session.scalars(select(Grant).order_by(Grant.id)).all()
    last = {grant.product.name: grant.last_used_at for grant in grants}
    return last, {use.scope for use in db.session.scalars(select(ScopeUse))}


def test_C78_a_token_for_everything_uses_every_access_and_scope(program):
    program.token()

    last, scopes = used()
    assert None not in last.values()
    assert scopes == {name for product in program.request.products for name in product.scope_names}


def test_C144_a_token_for_one_scope_uses_that_scope_and_its_access_only(program):
    orders, _stock = program.request.products

    program.token(scope=orders.scope_names[0])

    last, scopes = used()
    assert last["Orders"] is not None
    assert last["Stock"] is None
    assert scopes == {orders.scope_names[0]}


def test_a_token_for_one_api_uses_that_access_only(program):
    orders, stock = program.request.products

    program.token(resource=stock.audience)

    last, scopes = used()
    assert (last["Orders"], scopes) == (None, set(stock.scope_names))
    assert last["Stock"] is not None
    assert orders.name == "Orders"


def test_a_refused_request_uses_nothing(program):
    assert program.token(scope="nobody:asked").status_code == 400

    last, scopes = used()
    assert set(last.values()) == {None}
    assert scopes == set()


def test_a_gateway_that_introspects_uses_what_the_token_opens_still(app, program, uses):
    orders, _stock = program.request.products
    token = program.access_token(scope=orders.scope_names[1])
    with transaction():
        gateway = credentials.add_gateway("Edge", by=None)
    uses.forget()
    later = in_a_while(minutes=5)
    with time_machine.travel(later, tick=False):
        post(app, "/oauth/introspect", {"token": token}, auth=(gateway.client_id, gateway.secret))

    last, scopes = used()
    assert last["Orders"] == later
    assert last["Stock"] is None
    assert scopes == {orders.scope_names[1]}


def test_who_introspects_its_own_token_has_not_used_it(program, uses):
    token = program.access_token()
    before, _ = used()
    uses.forget()
    with time_machine.travel(in_a_while(minutes=5), tick=False):
        assert program.introspect(token)["active"]

    assert used()[0] == before


def test_it_is_written_once_a_minute_and_the_question_of_a_token_stays_one(app, program):
    program.token()
    first = used()
    with app.app_context(), count_queries() as counted:
        program.token()

    assert used() == first
    assert len(counted) <= 2, counted
    assert not [statement for statement in counted if not statement.startswith(("SELECT", "PRAGMA"))]
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=False):
        program.token()
    last, _ = used()
    assert all(last[name] > first[0][name] for name in last)
    (one, *_rest) = db.session.scalars(select(ScopeUse)).all()
    assert one.last_used_at > one.first_used_at


def test_how_access_is_used_is_told_in_words(program):
    orders, _stock = program.request.products
    program.token(scope=orders.scope_names[0])
    db.session.rollback()
    grants = db.session.scalars(select(Grant).order_by(Grant.id)).all()

    with time_machine.travel(datetime.now(UTC) + timedelta(days=120, minutes=1), tick=False):
        with count_queries() as counted:
            told = register.use_of(grants)

        assert [told[grant.id].in_words for grant in grants] == [
            "not used for 120 days",
            "never used, granted 120 days ago",
        ]
    assert told[grants[0].id].unused_scopes == (orders.scope_names[1],)
    assert len(counted) <= 2


@pytest.mark.parametrize("thing", ["product", "plan"])
def test_C157_what_is_retired_on_a_day_opens_nothing_from_its_first_second_on(app, uses, thing):
    program = make_program(app)
    midnight = in_a_while(days=3).replace(hour=0, minute=0, second=0)
    with transaction():
        ended = program.request.products[0] if thing == "product" else program.request.plan
        ended.retires_on = midnight.date()
    with time_machine.travel(midnight - timedelta(seconds=10), tick=False):
        answer = program.token()
        token = answer.json["access_token"]
        assert claims_of(token)["exp"] == int(midnight.timestamp())
        assert program.introspect(token)["active"]
    with time_machine.travel(midnight, tick=False):
        assert program.token().status_code == (400 if thing == "product" else 401)
    assert program.request.plan.state is PlanState.ACTIVE
