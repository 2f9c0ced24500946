"""P1 and P2: the token endpoint, introspection, keys and metadata, against bare Flask views that do the same in memory.

Everything is called as WSGI in one process, so that neither a server nor a load generator stands in the figures: what
is measured is the CPU time of a request, and the ratio is stricter than one of requests a second over a socket.
Run it by itself with ``python -m tests.bench.bench_oauth [URL of an empty PostgreSQL database]``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, request
from flask_migrate import upgrade
from joserfc import jwt
from joserfc.jwk import ECKey
from sqlalchemy import Table, insert, select, text
from werkzeug.test import EnvironBuilder

from portal import credentials
from portal.access import Grant, GrantState
from portal.app import create_app
from portal.config import load
from portal.credentials import Credential
from portal.db import db, now, transaction

CLIENT_ID, SECRET = "pci_0000000000000000floor", "pcs_" + "0" * 49
ROUNDS, TIMES = 7, 400
Call = Callable[[], None]


def floor_app() -> Flask:
    """F1: parse the form, compare a SHA-256 against a dict, sign ES256 with a loaded key, answer JSON. Nothing else."""
    app, key = Flask("floor"), ECKey.generate_key("P-256")
    known = {CLIENT_ID: hashlib.sha256(SECRET.encode()).hexdigest()}

    @app.post("/oauth/token")
    def token() -> Any:
        form = request.form
        given = hashlib.sha256(form["client_secret"].encode()).hexdigest()
        if not hmac.compare_digest(given, known.get(form["client_id"], "")):
            return jsonify(error="invalid_client"), 401
        issued_at = int(time.time())
        claims = {
            "iss": "http://localhost",
            "sub": form["client_id"],
            "aud": ["urn:portico:api:product"],
            "client_id": form["client_id"],
            "iat": issued_at,
            "exp": issued_at + 3600,
            "jti": secrets.token_urlsafe(16),
            "scope": "product:read product:write",
        }
        header = {"typ": "at+jwt", "alg": "ES256", "kid": "floor"}
        signed = jwt.encode(header, claims, key, algorithms=["ES256"])
        return jsonify(access_token=signed, token_type="Bearer", expires_in=3600)

    return app


def document_floor_app() -> Flask:
    """A bare Flask view that answers JSON: the floor of keys and metadata."""
    app = Flask("document floor")

    @app.get("/document")
    def document() -> Response:
        return jsonify(issuer="http://localhost", token_endpoint="http://localhost/oauth/token", keys=[1, 2, 3])

    return app


@contextmanager
def installation(database_url: str = "") -> Iterator[Flask]:
    """An application on an empty database with one approved and revealed credential: ``app.config["BENCH_CLIENT"]``."""
    from tests.support.builders import make_plan, make_product, make_request, make_user

    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            testing=True,
            database_url=database_url or f"sqlite:///{folder}/bench.sqlite3",
            secret_key="b" * 48,
            instance_dir=Path(folder),
            base_url="http://localhost",
        )
        app = create_app(settings)
        with app.app_context():
            upgrade()
            owner, plan = make_user(), make_plan(auto_approve=True)
            access_request = make_request(owner, make_product(plans=[plan]), plan=plan)
            assert access_request.credential is not None
            with transaction():
                revealed = credentials.reveal(access_request.credential, by=owner)
            app.config["BENCH_CLIENT"] = (revealed.client_id, revealed.secret)
            db.session.remove()
        yield app
        with app.app_context():
            db.engine.dispose()


def add_credentials(app: Flask, count: int) -> None:
    """Put so many more credentials, each with its grant, beside the one that is asked for."""
    with app.app_context():
        with transaction():
            _copies(Credential, count, client_id=lambda number: f"pci_copy{number}")
            copies = select(Credential.id).where(Credential.client_id.startswith("pci_copy"))
            _copies(Grant, 0, credential_id=list(db.session.scalars(copies)), state=GrantState.REVOKED)
        with db.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("analyze"))
        db.session.remove()


def _copies(model: Any, count: int, **changes: Any) -> None:
    table: Table = model.__table__
    (pattern,) = db.session.execute(select(table).limit(1)).mappings().all()
    row = {name: value for name, value in pattern.items() if name != "id"}
    total = next((len(value) for value in changes.values() if isinstance(value, list)), count)
    rows = [{**row, **{name: _value(value, number) for name, value in changes.items()}} for number in range(total)]
    for start in range(0, len(rows), 5000):
        db.session.execute(insert(table), rows[start : start + 5000])


def _value(value: Any, number: int) -> Any:
    if isinstance(value, list):
        return value[number]
    return value(number) if callable(value) else value


def token_call(app: Flask, client: tuple[str, str] = (CLIENT_ID, SECRET), *, in_body: bool = True) -> Call:
    """One request for a token."""
    fields = {"grant_type": "client_credentials"}
    if in_body:
        return posted(app, "/oauth/token", {**fields, "client_id": client[0], "client_secret": client[1]})
    return posted(app, "/oauth/token", fields, client)


def introspection_call(app: Flask, client: tuple[str, str]) -> Call:
    """One introspection of a token that is good."""
    token = app.test_client().post("/oauth/token", data={"grant_type": "client_credentials"}, auth=client)
    assert token.json is not None
    return posted(app, "/oauth/introspect", {"token": token.json["access_token"]}, client)


def posted(app: Flask, path: str, fields: dict[str, str], client: tuple[str, str] | None = None) -> Call:
    """One post of a form, as WSGI."""
    headers = {}
    if client is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(client).encode()).decode()
    return _call(app, path, "POST", urlencode(fields).encode(), headers)


def got(app: Flask, path: str) -> Call:
    """One GET, as WSGI."""
    return _call(app, path, "GET", b"", {})


def _call(app: Flask, path: str, method: str, body: bytes, headers: dict[str, str]) -> Call:
    content_type = "application/x-www-form-urlencoded" if body else None
    builder = EnvironBuilder(path=path, method=method, data=body, content_type=content_type, headers=headers)
    pattern = builder.get_environ()
    builder.close()

    def call() -> None:
        statuses: list[str] = []
        environ = {**pattern, "wsgi.input": io.BytesIO(body)}
        answer: Any = app(environ, lambda status, _headers, _info=None: statuses.append(status))  # type: ignore[arg-type,func-returns-value]
        b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if not statuses[0].startswith("200"):
            raise RuntimeError(f"{method} {path}: {statuses[0]}")

    return call


def alternating(*calls: Call, rounds: int = ROUNDS, times: int = TIMES) -> list[float]:
    """The median CPU microseconds of each call; they take turns, so that a busy machine is unfair to all alike."""
    measured: list[list[float]] = [[] for _ in calls]
    for call in calls:
        _microseconds(call, times // 4)
    for _ in range(rounds):
        for results, call in zip(measured, calls, strict=True):
            results.append(_microseconds(call, times))
    return [statistics.median(results) for results in measured]


def _microseconds(call: Call, times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - started) / times * 1e6


def measure(database_url: str = "", *, many: int = 100_000) -> list[tuple[str, float, float]]:
    """Rows of (figure, our microseconds, the floor's microseconds) on SQLite, or on the database that is named."""
    floor, document_floor = floor_app(), document_floor_app()
    rows = []
    with installation(database_url) as app:
        client = app.config["BENCH_CLIENT"]
        add_credentials(app, 100)
        calls = [
            token_call(app, client),
            introspection_call(app, client),
            token_call(floor),
            got(app, "/oauth/jwks.json"),
            got(app, "/.well-known/oauth-authorization-server"),
            got(document_floor, "/document"),
        ]
        few, introspection, base, keys, metadata, document = alternating(*calls)
        rows += [("token", few, base), ("introspection", introspection, base)]
        rows += [("keys", keys, document), ("metadata", metadata, document)]
        add_credentials_again(app, many)
        crowded, base = alternating(calls[0], calls[2])
        rows.append((f"token, {many:,} credentials", crowded, base))
    return rows


def add_credentials_again(app: Flask, count: int) -> None:
    """More credentials than there are, after the first lot."""
    with app.app_context(), transaction():
        _copies(Credential, count, client_id=lambda number: f"pci_more{number}")
    with app.app_context():
        db.session.remove()


def main() -> None:
    """Print the figures of one database."""
    print(f"{now():%Y-%m-%d %H:%M} UTC, CPU microseconds a request, in one process")
    for figure, ours, floor in measure(sys.argv[1] if len(sys.argv) > 1 else ""):
        print(f"{figure:<32}{ours:>8.0f}{floor:>8.0f}   ratio {floor / ours:.2f}")


if __name__ == "__main__":
    main()
