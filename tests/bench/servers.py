"""Web servers to measure, ours and the floors', all run the same way, and a load that costs little itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.bench.measure import Contender, Processes

CONNECTIONS = 2
OURS = "portal.app:create_app"


class WrongAnswer(Exception):
    """A request was answered with something else than was expected: a measurement of it would mean nothing."""


@dataclass(frozen=True)
class Request:
    """One HTTP request in its final bytes, and the status that it must get."""

    content: bytes
    status: int = 200

    @classmethod
    def get(cls, path: str, *, session: str = "", status: int = 200) -> Request:
        """A page, for who has this session."""
        return cls(_head("GET", path, session) + b"\r\n", status)

    @classmethod
    def post(cls, path: str, body: bytes, *, session: str = "", status: int = 200, **headers: str) -> Request:
        """A form."""
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        return cls(_head("POST", path, session) + head + b"\r\n" + body, status)


def _head(method: str, path: str, session: str) -> bytes:
    cookie = f"Cookie: portico={session}\r\n" if session else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}".encode()


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    pid: int
    database: int | None

    def contender(self, *requests: Request, most: int = 20_000) -> Contender:
        """Something to measure: these requests, over and over."""
        return Contender(lambda times: self.send(requests, times), self.meter, most)

    def once(self, requests: Iterator[Request], most: int) -> Contender:
        """Something to measure that can't be repeated: each request is sent once."""
        return Contender(lambda times: self.send(list(islice(requests, times)), times), self.meter, most)

    @property
    def meter(self) -> Processes:
        """Reads the CPU time of the server and of the database."""
        return Processes(self.pid, self.database)

    def send(self, requests: Sequence[Request], times: int) -> None:
        """Send so many of these requests in turn over a few connections that stay open."""
        shares = [range(start, times, CONNECTIONS) for start in range(min(CONNECTIONS, times))]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(lambda share: self._send([requests[i % len(requests)] for i in share]), shares))

    def _send(self, requests: Sequence[Request]) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests:
                connection.sendall(request.content)
                status, body = _answer(connection)
                if status != request.status:
                    raise WrongAnswer(f"{request.content[:120]!r}: {status} {body[:600]!r}")

    def fetch(self, request: Request) -> tuple[int, bytes]:
        """One answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request.content)
            return _answer(connection)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        part = connection.recv(65536)
        if not part:
            raise WrongAnswer("The server closed the connection.")
        received += part
    head = received[:end].lower()
    mark = head.find(b"content-length:")
    length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
    parts, missing = [received[end + 4 :]], length - (len(received) - end - 4)
    while missing > 0:
        part = connection.recv(min(missing, 1 << 20))
        parts.append(part)
        missing -= len(part)
    return int(head[9:12]), b"".join(parts)


@contextmanager
def server(target: str, environment: Mapping[str, str], *, database: int | None = None) -> Iterator[Server]:
    """Run a server for this application factory while the block lasts."""
    process, port = start(target, environment)
    try:
        yield Server(port, process.pid, database)
    finally:
        stop(process)


def start(
    target: str, environment: Mapping[str, str], *, path: str = "/healthz"
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server and wait for its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "tests.bench.servers", target, str(port)]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            Server(port, process.pid, None).fetch(Request.get(path))
        except (OSError, WrongAnswer):
            time.sleep(0.01)
        else:
            return process, port
    stop(process)
    raise RuntimeError(f"{target} did not start.")


def stop(process: subprocess.Popen[Any]) -> None:
    """End a server that was started here."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(target: str, port: int) -> None:
    """Serve an application as ``portico run`` does, with one web process."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        target,
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=1,
        log_level=LogLevels.critical,
    ).serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
