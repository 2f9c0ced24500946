"""P7: how much waits for a person is read from the index of what waits, however much they were asked before."""

import pytest
from sqlalchemy import text

from portal import access
from portal.access.queries import _waiting
from portal.accounts import RoleName
from portal.db import db
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def asked():
    """An owner of whom one request waits."""
    owner = make_user(RoleName.API_OWNER)
    plan = make_plan()
    make_request(None, make_product(plans=[plan], owners=[owner]), plan=plan)
    return owner


@pytest.mark.parametrize("statistics", [False, True])
def test_P7_the_count_is_read_from_its_own_index(asked, statistics):
    if statistics:
        db.session.execute(text("analyze"))

    plan = explained(_waiting(asked).distinct().limit(100))

    assert access.count_waiting_for(asked) == 1
    if db.engine.dialect.name == "sqlite":  # of a single row PostgreSQL may read any index, as its statistics stand
        assert "ix_stage_assignee_waits" in plan


def explained(query):
    """How the database means to answer."""
    compiled = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    prefix = "explain query plan " if db.engine.dialect.name == "sqlite" else "explain "
    return "\n".join(" ".join(map(str, row)) for row in db.session.execute(text(prefix + str(compiled))))
