"""The floors: what the same answer costs at least, written as plainly as possible and served by the same server.

F1 is in ``bench_oauth``. F2 draws our real templates from values held in memory. F3 is a plain loop of SQLAlchemy Core
that inserts and updates the rows of a request and its approval, with the same commit settings, without rooms or web:
request, items, the policy's decision with its facts, stage, assignee, timers and cart; review, credential, grants with
their terms, and for all of it events and messages. Long contents are as long as ours.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, request, template_rendered
from sqlalchemy import Connection, delete, insert, update

from portal.access import (
    AccessRequest,
    CartItem,
    Grant,
    GrantState,
    PolicyDecision,
    RequestItem,
    RequestStatus,
    Review,
    ReviewStage,
    StageAssignee,
    StageState,
    Verdict,
)
from portal.app import create_app
from portal.catalog import AuthMethod
from portal.config import load
from portal.credentials import Credential, CredentialState
from portal.db import db, now, prepare_engine
from portal.events import AuditEvent, EventKind, MessageState, OutboxMessage
from portal.schedule import Timer, TimerState
from tests.bench import bench_oauth

PAGES_NAME, ROWS_NAME = "PORTICO_BENCH_PAGES", "PORTICO_BENCH_ROWS"
LIVE_NAMES = {"request", "session", "g", "config"}


def oauth_floor() -> Flask:
    """F1, and a bare view that answers JSON."""
    app = bench_oauth.floor_app()
    documents = bench_oauth.document_floor_app()
    app.add_url_rule("/document", view_func=documents.view_functions["document"])
    return _with_health(app)


def pages_floor() -> Flask:
    """F2: pages of ours, each drawn once with everything, and from then on by its template alone.

    ``PORTICO_BENCH_PAGES`` names them: lines of name, path and session. What our application does around a view
    (sessions, guards, queries, headers) is taken out; the map of addresses stays, because templates ask for it.
    """
    app = create_app()
    drawn: dict[str, tuple[Any, dict[str, Any]]] = {}

    def page(name: str) -> str:
        template, context = drawn[name]
        return str(template.render({**context, "request": request}))

    app.add_url_rule("/floor/<name>", "floor_page", page)
    for line in os.environ[PAGES_NAME].splitlines():
        name, path, session = line.split(" ")
        drawn[name] = _drawn(app, path, session)
    app.before_request_funcs.clear()
    app.after_request_funcs.clear()
    app.teardown_appcontext_funcs.clear()
    app.teardown_request_funcs.clear()
    app.template_context_processors.clear()
    app.session_interface = Flask("plain").session_interface
    return app


def _drawn(app: Flask, path: str, session: str) -> tuple[Any, dict[str, Any]]:
    """The template of this page, and everything that it was given."""
    taken: list[tuple[Any, dict[str, Any]]] = []

    def take(_app: Flask, template: Any, context: dict[str, Any], **_: Any) -> None:
        context = {name: value for name, value in context.items() if name not in LIVE_NAMES}
        if hasattr(context.get("current_user"), "_get_current_object"):
            context["current_user"] = context["current_user"]._get_current_object()
        taken.append((template, context))
        db.session.expunge_all()  # before the end of the request, which forgets what was read

    client = app.test_client()
    client.set_cookie("portico", session) if session != "-" else None
    with template_rendered.connected_to(take, app), app.app_context():
        answer = client.get(path)
        assert answer.status_code == 200, answer.text[:500]
    return taken[-1]


def rows_floor() -> Flask:
    """A bare view that does F3: everything that submitting a cart on a plan that approves by itself writes."""
    app = Flask("rows")
    settings = load()
    app.config.from_mapping(SQLALCHEMY_DATABASE_URI=settings.database_url)
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
    rows = Rows.from_environment(os.environ[ROWS_NAME])

    @app.post("/submit")
    def submit() -> str:
        with db.engine.connect().execution_options(portico_writer=True) as connection, connection.begin():
            request_id = rows.submit(connection, pending=False)
            rows.approve(connection, request_id, automatic=True)
        return request.form["reason"]

    return _with_health(app)


def _with_health(app: Flask) -> Flask:
    app.add_url_rule("/healthz", view_func=lambda: Response("ok"))
    return app


# As long as what is written for a cart of three: a mail, a stage's set-up, the facts and the terms of each product.
TEXT = "Somebody asked for access, for these reasons and on these terms. " * 11
HTML = "<p>Somebody asked for access, for these reasons and on these terms.</p>\n" * 60
TEMPLATE = {f"setting {number:02d}": "what it says of it" for number in range(15)}
FACTS = [{f"attribute {number:02d}": "a value" for number in range(36)} for _ in range(3)]
MATCHED = [{f"part of a ruling {number}": "what a rule says" for number in range(6)} for _ in range(3)]
TERMS = {f"term {number:02d}": "what was approved" for number in range(16)}
TIMERS = (("remind", 1), ("remind", 2), ("remind", 3), ("remind", 4), ("escalate", 1), ("expire", 1))


def tables() -> dict[str, Any]:
    """Our tables by a short name."""
    return {
        "request": AccessRequest.__table__,
        "item": RequestItem.__table__,
        "stage": ReviewStage.__table__,
        "assignee": StageAssignee.__table__,
        "timer": Timer.__table__,
        "review": Review.__table__,
        "decision": PolicyDecision.__table__,
        "cart": CartItem.__table__,
        "credential": Credential.__table__,
        "grant": Grant.__table__,
        "event": AuditEvent.__table__,
        "message": OutboxMessage.__table__,
    }


@dataclass(frozen=True)
class Rows:
    """F3: the rows of one request for three products, as plain inserts and updates."""

    user: int
    owner: int
    app: int
    plan: int
    first_product: int

    @classmethod
    def from_environment(cls, text: str) -> Rows:
        """The ids of the things to refer to."""
        return cls(*(int(number) for number in text.split(",")))

    def as_environment(self) -> str:
        """The ids, to be passed to a server."""
        return f"{self.user},{self.owner},{self.app},{self.plan},{self.first_product}"

    def submit(self, connection: Connection, *, pending: bool) -> int:
        """The rows of a submitted request; its id."""
        t, moment = tables(), now()
        given = {"batch": uuid.uuid4().hex, "requester_id": self.user, "app_id": self.app, "plan_id": self.plan}
        given |= {"catalogue_name": "General", "auth_method": AuthMethod.OAUTH2, "content_hash": uuid.uuid4().hex * 2}
        given |= {"credential_name": "", "reason": "We need it.", "auto_approved": not pending, "terms": {"plan": "P"}}
        given |= {"status": RequestStatus.PENDING, "submitted_at": moment, "version": 1}
        row = connection.execute(insert(t["request"]).values(given))
        request_id = int(row.inserted_primary_key[0])
        connection.execute(
            insert(t["item"]),
            [
                {"request_id": request_id, "product_id": p, "app_id": self.app, "scopes": ["a", "b"], "is_open": False}
                for p in self.products
            ],
        )
        self._event(connection, request_id)
        connection.execute(
            insert(t["decision"]).values(
                request_id=request_id, revision=1, policy_version="Policy 1", facts=FACTS, outcome="stages",
                stages=["owner"], matched=MATCHED, errors=[], decided_at=moment,
            )
        )  # fmt: skip
        if pending:
            stage = connection.execute(
                insert(t["stage"]).values(
                    request_id=request_id, key="owner", name="Owner", because="It needs it.", position=1,
                    state=StageState.OPEN, opened_at=moment, due_at=moment, comment="", template=TEMPLATE,
                    product_ids=list(self.products),
                )
            )  # fmt: skip
            stage_id = int(stage.inserted_primary_key[0])
            connection.execute(
                insert(t["assignee"]).values(stage_id=stage_id, request_id=request_id, user_id=self.owner, waits=True)
            )
            timer = {"subject_type": "bench", "subject_id": stage_id, "due_at": moment, "state": TimerState.ARMED}
            connection.execute(insert(t["timer"]), [{**timer, "kind": kind, "nth": nth} for kind, nth in TIMERS])
            self._message(connection, self._event(connection, stage_id))
        connection.execute(delete(t["cart"]).where(t["cart"].c.user_id == self.user))
        return request_id

    def approve(self, connection: Connection, request_id: int, *, automatic: bool = False) -> None:
        """The rows of an approval: stage and review, credential, grants, request."""
        t, moment = tables(), now()
        if not automatic:
            self._answer(connection, request_id)
        row = connection.execute(
            insert(t["credential"]).values(
                app_id=self.app, plan_id=self.plan, auth_method=AuthMethod.OAUTH2, name="P",
                client_id=uuid.uuid4().hex, secret_hint="", state=CredentialState.PENDING_REVEAL, created_at=moment, revoked_reason="",
                version=1,
            )
        )  # fmt: skip
        credential_id = int(row.inserted_primary_key[0])
        self._event(connection, credential_id)
        grant = {"request_id": request_id, "app_id": self.app, "plan_id": self.plan, "credential_id": credential_id}
        grant |= {
            "scopes": ["a", "b"],
            "state": GrantState.REVOKED,
            "starts_at": moment,
            "revoked_reason": "",
            "terms": TERMS,
            "terms_hash": uuid.uuid4().hex * 2,
            "version": 1,
        }
        connection.execute(insert(t["grant"]), [{**grant, "product_id": product} for product in self.products])
        connection.execute(insert(t["event"]), [self._event_values(product) for product in self.products])
        t_request, t_item = t["request"], t["item"]
        connection.execute(
            update(t_request)
            .where(t_request.c.id == request_id)
            .values(status=RequestStatus.APPROVED, decided_at=moment, credential_id=credential_id, version=2)
        )
        connection.execute(update(t_item).where(t_item.c.request_id == request_id).values(is_open=False))
        self._message(connection, self._event(connection, request_id))

    def _answer(self, connection: Connection, request_id: int) -> None:
        """The rows of a yes: the stage, whom it waited for, its timers and the review."""
        t, moment = tables(), now()
        stage, assignee, timer = t["stage"], t["assignee"], t["timer"]
        answered = {"state": StageState.APPROVED, "reviewer_id": self.owner, "decided_at": moment}
        change = update(stage).where(stage.c.request_id == request_id).values(answered).returning(stage.c.id)
        mine = connection.execute(change).scalar_one()
        connection.execute(update(assignee).where(assignee.c.stage_id == mine).values(waits=False))
        over = update(timer).where(timer.c.subject_type == "bench", timer.c.subject_id == mine)
        connection.execute(over.values(state=TimerState.CANCELLED))
        connection.execute(
            insert(t["review"]).values(
                stage_id=mine, reviewer_id=self.owner, principal_id=self.owner, verdict=Verdict.APPROVE,
                content_hash=uuid.uuid4().hex * 2, created_at=moment, voided_at=moment,  # one request is answered often
            )
        )  # fmt: skip
        self._event(connection, mine)

    @property
    def products(self) -> range:
        """The products that are asked for."""
        return range(self.first_product, self.first_product + 3)

    def _event(self, connection: Connection, subject_id: int) -> int:
        row = connection.execute(insert(AuditEvent.__table__).values(self._event_values(subject_id)))  # type: ignore[arg-type]
        return int(row.inserted_primary_key[0])

    def _event_values(self, subject_id: int) -> dict[str, Any]:
        return {
            "occurred_at": now(),
            "kind": EventKind.REQUEST_SUBMITTED,
            "actor_id": self.user,
            "actor": "me@bench.example",
            "subject_type": "access_request",
            "subject_id": subject_id,
            "subject": "AR-2026-000001",
            "reason": "We need it.",
            "before": {},
            "after": {"app": "My app", "plan": "P", "products": ["a", "b", "c"]},
            "request_id": "",
            "remote_address": "",
        }

    def _message(self, connection: Connection, event_id: int) -> None:
        identity = uuid.uuid4().hex
        connection.execute(
            insert(OutboxMessage.__table__).values(  # type: ignore[arg-type]
                dedup=identity, channel="mail", kind="approve", recipient="me@bench.example", subject="A subject",
                payload={"text": TEXT, "html": HTML}, message_id=f"<{identity}@bench.example>", event_id=event_id,
                request_id="", state=MessageState.READY, attempts=0, created_at=now(), due_at=now(), last_error="",
            )
        )  # fmt: skip
