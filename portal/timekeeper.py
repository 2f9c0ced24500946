"""The timekeeper: does what time asks for, beside the delivery of messages and never behind it.

It fires the timers of stages and digests, and looks that no open request is stuck. Several may run at once: a timer
fires once, in the transaction that does what follows from it. What fails for one request does not hold up the others;
it is tried again after a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import structlog
from flask import Flask

from portal import access, lifecycle, schedule
from portal.db import db, transaction

LOOK_EVERY_SECONDS = 3.0
LOOK_AFTER_EVERY_SECONDS = 60.0
PLAN_DIGESTS_EVERY_SECONDS = 3600.0
SET_NOTICES_EVERY_SECONDS = 3600.0
SET_AT_ONCE = 1000  # timers in one transaction: the first look at a large installation finds very many
TRY_AGAIN_AFTER_SECONDS = 60.0
BATCH = 100
LONGEST_PAUSE_SECONDS = 60.0
TIMERS_ARE_KEPT = timedelta(days=90)
log = structlog.get_logger(__name__)


class Timekeeper:
    """Looks at the clock every few seconds until told to stop."""

    def __init__(self, app: Flask, stop: threading.Event) -> None:
        self.app = app
        self.stop = stop
        self.looked_after_to = 0
        self._next: dict[str, float] = {}
        self._resting: dict[tuple[str, int], float] = {}

    def work(self) -> None:
        """Keep time until told to stop, whatever the database does meanwhile."""
        failures = 0
        while not self.stop.is_set():
            busy = False
            try:
                with self.app.app_context():
                    busy = self.round() > 0
                failures = 0
            except Exception:
                log.exception("timekeeper_round_failed")
                failures += 1
            self.stop.wait(0.0 if busy else min(LOOK_EVERY_SECONDS * 2.0 ** min(failures, 5), LONGEST_PAUSE_SECONDS))

    def round(self) -> int:
        """Do everything that is due now; says how much that was."""
        done = self.fire("review_stage", access.stages_due, access.keep_time)
        if self._is_time("notices", SET_NOTICES_EVERY_SECONDS):
            self._set_notices()
        done += self.fire(lifecycle.SUBJECT, lifecycle.credentials_due, lifecycle.keep_time)
        if self._is_time("digests", PLAN_DIGESTS_EVERY_SECONDS):
            db.session.rollback()
            people = [person.id for person in access.leads()]  # asked before the transaction, which holds others up
            self._chore(lambda: access.plan_digests(people))
        done += self.fire("portal_user", access.digests_due, access.send_digest)
        if self._is_time("retirements", LOOK_AFTER_EVERY_SECONDS):
            done += self.fire("api_product", lifecycle.products_due, lifecycle.retire_due_product)
            done += self.fire("plan", lifecycle.plans_due, lifecycle.retire_due_plan)
            done += self.fire("access_grant", access.reapprovals_due, access.suspend_unapproved)
        if self._is_time("look_after", LOOK_AFTER_EVERY_SECONDS):
            self._chore(self._look_after)
            self._chore(lambda: schedule.forget_finished(older_than=TIMERS_ARE_KEPT))
        return done

    def fire(self, kind: str, due: Callable[..., Sequence[int]], act: Callable[[int], bool]) -> int:
        """Act on each thing that is due, each in a transaction of its own; says how many were acted on."""
        done = 0
        resting = [number for name, number in list(self._resting) if name == kind and not self._rested(name, number)]
        db.session.rollback()  # what is true now, and not when somebody last asked
        ids = due(size=BATCH, without=resting)
        for number in ids:
            if self.stop.is_set():
                break
            try:
                with transaction():
                    done += act(number)
            except Exception:
                log.exception("timer_failed", kind=kind, subject=number)
                self._resting[kind, number] = time.monotonic() + TRY_AGAIN_AFTER_SECONDS
        return done

    def _set_notices(self) -> None:
        """Set the timers of what ends soon, waits or gets old; asked before the transactions, which hold others up."""
        db.session.rollback()
        settings = self.app.config["PORTICO"]
        missing = [
            *lifecycle.notices_to_set(settings.notice_days),
            *lifecycle.unclaimed_to_watch(
                remind_after=timedelta(days=settings.unclaimed_remind_days),
                revoke_after=timedelta(days=settings.unclaimed_revoke_days),
            ),
            *lifecycle.rotations_to_watch(),
        ]
        for start in range(0, len(missing), SET_AT_ONCE):
            self._chore(partial(lifecycle.set_notices, missing[start : start + SET_AT_ONCE]))

    def _look_after(self) -> None:
        self.looked_after_to = access.look_after(self.looked_after_to)

    def _chore(self, chore: Callable[[], object]) -> None:
        try:
            with transaction():
                chore()
        except Exception:
            log.exception("chore_failed", chore=getattr(chore, "__name__", "chore"))

    def _is_time(self, what: str, every: float) -> bool:
        if time.monotonic() < self._next.get(what, 0.0):
            return False
        self._next[what] = time.monotonic() + every
        return True

    def _rested(self, kind: str, number: int) -> bool:
        if time.monotonic() < self._resting[kind, number]:
            return False
        del self._resting[kind, number]
        return True


def run_beside(app: Flask, stop: threading.Event) -> threading.Thread:
    """Start a timekeeper in a thread of its own, which ends when ``stop`` is set."""
    thread = threading.Thread(target=Timekeeper(app, stop).work, name="portico-timekeeper", daemon=True)
    thread.start()
    return thread
