"""Filling the databases to measure on: a few things by the rooms' own functions, the many by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask_migrate import upgrade
from sqlalchemy import Connection, insert, text

from portal import credentials
from portal.accounts import RoleName, User
from portal.app import create_app
from portal.catalog import ApiProduct, Catalogue, ProductState, search
from portal.catalog.models import catalogue_product, product_owner
from portal.config import load
from portal.db import db, now, transaction
from tests.bench.installations import POSTGRESQL, SECRET_KEY, SQLITE, Installation, Sizes, sign_in
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.postgres import fresh_database


@contextmanager
def installed(database: str, name: str, sizes: Sizes, folder: Path) -> Iterator[Installation]:
    """A filled installation."""
    home = folder / f"{database}-{name}"
    home.mkdir()
    sqlite = f"sqlite:///{home / 'bench.sqlite3'}"
    url = sqlite if database == SQLITE else fresh_database(f"portico_bench_{name}")
    settings = load(
        database_url=url, secret_key=SECRET_KEY, instance_dir=home, base_url="http://127.0.0.1", log_level="ERROR"
    )
    it = Installation(database, settings, create_app(settings), sizes)
    with it.app.app_context():
        upgrade()
        fill(it)
        db.session.remove()
    yield it
    with it.app.app_context():
        db.session.remove()
        db.engine.dispose()


def fill(it: Installation) -> None:
    """Put everything in: a few things by the rooms' own functions, the many by SQL."""
    people = {
        "consumer": make_user(email="me@bench.example"),
        "owner": make_user(RoleName.API_OWNER, email="owner@bench.example"),
        "other": make_user(RoleName.API_OWNER, email="other@bench.example"),
        "auditor": make_user(RoleName.AUDITOR, email="auditor@bench.example"),
    }
    plan, auto = make_plan("By hand"), make_plan("At once", auto_approve=True)
    product = make_product("Aaa first", plans=[plan, auto], owners=[people["owner"]])
    app = make_app(people["consumer"], "My app")
    it.client = _client(people["consumer"], product, auto)
    it.ids = {
        **{name: person.id for name, person in people.items()},
        "plan": plan.id,
        "auto": auto.id,
        "app": app.id,
        "organisation": people["consumer"].organisation_id,
    }
    it.sessions = {name: sign_in(person) for name, person in people.items()}
    _fill_products(it)
    _fill_requests(it)
    db.session.remove()
    if it.database == POSTGRESQL:  # as its own autovacuum would; SQLite is left as it is after such a load
        with db.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("vacuum analyze"))


def _client(person: User, product: ApiProduct, plan: Any) -> tuple[str, str]:
    credential = make_request(person, product, plan=plan, app=make_app(person, "Client")).credential
    assert credential is not None
    with transaction():
        revealed = credentials.reveal(credential, by=person)
    return revealed.client_id, revealed.secret


# --- products --------------------------------------------------------------------------------------------------------

FIRST = (
    "Parcel",
    "Ledger",
    "Weather",
    "Library",
    "Harbour",
    "Meter",
    "Invoice",
    "Clinic",
    "Tariff",
    "Depot",
    "Orchard",
)
SECOND = (
    "Tracking",
    "Reports",
    "Directory",
    "Booking",
    "Alerts",
    "Exchange",
    "Archive",
    "Pricing",
    "Identity",
    "Routing",
)
THIRD = ("Core", "Public", "Partner", "Regional", "Live", "Batch", "Mobile")
RARE = "quillwort"


def product_row(number: int) -> dict[str, Any]:
    """One product: its name is made of a few words, so that words are common in a large catalogue."""
    name = f"{FIRST[number % len(FIRST)]} {SECOND[number // 11 % len(SECOND)]} {THIRD[number // 110 % len(THIRD)]} {number}"
    rare = f" Knows every {RARE}." if number % 20_000 == 7 else ""
    return {
        "slug": f"bench-{number}",
        "name": name,
        "sort_name": name.casefold(),
        "summary": f"What {name} has to say, for programs.{rare}",
        "description": f"# {name}\n\nAnswers questions about {name.lower()}.\n\n- quick\n- exact\n\nCall `GET /things`.",
        "category": f"Category {number % 40:02d}",
        "tags": [f"tag{number % 200}", "bench"],
        "scopes": [{"name": f"bench{number}:read", "description": "Read"}],
        "base_url": "https://api.bench.example/v1",
        "auth_method": "oauth2_client_credentials",
        "state": ProductState.PUBLISHED,
        "featured": number < 6,
        "version": 1,
        "created_at": now(),
        "updated_at": now(),
    }


