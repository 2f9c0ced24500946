"""The running portal stops when it is told to, however often it is told."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pytest

PORTICO = [sys.executable, "-m", "portal.cli"]


def environment_of(folder):
    return {**os.environ, "PORTICO_INSTANCE_DIR": str(folder), "PORTICO_SECRET_KEY": "s" * 48}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    """A folder with a database at the newest version."""
    folder = tmp_path_factory.mktemp("migrated")
    subprocess.run([*PORTICO, "db", "upgrade"], env=environment_of(folder), check=True, capture_output=True)
    return folder


@pytest.fixture
def running(tmp_path, migrated):
    """``portico run`` with its worker, in a process group of its own, as from a terminal."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*PORTICO, "run", "--with-worker", "--port", str(port)]
    # A shell that starts tests in the background has them ignore Ctrl-C, and what they start inherits that.
    default = signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, env=environment_of(tmp_path), start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    signal.signal(signal.SIGINT, default)
    wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", process)
    with process:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 3])
def test_it_stops_in_order_and_says_nothing(running, signals):
    for number in signals:
        os.killpg(running.pid, number)

    assert running.wait(20) == 0
    assert b"Unexpected" not in running.stdout.read()


def test_it_stops_in_order_when_the_server_process_hears_it_first(running):
    """As on a busy machine, where who is told last may be the last to act."""
    (server,) = [
        child for child in psutil.Process(running.pid).children() if os.getpgid(child.pid) == os.getpgid(running.pid)
    ]
    server.send_signal(signal.SIGTERM)
    server.wait(20)
    os.killpg(running.pid, signal.SIGTERM)

    assert running.wait(20) == 0
    assert b"Unexpected" not in running.stdout.read()


def wait_until_it_answers(url, process):
    for _ in range(600):
        assert process.poll() is None
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
