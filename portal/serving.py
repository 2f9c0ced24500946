"""Running Portico: the web server (Granian) and, beside it when asked, the delivery worker."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import urlopen

if TYPE_CHECKING:
    from flask import Flask

RESTART_AFTER_SECONDS = 1.0
STOP_WITHIN_SECONDS = 10
HEAR_WITHIN_SECONDS = 3.0
TOLD_TO_STOP = (0, -signal.SIGTERM, -signal.SIGINT)

DEMO_SIGN_INS = (
    ("consumer@acme.example", "API consumer, Acme"),
    ("second@acme.example", "API consumer, Acme"),
    ("outsider@globex.example", "API consumer, Globex"),
    ("owner@portico.example", "API owner: decides requests"),
    ("plans@portico.example", "plan manager"),
    ("security@portico.example", "security reviewer"),
    ("auditor@portico.example", "auditor: reads everything"),
    ("admin@portico.example", "portal administrator"),
    ("policies@portico.example", "administrator: writes the approval policies"),
    ("legal@portico.example", "reviewer: legal (and compliance@, architect@, projects@, delivery@, sponsor@)"),
    ("partner@fjordline.example", "API consumer of a partner organisation"),
)


def why_not(host: str, port: int) -> str:
    """Why nothing can be served at this address, in a sentence; empty when it can.

    Asked beforehand, since the server shares its port with whoever else listens there: half of all requests would go
    astray, without a word.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is in use. Stop what listens there, or choose another one with --port."
        return f"Nothing can be served at {host}:{port}: {error.strerror or error}."
    return ""


def serve(*, host: str, port: int, processes: int, with_worker: bool, demo: bool) -> None:
    """Serve until told to stop; the worker, if any, is started again whenever it ends."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    stopping = threading.Event()
    companion = threading.Thread(target=_keep_worker, args=(stopping,), daemon=True)
    if with_worker:
        companion.start()
    threading.Thread(target=_announce, args=(f"http://{host}:{port}", demo, stopping), daemon=True).start()
    server = Granian(
        "portal.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=1,
        workers_kill_timeout=STOP_WITHIN_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    )
    _stop_on_first_signal(server)
    _take_orderly_ends_for_ours(server)
    try:
        server.serve()
    finally:
        stopping.set()
        if with_worker:
            companion.join(STOP_WITHIN_SECONDS)


def _stop_on_first_signal(server: Any) -> None:
    """Let signals only leave a note, which a thread acts on.

    Granian's own handler takes a lock. A second signal while the first is handled (Ctrl-C twice; a make that passes on
    what its group was sent too) would then wait for itself for ever, and the portal neither serve nor stop.
    """

    def note(*_: object) -> None:
        server.interrupt_signal = True
        for process in server.wrks:
            process.interrupt_by_parent = True  # the terminal told it too; that it ends is no failure

    def act() -> None:
        while not server.interrupt_signal:
            time.sleep(0.1)
        server.main_loop_interrupt.set()

    server.signal_handler_interrupt = note
    threading.Thread(target=act, daemon=True).start()


def _take_orderly_ends_for_ours(server: Any) -> None:
    """Let a process that was told to stop before we were wait for us to hear it too.

    A terminal or a supervisor tells the whole group at once. On a busy machine the process may be gone before this one
    comes to its own signal; Granian would then report a failure, start another, and end with an error.
    """
    spawn = server._spawn_worker

    def spawn_patiently(*args: Any, **kwargs: Any) -> Any:
        process = spawn(*args, **kwargs)
        watch = process._watcher

        def watcher() -> None:
            process.inner.join()
            if process.inner.exitcode in TOLD_TO_STOP:
                heard_by = time.monotonic() + HEAR_WITHIN_SECONDS
                while not process.interrupt_by_parent and time.monotonic() < heard_by:
                    time.sleep(0.05)
            watch()

        process._watcher = watcher
        return process

    server._spawn_worker = spawn_patiently


def work(app: Flask, *, parent: int | None = None) -> None:
    """Run the delivery worker until SIGTERM or SIGINT, or until its parent is gone."""
    from portal import worker

    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if parent is not None:
        threading.Thread(target=_watch_parent, args=(parent, stopping), daemon=True).start()
    worker.run(app, stopping)


def _watch_parent(parent: int, stopping: threading.Event) -> None:
    while not stopping.wait(0.5):
        if os.getppid() != parent:
            stopping.set()


def _keep_worker(stopping: threading.Event) -> None:
    command = [sys.executable, "-m", "portal.cli", "worker", "--with-parent", str(os.getpid())]
    while not stopping.is_set():
        process = subprocess.Popen(command, process_group=0)  # Ctrl-C is for us; the worker is stopped in order
        while process.poll() is None and not stopping.wait(0.2):
            pass
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_WITHIN_SECONDS)
        stopping.wait(RESTART_AFTER_SECONDS)


def _announce(url: str, demo: bool, stopping: threading.Event) -> None:
    """Say where the portal is once it answers."""
    while not stopping.is_set():
        try:
            with urlopen(f"{url}/healthz", timeout=1):  # noqa: S310  our own address
                break
        except (URLError, OSError):
            time.sleep(0.1)
    lines = [f"Live Portal    {url}/", f"Admin Portal   {url}/admin/"]
    if demo:
        lines += [f"Mailbox        {url}/dev/mailbox", "", "Sign in with password portico-demo as"]
        lines += [f"  {email:<26} {who}" for email, who in DEMO_SIGN_INS]
        lines += ["", "Ctrl-C stops it; starting it again keeps the data."]
    print("\n".join(["", "Portico is running.", "", *lines, ""]), flush=True)  # noqa: T201  meant for the terminal
