"""The tests' PostgreSQL: each database anew, gone with the run; where there is none, an error with the way out."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

from tests.support import postgres


def test_a_server_that_does_not_answer_is_an_error_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv(postgres.ENVIRONMENT_NAME, f"postgresql://nobody@/postgres?host={tmp_path}")

    with pytest.raises(postgres.NoPostgres, match="apt-get install postgresql"):
        postgres.server_url.__wrapped__()


def test_a_database_is_made_anew_each_time():
    url = postgres.fresh_database("portico_support").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE left_behind (id int)")

    again = postgres.fresh_database("portico_support").replace("+psycopg", "")

    with psycopg.connect(again) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'left_behind'").fetchone() == (0,)
    postgres.drop_database("portico_support")


def test_the_server_ends_with_the_run_that_started_it():
    script = "from tests.support import postgres; print(postgres.server_url())"
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTEST_XDIST_WORKER", postgres.ENVIRONMENT_NAME)}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=postgres.STATE_FOLDER.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    for _ in range(50):
        if not postgres._answers(ended.stdout.strip()):
            break
        subprocess.run(["sleep", "0.2"], check=True)
    assert not postgres._answers(ended.stdout.strip())
