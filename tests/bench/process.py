"""P11: memory of a web process over many mixed requests, and the time from start to the first answer."""

from __future__ import annotations

import statistics
import time

import psutil

from tests.bench import measure
from tests.bench.installations import Installation
from tests.bench.pages import introspection, product_path, token
from tests.bench.report import Figure, plain
from tests.bench.servers import OURS, Request, Server, server, start, stop


def process(it: Installation, *, requests: int) -> list[Figure]:
    """Memory and start on one database."""
    return [_start(it), _memory(it, requests)]


def _start(it: Installation) -> Figure:
    seconds, cpu = [], []
    for _ in range(measure.effort.rounds):
        began = time.perf_counter()
        running, _port = start(OURS, it.environment, path="/catalogues")
        seconds.append(time.perf_counter() - began)
        cpu.append(measure.tree_seconds(running.pid))
        stop(running)
    told = f"{statistics.median(cpu):.1f} s CPU, {statistics.median(seconds):.1f} s by the clock"
    return plain("P11", "start to first answer (CPU)", it.database, told, "≤ 3 s", statistics.median(cpu) <= 3)


def _memory(it: Installation, requests: int) -> Figure:
    with server(OURS, it.environment) as at:
        mixed = [
            Request.get("/"),
            Request.get("/catalogues"),
            Request.get("/catalogues?q=parcel"),
            Request.get(product_path(it)),
            Request.get("/login"),
            Request.get("/requests", session=it.sessions["consumer"]),
            Request.get("/apps", session=it.sessions["consumer"]),
            Request.get("/cart", session=it.sessions["consumer"]),
            Request.get("/admin/access-requests", session=it.sessions["owner"]),
            Request.get("/admin/audit", session=it.sessions["auditor"]),
            Request.get("/nothing-here", status=404),
            *(token(*it.client),) * 5,
            *(introspection(at, *it.client),) * 3,
            *(Request.get("/healthz"),) * 3,
        ]
        at.send(mixed, requests // 5)
        warm = _resident(at)
        at.send(mixed, requests)
        end = _resident(at)
    told = f"{warm / 2**20:.0f} MiB, then {end / 2**20:.0f} MiB"
    return plain(
        "P11",
        f"memory after {requests:,} mixed requests",
        it.database,
        told,
        "≤ 1.1",
        end <= 1.1 * warm,
        ratio=f"{end / warm:.2f}",
    )


def _resident(at: Server) -> int:
    """The memory of the web process itself, which is the server's child."""
    return max(child.memory_info().rss for child in psutil.Process(at.pid).children(recursive=True))
