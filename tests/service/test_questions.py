"""Hot questions: quick, and never a moment behind what is committed."""

import gc
import os
import sqlite3
import traceback
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import bindparam, select

from portal import questions
from portal.catalog import Plan, PlanState
from portal.db import close_connections, db, on_sqlite, transaction
from portal.questions import Question
from tests.support.builders import make_plan
from tests.support.queries import count_queries
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")

_plan = Plan.__table__.c
PLAN = Question(select(_plan.name, _plan.state, _plan.created_at, _plan.scopes).where(_plan.slug == bindparam("slug")))


def test_an_answer_has_the_types_of_its_columns():
    plan = make_plan("Gold", scopes=["read"])

    (answer,) = PLAN.ask(slug=plan.slug)

    assert (answer.name, answer.state, answer.scopes) == ("Gold", PlanState.ACTIVE, ["read"])
    assert answer.created_at == plan.created_at


def test_a_kept_answer_costs_no_query_until_anything_is_committed():
    plan = make_plan("Gold")
    PLAN.ask(kept_as="gold", slug=plan.slug)

    with count_queries() as counted:
        PLAN.ask(kept_as="gold", slug=plan.slug)
    assert len(counted) == (0 if on_sqlite() else 1)

    with transaction():
        plan.name = "Silver"
    assert PLAN.ask(kept_as="gold", slug=plan.slug)[0].name == "Silver"


def test_a_question_inside_a_transaction_sees_what_it_wrote():
    plan = make_plan("Gold")

    with transaction():
        plan.name = "Silver"
        db.session.flush()
        assert PLAN.ask(kept_as="gold", slug=plan.slug)[0].name == "Silver"


def test_kept_answers_are_bounded(monkeypatch):
    monkeypatch.setattr(questions, "MOST_KEPT_ANSWERS", 3)
    plan = make_plan("Gold")

    for number in range(10):
        assert PLAN.ask(kept_as=number, slug=plan.slug)[0].name == "Gold"

    assert len(questions.idle_readers(db.engine)[-1]._answers) <= 3


def end_every_connection():
    """As a restart of the server does: without a word to whoever holds one."""
    db.session.remove()
    if on_sqlite():
        for reader in questions.idle_readers(db.engine):
            reader.cursor.connection.close()
        return
    others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    with psycopg.connect(db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as server:
        server.execute(f"select pg_terminate_backend(pid) {others}")


def test_questions_outlive_a_restart_of_the_database():
    slug = make_plan("Gold").slug
    race(4, lambda _: PLAN.ask(slug=slug))
    assert questions.idle_readers(db.engine)

    end_every_connection()

    assert [PLAN.ask(slug=slug)[0].name for _ in range(4)] == ["Gold"] * 4


def test_a_disposed_engine_keeps_no_connection_open():
    slug = make_plan("Gold").slug
    PLAN.ask(slug=slug)
    (reader,) = questions.idle_readers(db.engine)
    driver = reader.connection.connection.driver_connection

    close_connections()

    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.execute("select 1")
    assert not questions.idle_readers(db.engine)
    assert PLAN.ask(slug=slug)[0].name == "Gold"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # as gunicorn does with --preload
def test_a_forked_process_asks_on_connections_of_its_own():
    plan = make_plan("Gold")
    slug, its_id = plan.slug, plan.id
    PLAN.ask(slug=slug)
    db.session.scalars(select(Plan)).all()  # the session holds a connection too
    db.session.rollback()
    (reader,) = questions.idle_readers(db.engine)
    before = reader.connection.connection.driver_connection

    if not (child := os.fork()):
        os._exit(wrong_in_child(slug, before))
    with closing(reader.connection.connection.cursor()) as cursor:
        answers = {cursor.execute(f"select {n}").fetchone()[0] == n for n in range(200)}
    _, status = os.waitpid(child, 0)

    assert answers == {True}
    assert os.waitstatus_to_exitcode(status) == 0
    assert PLAN.ask(slug=slug)[0].name == "Gold"
    assert db.session.get(Plan, its_id).name == "Gold"


def wrong_in_child(slug, before):
    """How the forked process ends: 0 when it got right answers on connections that its parent does not have."""
    try:
        right = all(PLAN.ask(slug=slug)[0].name == "Gold" for _ in range(50))
        own = questions.idle_readers(db.engine)[0].connection.connection.driver_connection is not before
        with db.engine.connect() as connection:
            read = connection.execute(select(Plan.name)).scalars().all() == ["Gold"]
        close_connections()
        gc.collect()
    except Exception:  # noqa: BLE001  whatever it is, the child must end here
        traceback.print_exc()
        return 2
    return 0 if right and own and read else 1
