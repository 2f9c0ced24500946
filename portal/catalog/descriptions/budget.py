"""How much work a check has done, and the end of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

CLOCK_EVERY = 1024  # steps; looking at the clock each time would cost more than the step


class Exhausted(Exception):
    """The check has used up its steps or its time."""


class Budget:
    """The steps and seconds that one check may take."""

    def __init__(self, steps: int, seconds: float) -> None:
        self._steps = steps
        self._until = monotonic() + seconds

    def spend(self) -> None:
        """Take a step. Raises Exhausted when there is none left."""
        self._steps -= 1
        if self._steps < 0 or (self._steps % CLOCK_EVERY == 0 and monotonic() > self._until):
            raise Exhausted


_current = threading.local()  # the validators are classes made once; each thread checks one document at a time


@contextmanager
def budget(steps: int, seconds: float) -> Iterator[None]:
    """Everything that is checked inside draws on this budget."""
    _current.budget = Budget(steps, seconds)
    try:
        yield
    finally:
        _current.budget = None


def spend() -> None:
    """Take a step of the check that runs in this thread."""
    current: Budget | None = getattr(_current, "budget", None)
    if current is not None:
        current.spend()