def _fill_products(it: Installation) -> None:
    shelf = db.session.query(Catalogue.id).filter_by(slug="general").scalar()
    first = (db.session.query(ApiProduct.id).order_by(ApiProduct.id.desc()).limit(1).scalar() or 0) + 1
    it.ids |= {"first_product": first, "catalogue": shelf}
    write = (search._WRITE_SQLITE if it.database == SQLITE else search._WRITE_POSTGRESQL)[-1]
    with fast_loading(it) as connection:
        for start in range(0, it.sizes.products, 5_000):
            numbers = range(start, min(start + 5_000, it.sizes.products))
            rows = [{"id": first + number, **product_row(number)} for number in numbers]
            connection.execute(insert(ApiProduct.__table__), rows)  # type: ignore[arg-type]
            connection.execute(
                insert(catalogue_product), [{"catalogue_id": shelf, "product_id": row["id"]} for row in rows]
            )
            owned = [{"product_id": row["id"], "user_id": it.ids["owner"]} for row in rows if row["id"] % 2]
            connection.execute(insert(product_owner), owned)
            connection.execute(write, [{"id": row["id"], **search._prepared(ApiProduct(**row), [])} for row in rows])


@contextmanager
def fast_loading(it: Installation) -> Iterator[Connection]:
    """A connection that checks no references, and asks the disk for nothing, while much is loaded."""
    db.session.remove()
    with db.engine.connect().execution_options(portico_writer=True) as connection:
        if it.database == SQLITE:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("pragma foreign_keys = off")
            raw.execute("pragma synchronous = off")
        with connection.begin():
            if it.database == POSTGRESQL:
                connection.execute(text("set local session_replication_role = replica"))
            yield connection
        if it.database == SQLITE:
            raw.execute("pragma foreign_keys = on")
            raw.execute("pragma synchronous = normal")


# --- requests, events, credentials -----------------------------------------------------------------------------------

CONSUMERS = 500
PAGE = 50  # requests that the queue shows at once


def _fill_requests(it: Installation) -> None:
    with fast_loading(it) as connection:
        run = _Filler(it, connection)
        run.people_and_apps()
        run.requests("pending", it.sizes.pending, requester="{u0} + i % {people}", app="{a0} + i % {people}")
        run.requests("approved", it.sizes.decided, requester="{u0} + i % {people}", app="{a0} + i % {people}")
        run.requests("rejected", it.sizes.own, requester="{me}", app="{my_app}")
        run.events()
        run.credentials()
        run.set_sequences()


