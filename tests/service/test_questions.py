"""Hot questions: quick, and never a moment behind what is committed."""

import pytest
from sqlalchemy import bindparam, select

from portal import questions
from portal.catalog import Plan, PlanState
from portal.db import db, on_sqlite, transaction
from portal.questions import Question
from tests.support.builders import make_plan
from tests.support.queries import count_queries

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

    (readers,) = [r for engine, r in questions._readers.items() if engine is db.engine]
    assert len(readers[-1]._answers) <= 3


def test_a_connection_that_died_while_it_idled_is_replaced():
    plan = make_plan("Gold")
    PLAN.ask(slug=plan.slug)
    for reader in questions._readers[db.engine]:
        reader.cursor.connection.close()

    assert PLAN.ask(slug=plan.slug)[0].name == "Gold"
    assert PLAN.ask(slug=plan.slug)[0].name == "Gold"
