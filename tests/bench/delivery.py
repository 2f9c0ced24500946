"""P9: how fast the worker drains the outbox, into nothing and into a mail server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, func, insert, select

from portal import events
from portal.app import create_app
from portal.config import load
from portal.db import db, now, transaction
from portal.events import Draft, EventKind, Failed, MessageState, OutboxMessage
from portal.worker import Worker
from tests.bench import measure
from tests.bench.floors import HTML, TEXT
from tests.bench.installations import POSTGRESQL, Installation
from tests.bench.report import Figure, plain
from tests.support.smtp import free_port

ANSWER_AFTER = 0.005  # seconds that the mail server takes for a mail, as one over a network does


class Nowhere:
    """A channel that sends nothing."""

    name = "mail"

    def drafts(self, _kind: EventKind, _subject: Any, _reason: str, *, by: Any = None) -> Iterable[Draft]:
        """No messages."""
        return []

    def deliver(self, messages: Iterable[OutboxMessage]) -> Iterable[tuple[OutboxMessage, Failed | None]]:
        """Say that each went."""
        return ((message, None) for message in messages)

    def forgets(self, _message: OutboxMessage) -> bool:
        """Keep the content."""
        return False


def delivery(it: Installation) -> list[Figure]:
    """The rates on one database."""
    count = int(10_000 * measure.effort.part)
    with it.app.app_context():
        real = events.registered()[0]
        events.register(Nowhere())
        try:
            _fill_outbox(count)
            rate = count / _drain(it)
        finally:
            events.register(real)
    figures = [
        plain(
            "P9",
            "outbox into nothing",
            it.database,
            f"{rate:,.0f} messages a second of CPU",
            "≥ 5,000/s",
            rate >= 5_000,
        )
    ]
    with _mail_server(0) as port:
        one = _mails_a_second(it, port, workers=1, count=count // 4)
    figures.append(plain("P9", "mails by SMTP, one worker", it.database, f"{one:,.0f}/s", "≥ 200/s", one >= 200))
    with _mail_server(ANSWER_AFTER) as port:
        one = _mails_a_second(it, port, workers=1, count=count // 10)
        four = _mails_a_second(it, port, workers=4, count=count // 4)
    goal, met = ("≥ 2.5", four >= 2.5 * one) if it.database == POSTGRESQL else ("", None)
    what = f"four workers against one, a mail server that takes {ANSWER_AFTER * 1000:.0f} ms"
    told = f"{four:,.0f}/s against {one:,.0f}/s"
    return [*figures, plain("P9", what, it.database, told, goal, met, ratio=f"{four / one:.2f}")]


def _fill_outbox(count: int) -> None:
    moment = now()
    with transaction() as session:
        session.execute(delete(OutboxMessage))
        for start in range(0, count, 1_000):
            session.execute(insert(OutboxMessage), [_message(moment) for _ in range(min(1_000, count - start))])
    db.session.remove()


def _message(moment: Any) -> dict[str, Any]:
    identity = uuid.uuid4().hex
    return {
        "dedup": identity,
        "channel": "mail",
        "kind": "approve",
        "recipient": "somebody@bench.example",
        "subject": "Your request was approved",
        "payload": {"text": TEXT, "html": HTML},
        "message_id": f"<{identity}@bench.example>",
        "created_at": moment,
        "due_at": moment,
    }


def _drain(it: Installation) -> float:
    """CPU seconds, of the worker and of the database."""
    worker, meter = Worker(it.app, threading.Event()), measure.Processes(None, it.database_pid)
    before = sum(meter.read())
    while worker.round():
        db.session.remove()
    return sum(meter.read()) - before


def _mails_a_second(it: Installation, port: int, *, workers: int, count: int) -> float:
    with it.app.app_context():
        _fill_outbox(count)
        mail = {"PORTICO_MAIL_SERVER": "127.0.0.1", "PORTICO_MAIL_PORT": str(port)}
        environment = {**os.environ, **it.environment, **mail}
        command = [sys.executable, "-m", "tests.bench.delivery", "worker"]
        running = [
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(workers)
        ]
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
        started = time.perf_counter()
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        for process in running:
            process.wait(120)
        seconds = time.perf_counter() - started
        left = db.session.scalar(
            select(func.count()).select_from(OutboxMessage).where(OutboxMessage.state != MessageState.DONE)
        )
        assert left == 0, f"{left} mails were not sent"
        db.session.remove()
    return count / seconds


@contextmanager
def _mail_server(seconds: float) -> Any:
    """A mail server in a process of its own."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.delivery", "server", str(port), str(seconds)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _serve(port: int, seconds: float) -> None:
    import asyncio

    from aiosmtpd.controller import Controller

    class Sink:
        async def handle_DATA(self, *_: Any) -> str:
            await asyncio.sleep(seconds)
            return "250 Taken"

    Controller(Sink(), hostname="127.0.0.1", port=port, ready_timeout=20).start()
    print("ready", flush=True)  # noqa: T201
    threading.Event().wait()


def _work() -> None:
    app = create_app(load())
    worker = Worker(app, threading.Event(), batch=50)
    with app.app_context():
        events.backlog()
        db.session.remove()
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        while worker.round():
            db.session.remove()


if __name__ == "__main__":
    _serve(int(sys.argv[2]), float(sys.argv[3])) if sys.argv[1] == "server" else _work()