class _Filler:
    """Writes many rows by one statement each, in SQL that both databases read."""

    def __init__(self, it: Installation, connection: Connection) -> None:
        self.it, self.connection = it, connection
        self.next = {
            t: self._next(t)
            for t in (
                "access_request",
                "access_request_item",
                "review_stage",
                "portal_user",
                "developer_app",
                "credential",
            )
        }
        self.names: dict[str, Any] = {
            "people": CONSUMERS,
            "u0": self.next["portal_user"],
            "a0": self.next["developer_app"],
            "me": it.ids["consumer"],
            "my_app": it.ids["app"],
            "owner": it.ids["owner"],
            "other": it.ids["other"],
            "plan": it.ids["plan"],
            "organisation": it.ids["organisation"],
            "p0": it.ids["first_product"],
            "products": it.sizes.products,
            "t": "'2026-03-01 09:00:00.000000'" if it.database == SQLITE else "timestamptz '2026-03-01 09:00:00+00'",
            "j": "'[]'" if it.database == SQLITE else "'[]'::json",
            "o": "'{}'" if it.database == SQLITE else "'{}'::json",
        }

    def people_and_apps(self) -> None:
        """Consumers with an app each."""
        self.fill(
            CONSUMERS,
            "insert into portal_user (id, email, name, active, fs_uniquifier, confirmed_at, created_at, organisation_id) "
            "select {u0} + i, 'consumer' || i || '@bench.example', 'Consumer ' || i, true, 'bench' || i, {t}, {t}, "
            "{organisation}",
        )
        self.fill(
            CONSUMERS,
            "insert into user_role (user_id, role_id) select {u0} + i, (select id from role where name = 'consumer')",
        )
        self.fill(
            CONSUMERS,
            "insert into developer_app (id, name, description, redirect_urls, visibility, owner_id, organisation_id, "
            "version, created_at) select {a0} + i, 'App ' || i, '', {j}, 'personal', {u0} + i, {organisation}, 1, {t}",
        )

    def requests(self, status: str, count: int, *, requester: str, app: str) -> None:
        """Requests with an item and a stage each. The owner was asked for every pending one and half of the others."""
        first, item, stage = (self.next[t] for t in ("access_request", "access_request_item", "review_stage"))
        pending = status == "pending"
        names = {"r0": first, "s0": stage, "n0": item, "requester": requester, "app": app, "status": status}
        names |= {"pending": str(pending).lower(), "stage": "open" if pending else status}
        names["decided"] = "null" if pending else "{t}"
        names["product"] = "{p0} + (i / {people}) % {products}" if pending else "{p0} + i % {products}"
        names["asked"] = "{owner}" if pending else "case when i % 2 = 0 then {owner} else {other} end"
        self.fill(
            count,
            "insert into access_request (id, batch, requester_id, app_id, plan_id, catalogue_name, auth_method, "
            "credential_name, reason, status, auto_approved, terms, content_hash, submitted_at, decided_at, version) "
            "select {r0} + i, 'batch' || ({r0} + i), {requester}, {app}, {plan}, 'General', 'oauth2_client_credentials', "
            "'', 'We need it.', '{status}', false, {o}, 'hash', {t}, {decided}, 1",
            **names,
        )
        self.fill(
            count,
            "insert into access_request_item (id, request_id, product_id, app_id, scopes, is_open) "
            "select {n0} + i, {r0} + i, {product}, {app}, {j}, {pending}",
            **names,
        )
        self.fill(
            count,
            "insert into review_stage (id, request_id, key, name, because, position, state, opened_at, decided_at, "
            "comment) select {s0} + i, {r0} + i, 'owner', 'Owner', 'It needs it.', 1, '{stage}', {t}, {decided}, ''",
            **names,
        )
        self.fill(
            count,
            "insert into stage_assignee (stage_id, request_id, user_id, via, waits) "
            "select {s0} + i, {r0} + i, {asked}, 'role:api_owner', {pending}",
            **names,
        )
        if pending:  # as many as fill a page wait for somebody else too, evenly among all
            self.fill(
                PAGE,
                "insert into stage_assignee (stage_id, request_id, user_id, via, waits) "
                "select {s0} + i * {step}, {r0} + i * {step}, {other}, 'role:api_owner', true",
                **{**names, "step": max(1, count // PAGE)},
            )
        for table in ("access_request", "access_request_item", "review_stage"):
            self.next[table] += count

    def events(self) -> None:
        """The record of all that."""
        self.fill(
            self.it.sizes.events,
            "insert into audit_event (occurred_at, kind, actor_id, actor, subject_type, subject_id, subject, reason, "
            "before, after, request_id, remote_address) select {t}, case i % 3 when 0 then 'request.submitted' when 1 "
            "then 'request.stage_opened' else 'request.approved' end, {u0} + i % {people}, 'consumer' || (i % {people}) || "
            "'@bench.example', 'access_request', 1 + i / 4, 'AR-2026-' || (1 + i / 4), '', {o}, {o}, '', ''",
        )

    def credentials(self) -> None:
        """Credentials with a grant each."""
        names = {"c0": self.next["credential"], "app": "{a0} + i / {products}", "r0": self.next["access_request"] - 1}
        self.fill(
            self.it.sizes.credentials,
            "insert into credential (id, app_id, plan_id, auth_method, name, client_id, secret_hash, secret_hint, state, "
            "created_at, revoked_reason, version) select {c0} + i, {app}, {plan}, 'oauth2_client_credentials', 'Bench', "
            "'pci_bench' || i, 'no hash', '', 'active', {t}, '', 1",
            **names,
        )
        self.fill(
            self.it.sizes.credentials,
            "insert into access_grant (request_id, app_id, product_id, plan_id, credential_id, scopes, state, starts_at, "
            "revoked_reason, version) select {r0}, {app}, {p0} + i % {products}, {plan}, {c0} + i, {j}, 'active', {t}, "
            "'', 1",
            **names,
        )

    def fill(self, count: int, statement: str, **names: Any) -> None:
        """Run an insert for each i from 0 to count - 1."""
        names = {**self.names, **names}
        for _ in range(3):  # names stand in names
            for name, value in names.items():
                statement = statement.replace(f"{{{name}}}", str(value))
        if self.it.database == SQLITE:
            series = (
                f"with recursive n(i) as (select 0 union all select i + 1 from n where i < {count - 1}) select i from n"
            )
        else:
            series = f"select generate_series(0, {count - 1}) as i"
        whole = f"{statement} from ({series}) as numbers"
        self.connection.exec_driver_sql(whole if self.it.database == SQLITE else whole.replace("%", "%%"))

    def set_sequences(self) -> None:
        """Let PostgreSQL go on counting where the rows end."""
        if self.it.database == SQLITE:
            return
        for table in (*self.next, "api_product"):
            self.connection.exec_driver_sql(
                f"select setval(pg_get_serial_sequence('{table}', 'id'), (select max(id) from {table}))"
            )

    def _next(self, table: str) -> int:
        return int(self.connection.exec_driver_sql(f"select coalesce(max(id), 0) + 1 from {table}").scalar_one())
