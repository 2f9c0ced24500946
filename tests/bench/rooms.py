"""P5 and P6: submitting and approving, by the rooms' functions in one process and over HTTP, against plain Core."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import insert, select

from portal import access
from portal.access import AccessRequest, CartItem
from portal.accounts import User, WebSession
from portal.accounts.models import Role, user_role
from portal.apps import DeveloperApp
from portal.db import db, now, transaction
from tests.bench import floors, measure
from tests.bench.installations import Installation, session_row
from tests.bench.measure import Contender, Processes, alternate, cost_of
from tests.bench.report import Figure, growth, speed
from tests.bench.servers import OURS, Request, server

IN_A_CART = 3
AT_ONCE = 100
REASON = "We need it."


@dataclass(frozen=True)
class Shopper:
    """Somebody with a full cart and an app."""

    user_id: int
    app_id: int
    session: str


def rooms(it: Installation) -> list[Figure]:
    """P5 and P6 on one installation."""
    with it.app.app_context():
        figures = _rooms(it)
        db.session.remove()
    return figures + _over_http(it)


def _rooms(it: Installation) -> list[Figure]:
    meter, most = Processes(None, it.database_pid), int(80 * measure.effort.part)
    enough = (most + 1) * measure.effort.rounds + 20
    hand, auto = _shoppers(it, 2 * enough, "plan"), _shoppers(it, enough, "auto")
    waiting = iter([_submit(shopper) for shopper in hand[:enough]])
    rows = floors.Rows(it.ids["consumer"], it.ids["owner"], it.ids["app"], it.ids["plan"], it.ids["first_product"])
    floor_ids: list[int] = []
    contenders = {
        "submit": Contender(_each(iter(hand[enough:]), _submit), meter, most),
        "approve": Contender(_each(waiting, lambda id: _approve(it, id)), meter, most),
        "auto": Contender(_each(iter(auto), _submit), meter, most),
        "F3 submit": Contender(lambda n: _floor(n, lambda c: floor_ids.append(rows.submit(c, pending=True))), meter),
        "F3 approve": Contender(lambda n: _floor(n, lambda c: rows.approve(c, floor_ids[-1])), meter),
        "F3 auto": Contender(
            lambda n: _floor(n, lambda c: rows.approve(c, rows.submit(c, pending=False), automatic=True)), meter
        ),
    }
    cost = alternate(contenders)
    figures = [
        speed("P5", f"{what}, room function", it.database, cost[name], cost[f"F3 {name}"], 0.5)
        for name, what in (
            ("submit", "submit a cart of 3"),
            ("approve", "approve by hand"),
            ("auto", "submit, approved at once"),
        )
    ]
    single, bulk = _bulk(it, meter)
    return [*figures, growth("P6", f"approve {AT_ONCE} at once, against singly", it.database, bulk, single, 0.5)]


def _bulk(it: Installation, meter: Processes) -> tuple[measure.Cost, measure.Cost]:
    """The cost of one approval: singly, and in bulk."""
    rounds = measure.effort.rounds
    shoppers = _shoppers(it, 2 * AT_ONCE * rounds, "plan")
    ids = [_submit(shopper) for shopper in shoppers]
    costs: dict[str, list[measure.Cost]] = {"single": [], "bulk": []}
    for turn in range(rounds):
        start = 2 * AT_ONCE * turn
        singly = iter(ids[start : start + AT_ONCE])
        costs["single"].append(cost_of(_each(singly, lambda id: _approve(it, id)), AT_ONCE, meter))
        together = ids[start + AT_ONCE : start + 2 * AT_ONCE]
        costs["bulk"].append(cost_of(lambda _, chosen=together: _approve_many(it, chosen), AT_ONCE, meter))  # type: ignore[misc]
    return measure.median(costs["single"]), measure.median(costs["bulk"])


def _each(things: Iterator[Any], act: Callable[[Any], object]) -> Callable[[int], None]:
    def work(times: int) -> None:
        for _ in range(times):
            act(next(things))
            db.session.remove()

    return work


def _submit(shopper: Shopper) -> int:
    with transaction() as session:
        person, app = session.get_one(User, shopper.user_id), session.get_one(DeveloperApp, shopper.app_id)
        (made,) = access.submit(app, by=person, reason=REASON)
        return made.id


def _approve(it: Installation, request_id: int) -> None:
    with transaction() as session:
        owner = session.get_one(User, it.ids["owner"])
        access.approve(session.get_one(AccessRequest, request_id), by=owner)


def _approve_many(it: Installation, request_ids: list[int]) -> None:
    with transaction() as session:
        owner = session.get_one(User, it.ids["owner"])
        numbers = [f"AR-{now().year}-{id:06d}" for id in request_ids]
        outcomes = access.approve_many(access.requests_numbered(numbers, seen_by=owner), by=owner)
        assert len(outcomes) == len(request_ids), len(outcomes)
        assert all(outcome.done for outcome in outcomes), outcomes[0]
    db.session.remove()


def _floor(times: int, write: Callable[[Any], object]) -> None:
    for _ in range(times):
        with db.engine.connect().execution_options(portico_writer=True) as connection, connection.begin():
            write(connection)


def _over_http(it: Installation) -> list[Figure]:
    """P5 through HTTP: submitting a cart on a plan that approves at once, against a bare view that does F3."""
    most = int(60 * measure.effort.part)
    enough = (most + 1) * measure.effort.rounds + 20
    with it.app.app_context():
        shoppers = _shoppers(it, enough, "auto")
        db.session.remove()
    requests = (_post(it, shopper) for shopper in shoppers)
    rows = floors.Rows(it.ids["consumer"], it.ids["owner"], it.ids["app"], it.ids["plan"], it.ids["first_product"])
    environment = {**it.environment, floors.ROWS_NAME: rows.as_environment()}
    with (
        server(OURS, it.environment, database=it.database_pid) as ours,
        server("tests.bench.floors:rows_floor", environment, database=it.database_pid) as floor,
    ):
        cost = alternate(
            {
                "ours": ours.once(requests, most),
                "floor": floor.contender(Request.post("/submit", urlencode({"reason": REASON}).encode())),
            }
        )
    return [speed("P5", "submit, approved at once, over HTTP", it.database, cost["ours"], cost["floor"], 0.5)]


def _post(it: Installation, shopper: Shopper) -> Request:
    fields = {
        "csrf_token": it.csrf_token(shopper.session),
        "app": shopper.app_id,
        "credential": "new",
        "reason": REASON,
    }
    body = urlencode({**fields, "visibility": "personal"}).encode()
    return Request.post("/cart/submit", body, session=shopper.session, status=303)


def _shoppers(it: Installation, count: int, plan: str) -> list[Shopper]:
    """People with three of the owner's products in the cart, put there by plain inserts."""
    first = it.ids["first_product"] + (it.ids["first_product"] + 1) % 2
    role = db.session.scalars(select(Role.id).where(Role.name == "consumer")).one()
    marks = [secrets.token_hex(8) for _ in range(count)]
    with transaction() as session:
        session.execute(insert(User), [_person(mark, it.ids["organisation"]) for mark in marks])
        people = dict(
            session.execute(select(User.fs_uniquifier, User.id).where(User.fs_uniquifier.in_(marks))).tuples().all()
        )
        session.execute(insert(user_role), [{"user_id": id, "role_id": role} for id in people.values()])
        organisation = it.ids["organisation"]
        mine = [{"name": "App", "owner_id": id, "organisation_id": organisation} for id in people.values()]
        session.execute(insert(DeveloperApp), mine)
        owner = DeveloperApp.owner_id
        apps = dict(session.execute(select(owner, DeveloperApp.id).where(owner.in_(people.values()))).tuples().all())
        item = {"plan_id": it.ids[plan], "catalogue_id": it.ids["catalogue"]}
        wanted = [first + 2 * number for number in range(IN_A_CART)]
        carts = [{**item, "user_id": id, "product_id": product} for id in people.values() for product in wanted]
        session.execute(insert(CartItem), carts)
        sessions = {mark: secrets.token_urlsafe(32) for mark in marks}
        session.execute(insert(WebSession), [session_row(sessions[mark], people[mark], mark) for mark in marks])
    return [Shopper(people[mark], apps[people[mark]], sessions[mark]) for mark in marks]


def _person(mark: str, organisation: int) -> dict[str, Any]:
    return {
        "email": f"{mark}@bench.example",
        "name": "Shopper",
        "fs_uniquifier": mark,
        "confirmed_at": now(),
        "organisation_id": organisation,
    }
