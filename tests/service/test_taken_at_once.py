"""A name or key that two people give at the same moment: one of them has it, and the others are told so."""

from collections.abc import Callable
from functools import partial

import pytest

from portal import accounts, schedule
from portal.accounts import OrganisationKind, RoleName, User
from portal.db import db, transaction
from portal.errors import Conflict
from tests.support.builders import make_user
from tests.support.threads import race

pytestmark = pytest.mark.usefixtures("app")
MAKING: dict[str, Callable[..., object]] = {
    "group": partial(accounts.add_group, "legal", name="Legal"),
    "organisation": partial(accounts.add_organisation, "Partners", kind=OrganisationKind.PARTNER),
    "calendar": partial(schedule.add_calendar, "vienna", {"name": "Vienna"}),
    "usual calendar": partial(schedule.change_calendar, schedule.DEFAULT_CALENDAR, {"opens": 600}, version=0),
}


@pytest.mark.parametrize("made", MAKING)
def test_of_several_who_take_a_name_at_once_one_has_it(made):
    administrator = make_user(RoleName.ADMINISTRATOR).id

    def take(_number):
        with transaction():
            MAKING[made](by=db.session.get(User, administrator))

    results = race(4, take)

    assert [type(result) for result in results if result is not None] == [Conflict] * 3
