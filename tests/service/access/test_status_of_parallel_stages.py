"""What a request is called while several stages are open side by side (C39)."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from portal.policies import Quorum
from tests.support.builders import demanding, make_group, make_policy, make_request, make_stage, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        (["owner", "legal"], "Pending owner approval and legal approval"),
        (["owner", "legal", "security"], "Pending owner approval, legal approval and 1 more"),
    ],
)
def test_the_status_names_the_stages_that_are_open(stages, told):
    make_group("legal", make_user(RoleName.SECURITY_REVIEWER))
    make_policy(demanding(*stages), order=[stages])

    assert make_request().status_text == told


def test_who_has_answered_is_not_awaited_any_more():
    first, second = (make_user(RoleName.SECURITY_REVIEWER, name=name) for name in ("Clara", "Emeka"))
    make_group("legal", first, second)
    make_stage("terms", quorum=Quorum(2), sources=[{"kind": "group", "key": "legal"}])
    make_policy(demanding("terms"), order=[["terms"], ["owner"]])
    asked = make_request()
    stage = asked.stages[0]
    assert access.awaited(stage) in ("Clara or Emeka", "Emeka or Clara")

    with transaction():
        access.approve(asked, by=first)

    assert access.awaited(stage) == "Emeka"
