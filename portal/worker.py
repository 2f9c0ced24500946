"""The delivery worker: claims what waits in the outbox, has it delivered, and says what became of it.

Each step is a short transaction of its own, and no network call happens inside one. Several workers may run at once:
leases keep them apart. Whatever a message or a library does, the others go on (X14); whatever the database does, the
worker waits and tries again. During an outage of a channel its messages stay as they are, in their order, and the
worker asks again after a while: never more than a minute.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from flask import Flask
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from portal import access, accounts, credentials, events
from portal.accounts import ACCOUNT_MAIL
from portal.config import Settings
from portal.db import transaction
from portal.events import Channel, EventKind, Failed, OutboxMessage
from portal.timekeeper import run_beside

BATCH = 250
IDLE_SECONDS = 0.5
TAKE_WITHIN_SECONDS = 60.0  # of the lease; what is not begun by then goes back, so that nobody else sends it too
TELL_EVERY_SECONDS = 1.0
STORE_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 8.0
HOUSEKEEPING_EVERY_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
SIGNING_KEY_PUBLISHED_FOR = timedelta(hours=24)
ACCOUNT_LINKS_LAST = timedelta(days=2)
Result = tuple[OutboxMessage, Failed]
log = structlog.get_logger(__name__)


@dataclass
class Pause:
    """How long a channel is left alone after an outage: longer each time, and never at the same moment as others."""

    until: float = 0.0
    count: int = 0

    def longer(self) -> None:
        """The way is still down."""
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self.count, 10))
        self.count += 1
        self.until = time.monotonic() + random.uniform(longest / 2, longest)  # noqa: S311  spreading load

    def over(self) -> None:
        """Something went through."""
        self.until, self.count = 0.0, 0


@dataclass
class Batch:
    """The messages of one claim and what is known of them so far."""

    messages: Sequence[OutboxMessage]
    may_go_on: Callable[[], bool]
    tried: dict[int, OutboxMessage] = field(default_factory=dict)
    told: set[int] = field(default_factory=set)

    def taken(self) -> Iterator[OutboxMessage]:
        """The messages one by one, as long as there is time: whoever takes one means to send it now."""
        for message in self.messages:
            if not self.may_go_on():
                return
            self.tried[message.id] = message
            yield message

    @property
    def untried(self) -> list[int]:
        """The messages that nobody came to."""
        return [message.id for message in self.messages if message.id not in self.tried]

    @property
    def unanswered(self) -> list[int]:
        """The messages that were taken, and of which nothing more was heard."""
        return [message_id for message_id in self.tried if message_id not in self.told]


class Worker:
    """One worker with its own name, under which it holds its leases."""

    def __init__(self, app: Flask, stop: threading.Event, *, batch: int = BATCH) -> None:
        self.app = app
        self.stop = stop
        self.batch = batch
        self.name = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.pauses: dict[str, Pause] = {}
        self.housekeeping_at = 0.0

    def work(self) -> None:
        """Deliver and tidy up until told to stop."""
        trouble = Pause()
        while not self.stop.is_set():
            try:
                with self.app.app_context():
                    busy = self.round()
                    self._tidy_up_at_times()
            except (OperationalError, ProgrammingError) as error:  # away or without tables, which may last: a line each
                log.error("database_unusable", reason=_first_line(error))
                self._rest(trouble)
            except Exception:
                log.exception("worker_round_failed")
                self._rest(trouble)
            else:
                trouble.over()
                if not busy:
                    self.stop.wait(IDLE_SECONDS)

    def _rest(self, trouble: Pause) -> None:
        trouble.longer()
        self.stop.wait(max(0.0, trouble.until - time.monotonic()))

    def round(self) -> int:
        """Claim one batch and deliver it; says how many messages it held."""
        channels = [c for c in events.registered() if self._pause(c.name).until <= time.monotonic()]
        claimed: Sequence[OutboxMessage] = []
        for channel in channels:
            with transaction():
                claimed = events.claim(self.name, channels=[channel.name], size=self.batch)
            if claimed:
                self._deliver(channel, claimed)
                return len(claimed)
        return 0

    def give_back(self) -> None:
        """Give back every lease, so that another worker need not wait for them to run out."""
        with self.app.app_context(), transaction():
            events.forget_leases(self.name)

    def _deliver(self, channel: Channel, messages: Sequence[OutboxMessage]) -> None:
        deadline = time.monotonic() + TAKE_WITHIN_SECONDS
        batch = Batch(messages, lambda: time.monotonic() < deadline and not self.stop.is_set())
        results: list[tuple[OutboxMessage, Failed | None]] = []
        tell_at = time.monotonic() + TELL_EVERY_SECONDS
        try:
            for message, failed in channel.deliver(batch.taken()):
                batch.told.add(message.id)
                results.append((message, failed))
                if time.monotonic() >= tell_at:
                    self._tell(channel, results)
                    results, tell_at = [], time.monotonic() + TELL_EVERY_SECONDS
        except Exception as error:
            log.exception("channel_failed", channel=channel.name)
            broken = Failed(f"The channel failed: {type(error).__name__}: {error}"[:1000])
            results += [(batch.tried[message_id], broken) for message_id in batch.unanswered]
            batch.told.update(batch.tried)
        self._tell(channel, results)
        self._return(batch)

    def _tell(self, channel: Channel, results: Sequence[tuple[OutboxMessage, Failed | None]]) -> None:
        """Store what became of messages; those that went in one statement."""
        went = [message for message, failed in results if failed is None]
        down = [(message, failed) for message, failed in results if failed is not None and failed.outage]
        refused = [(message, failed) for message, failed in results if failed is not None and not failed.outage]
        self._store(channel, went, down, refused)
        self._note(channel, len(went), down, refused)

    def _store(
        self, channel: Channel, went: Sequence[OutboxMessage], down: Sequence[Result], refused: Sequence[Result]
    ) -> None:
        """Keep trying while the database is away: what was sent and is not noted would be sent again."""
        give_up = time.monotonic() + STORE_WITHIN_SECONDS
        while True:
            try:
                self._store_once(channel, went, down, refused)
            except Exception:
                if time.monotonic() > give_up or self.stop.is_set():
                    raise
                log.exception("results_not_stored")
                time.sleep(1.0)
            else:
                return

    def _store_once(
        self, channel: Channel, went: Sequence[OutboxMessage], down: Sequence[Result], refused: Sequence[Result]
    ) -> None:
        with transaction():
            if went:
                forget = [message.id for message in went if channel.forgets(message)]
                events.complete([message.id for message in went], worker=self.name, forget=forget)
            if down:
                events.put_back([message.id for message, _ in down], worker=self.name, reason=down[0][1].reason)
            for message, failed in refused:
                events.fail(message.id, failed, worker=self.name)

    def _note(self, channel: Channel, went: int, down: Sequence[Result], refused: Sequence[Result]) -> None:
        if down:
            self._pause(channel.name).longer()
            log.warning("channel_down", channel=channel.name, waiting=len(down), reason=down[0][1].reason)
        elif went:
            self._pause(channel.name).over()
        for message, failed in refused:
            log.warning(
                "delivery_failed",
                message_id=message.message_id,
                request_id=message.request_id,
                permanent=failed.permanent,
                reason=failed.reason,
            )
        if went:
            log.info("delivered", channel=channel.name, count=went)

    def _return(self, batch: Batch) -> None:
        left = batch.untried + batch.unanswered
        if left:
            with transaction():
                events.release(left, worker=self.name)

    def _pause(self, channel: str) -> Pause:
        return self.pauses.setdefault(channel, Pause())

    def _tidy_up_at_times(self) -> None:
        if time.monotonic() < self.housekeeping_at:
            return
        self.housekeeping_at = time.monotonic() + HOUSEKEEPING_EVERY_SECONDS
        tidy_up(self.app.config["PORTICO"])
        self._beat()

    def _beat(self) -> None:
        """Say that this worker lives: a line in the log, and a file whose age a supervisor can watch."""
        waiting, dead, _ = events.backlog()
        log.info("worker_alive", worker=self.name, waiting=waiting, dead=dead)
        try:
            (self.app.config["PORTICO"].instance_dir / "worker.alive").touch()
        except OSError as error:
            log.warning("heartbeat_not_written", error=str(error))


def run(app: Flask, stop: threading.Event) -> None:
    """Work until told to stop, then give back what is not done. What hangs in the network is not waited for long."""
    worker = Worker(app, stop)
    thread = threading.Thread(target=worker.work, name="portico-worker", daemon=True)
    thread.start()
    timekeeper = run_beside(app, stop)
    log.info("worker_started", worker=worker.name)
    while thread.is_alive() and not stop.is_set():
        time.sleep(0.2)  # and no waiting on the event: a signal's handler that sets it could wait for this very thread
    stop.set()
    thread.join(STOP_WITHIN_SECONDS)
    timekeeper.join(1.0)  # what it had begun and not ended is undone
    try:
        worker.give_back()
    except (OperationalError, ProgrammingError) as error:
        log.error("leases_not_given_back", reason=_first_line(error))  # they run out by themselves
    except Exception:
        log.exception("leases_not_given_back")
    log.info("worker_stopped", worker=worker.name)


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0][:300]


def rotate_signing_keys(settings: Settings) -> None:
    """Make a new signing key when PORTICO_SIGNING_KEY_DAYS have passed since the last; it signs a day later."""
    if not settings.signing_key_days or settings.signing_key:
        return
    file = credentials.key_file(
        file=settings.signing_key_file,
        folder=settings.instance_dir,
        sealer=credentials.sealer_for(settings.encryption_key),
        algorithm=settings.signing_algorithm,
    )
    made = credentials.rotate_keys_if_due(
        file, every=timedelta(days=settings.signing_key_days), publish_for=SIGNING_KEY_PUBLISHED_FOR
    )
    if made is not None:
        credentials.record_key(EventKind.SIGNING_KEY_ADDED, made, by=None, reason="Its time had come.")


def tidy_up(settings: Settings) -> None:
    """Give what is over the state that it already has in effect. Nothing depends on it (C157): it only looks neater."""
    chores: list[Callable[[], object]] = [
        lambda: rotate_signing_keys(settings),
        credentials.expire_if_over,
        access.end_expired,
        credentials.forget_expired_tokens,
        credentials.forget_expired_assertions,
        lambda: events.forget_content(ACCOUNT_MAIL, older_than=ACCOUNT_LINKS_LAST),
        lambda: accounts.forget_old_sessions(
            idle=timedelta(minutes=settings.session_idle_minutes),
            absolute=timedelta(hours=settings.session_absolute_hours),
        ),
    ]
    for chore in chores:
        try:
            with transaction():
                chore()
        except Exception:
            log.exception("chore_failed", chore=getattr(chore, "__name__", "chore"))
