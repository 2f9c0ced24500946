"""Stages as they were stored by earlier versions of Portico."""

from portal.policies import SHIPPED_STAGES, StageTemplate


def test_a_number_of_rejections_that_never_counted_is_passed_over():
    stored = {**SHIPPED_STAGES["legal"].as_json(), "denials": 3}

    assert StageTemplate.from_json(stored) == SHIPPED_STAGES["legal"]
