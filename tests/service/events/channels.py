"""A channel that notes what it is given, workers in threads, and messages for them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from portal import events
from portal.db import db, transaction
from portal.events import Channel, Draft, MessageState, OutboxMessage
from portal.worker import Worker


class Recorder:
    """A channel that notes what it is given, from all threads, and answers as told."""

    name = "mail"

    def __init__(self, answer=lambda message: None, *, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.delivered: list[str] = []

    def drafts(self, kind, subject, reason, *, by=None):
        return []

    def deliver(self, messages):
        for message in messages:
            if self.seconds:
                time.sleep(self.seconds)
            self.delivered.append(message.message_id)
            yield message, self.answer(message)

    def forgets(self, message) -> bool:
        return False


@contextmanager
def channel(replacement: Channel) -> Iterator[None]:
    before = events.channel_named("mail")
    assert before is not None
    events.register(replacement)
    try:
        yield
    finally:
        events.register(before)


def make_messages(count: int) -> list[int]:
    with transaction():
        made = [
            events.enqueue(
                "mail", Draft(f"p{n}@acme.example", "approve", f"Subject {n}", {"text": f"{n}\n", "html": ""})
            )
            for n in range(count)
        ]
        db.session.flush()
        return [message.id for message in made]


def states() -> Counter[MessageState]:
    db.session.rollback()
    return Counter(message.state for message in db.session.query(OutboxMessage).populate_existing())


def all_done(count: int) -> bool:
    return states()[MessageState.DONE] == count


@contextmanager
def working_threads(app: Flask, count: int = 1, **kwargs) -> Iterator[list[Worker]]:
    stop = threading.Event()
    workers = [Worker(app, stop, **kwargs) for _ in range(count)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


def one_round(app: Flask, stop: threading.Event | None = None) -> Worker:
    db.session.rollback()
    worker = Worker(app, stop or threading.Event())
    with app.app_context():
        worker.round()
    return worker
