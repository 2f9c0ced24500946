"""People who decide together."""

import pytest

from portal.policies.stages import Quorum, QuorumMode
from tests.support.builders import demanding, make_group, make_policy, make_stage, make_user


@pytest.fixture
def board():
    """Three people of a board that needs two yeses."""
    make_stage("board", quorum=Quorum(2, QuorumMode.TOTAL))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    return members
