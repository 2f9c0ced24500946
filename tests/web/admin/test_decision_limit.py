"""C142: whoever sends decisions faster than anybody reads is told to wait, be they theirs or not."""

import pytest
from limits import parse

from portal.accounts import RoleName
from portal.web import access
from portal.web.limits import limits
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def three_a_minute(app, monkeypatch):
    monkeypatch.setattr(access, "DECISIONS_OF_ONE_PERSON", parse("3 per minute"))
    limits().enabled = True
    yield
    limits().reset()
    limits().enabled = False


def test_C142_decisions_have_a_limit_for_each_person_and_pages_have_none(browser):
    owner, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    asked = [make_request(owner=owner) for _ in range(4)]
    here = browser(owner)

    answers = [here.forge(f"/admin/access-requests/{each.number}/approve") for each in asked]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) <= 60
    assert [each.is_pending for each in asked] == [False, False, False, True]
    assert here.get(f"/admin/access-requests/{asked[-1].number}").status == 200
    assert browser(other).forge(f"/admin/access-requests/{asked[-1].number}/approve").status in {403, 404}


def test_C142_those_who_may_not_decide_are_counted_too(browser):
    asked, stranger = make_request(), make_user()
    here = browser(stranger)

    found = [here.forge(f"/admin/access-requests/{asked.number}/approve").status for _ in range(4)]

    assert found == [403, 403, 403, 429]
