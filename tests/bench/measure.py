"""Measuring side by side: what is compared takes turns in one run, so that a busy machine is unfair to all alike.

The unit is CPU time, user and system, of the program and of the database's processes together: on a machine that
others use too it is the steadiest figure, and its inverse is what a machine that is busy to the last cycle can do.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import psutil


@dataclass
class Effort:
    """How long to look: rounds in which all take their turn, seconds of a turn, and a part of all other counts."""

    rounds: int = 5
    seconds: float = 0.4
    part: float = 1.0


effort = Effort()


@dataclass(frozen=True)
class Cost:
    """What one operation costs: microseconds of CPU in our processes and in the database's, and seconds on the clock."""

    own: float
    database: float
    seconds: float

    @property
    def cpu(self) -> float:
        """All microseconds of CPU."""
        return self.own + self.database

    @property
    def per_second(self) -> float:
        """How many were done in a second, one after the other or as many at once as the load has connections."""
        return 1 / self.seconds if self.seconds else 0.0


class Meter(Protocol):
    """Reads CPU seconds: of our processes, and of the database's."""

    def read(self) -> tuple[float, float]:
        """The seconds so far."""


@dataclass(frozen=True)
class Processes:
    """The CPU time of some processes with all their children; ``own`` is None for this process itself."""

    own: int | None
    database: int | None

    def read(self) -> tuple[float, float]:
        """The seconds so far."""
        own = time.process_time() if self.own is None else tree_seconds(self.own)
        return own, tree_seconds(self.database) if self.database is not None else 0.0


def tree_seconds(pid: int) -> float:
    """The CPU seconds of a process and its children, those that have ended included."""
    top = psutil.Process(pid)
    ended = top.cpu_times()
    total = ended.user + ended.system + ended.children_user + ended.children_system
    for child in top.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def cost_of(work: Callable[[int], None], times: int, meter: Meter) -> Cost:
    """What one operation costs when so many are done."""
    before, started = meter.read(), time.perf_counter()
    work(times)
    seconds, after = time.perf_counter() - started, meter.read()
    own, database = ((b - a) / times * 1e6 for a, b in zip(before, after, strict=True))
    return Cost(own, database, seconds / times)


@dataclass(frozen=True)
class Contender:
    """Something to measure: does so many operations; the meter reads what that cost. ``most`` bounds the sample."""

    work: Callable[[int], None]
    meter: Meter
    most: int = 20_000


def alternate(contenders: Mapping[str, Contender]) -> dict[str, Cost]:
    """The median cost of each contender over rounds in which they take turns.

    The size of a sample is chosen by a first trial so that the clock of the CPU time can tell it.
    """
    times = {name: _sample_size(contender) for name, contender in contenders.items()}
    measured: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(effort.rounds):
        for name, contender in contenders.items():
            measured[name].append(cost_of(contender.work, times[name], contender.meter))
    return {name: median(costs) for name, costs in measured.items()}


def median(costs: list[Cost]) -> Cost:
    """The median of each part."""
    return Cost(*(statistics.median(getattr(c, part) for c in costs) for part in ("own", "database", "seconds")))


def _sample_size(contender: Contender) -> int:
    contender.work(3)  # what is made at the first call is not part of any
    trial = cost_of(contender.work, 10, contender.meter)
    return max(min(10, contender.most), min(contender.most, int(effort.seconds / max(trial.seconds, 1e-6))))
