"""What operators and machines ask: alive, ready, and how much of what."""

from __future__ import annotations

import os
import time

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal import access, events, policies
from portal.db import db, now
from portal.schema import schema_problem
from portal.web.access import public
from portal.web.errors import problem

bp = Blueprint("operations", __name__)
LOOPBACK = frozenset({"127.0.0.1", "::1"})
PASSED_ON = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")  # by a proxy on this machine
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

requests_answered = Counter("portico_http_requests", "Requests answered.", ["method", "endpoint", "status"])
seconds_taken = Histogram("portico_http_request_seconds", "Time to answer, in seconds.", ["endpoint"])


class OutboxCollector(Collector):
    """Reads the outbox when it is asked, so that every process tells the same."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Messages waiting, messages dead, the age of the oldest that waits, and requests that are stuck."""
        waiting, dead, oldest = events.backlog()
        age = (now() - oldest).total_seconds() if oldest else 0.0
        stuck = access.count_alarms()
        return [
            GaugeMetricFamily("portico_outbox_waiting", "Messages waiting to be delivered.", waiting),
            GaugeMetricFamily("portico_requests_stuck", "Open requests that nobody can bring to an end.", stuck),
            GaugeMetricFamily("portico_outbox_dead", "Messages set aside after failing.", dead),
            GaugeMetricFamily("portico_outbox_oldest_seconds", "Age of the oldest waiting message, in seconds.", age),
        ]


class RulesCollector(Collector):
    """Tells how often the policy in force approves at once, in all and by rule (C146)."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Requests that it judged lately, and those of them that were approved at once; the rule is empty for all."""
        judged = GaugeMetricFamily("portico_policy_requests", "Requests judged in 90 days.", labels=["rule"])
        at_once = GaugeMetricFamily("portico_policy_requests_at_once", "Those approved at once.", labels=["rule"])
        version = policies.active_version()
        if version is not None:
            use = access.use_of_rules(version)
            for rule, share in {"": use.whole, **use.by_rule}.items():
                judged.add_metric([rule], share.requests)
                at_once.add_metric([rule], share.at_once)
        return [judged, at_once]


@bp.get("/healthz")
@public
def alive() -> Response:
    """Whether this process answers."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
@public
def ready() -> Response:
    """Whether the database can be reached and has the schema that this code knows."""
    try:
        db.session.execute(text("select 1"))
        problem_found = schema_problem()
    except SQLAlchemyError:
        return problem(503, "The database cannot be reached.")
    if problem_found:
        return problem(503, problem_found)
    return Response("ready\n", mimetype="text/plain")


@bp.get("/metrics")
@public
def metrics() -> Response:
    """Prometheus text, for callers on this machine that come by no proxy; for others only where the settings say so."""
    from_here = request.remote_addr in LOOPBACK and not any(name in request.headers for name in PASSED_ON)
    if not (from_here or current_app.config["PORTICO"].metrics_public):
        abort(404)
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    stored = CollectorRegistry()
    stored.register(OutboxCollector())
    stored.register(RulesCollector())
    return Response(generate_latest(registry) + generate_latest(stored), content_type=CONTENT_TYPE_LATEST)


def count_requests(app: Flask) -> None:
    """Count and time every answer by its view, never by its path (paths hold ids)."""
    app.before_request(start_clock)
    app.after_request(count_answer)


def start_clock() -> None:
    """Note when the request came."""
    g.started = time.perf_counter()


def count_answer(answer: Response) -> Response:
    """Count one answer, and how long it took."""
    endpoint = request.endpoint or "none"
    method = request.method if request.method in METHODS else "other"  # or strangers' inventions would fill the memory
    requests_answered.labels(method, endpoint, answer.status_code).inc()
    seconds_taken.labels(endpoint).observe(time.perf_counter() - g.get("started", time.perf_counter()))
    return answer
