"""What a request is called while several stages are open side by side (C39)."""

import pytest

from portal.accounts import RoleName
from tests.support.builders import demanding, make_group, make_policy, make_request, make_user

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
