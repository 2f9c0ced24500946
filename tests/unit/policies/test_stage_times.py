"""The times of a stage: which make sense."""

import pytest

from portal.policies import Times


@pytest.mark.parametrize(
    "times",
    [
        Times(due_hours=0, due_in={"prod": 16}),
        Times(due_in={"prod": 0}),
        Times(due_in={"dev": -8, "prod": 16}),
        Times(due_hours=113),
        Times(due_in={"test": 113}),
    ],
)
def test_a_stage_is_due_after_it_opens_and_before_it_expires_everywhere(times):
    assert times.problems() == ["The stage must be due before it expires."]


def test_the_usual_times_make_sense():
    assert Times().problems() == []
    assert Times(due_in={"prod": 1, "dev": 112}).problems() == []
