"""An approval stores what it changes in one step: each flush of the session costs as much as several statements."""

import pytest
from sqlalchemy import event

from portal import access
from portal.accounts import RoleName
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_an_approval_is_flushed_once():
    owner, plan = make_user(RoleName.API_OWNER), make_plan()
    asked = make_request(make_user(), make_product(plans=[plan], owners=[owner]), plan=plan)
    flushes = []
    session = db.session()
    event.listen(session, "after_flush", lambda *_: flushes.append(1))

    with transaction():
        access.approve(asked, by=owner)

    assert asked.credential is not None
    assert len(flushes) == 1
