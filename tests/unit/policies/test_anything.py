"""Whatever JSON comes in, a policy, its checks and a stage answer in words and never break."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.policies.attributes import REGISTRY
from portal.policies.checks import Surroundings, check, is_sound
from portal.policies.evaluate import combine, judge
from portal.policies.operators import Operator
from portal.policies.replay import PastRequest, replay
from portal.policies.rules import NO_RULES, Outcome, Policy
from portal.policies.stages import SHIPPED_STAGES, StageTemplate
from portal.policies.wording import rule_words
from tests.unit.policies import randomly
from tests.unit.policies.examples import plain

WORDS = (
    *REGISTRY,
    *Operator,
    "all",
    "any",
    "not",
    "attribute",
    "is",
    "value",
    "rules",
    "order",
    "when",
    "then",
    "stages",
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=20,
)


@st.composite
def spoilt(draw: st.DrawFn, sound: Any) -> Any:
    """Something sound with one place of it replaced by anything."""
    if isinstance(sound, dict) and sound and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(sound)))
        return {**sound, key: draw(spoilt(sound[key]))}
    if isinstance(sound, list) and sound and draw(st.integers(0, 4)):
        place = draw(st.integers(0, len(sound) - 1))
        return [*sound[:place], draw(spoilt(sound[place])), *sound[place + 1 :]]
    return draw(ANYTHING)


POLICIES = st.one_of(ANYTHING, randomly.policies().flatmap(spoilt))


@given(POLICIES, st.one_of(randomly.some_facts(), st.dictionaries(st.sampled_from(tuple(REGISTRY)), ANYTHING)))
def test_any_policy_judges_any_facts(raw, facts):
    policy = Policy.from_json(raw)

    ruling = judge(policy, facts, team=policy)

    assert ruling.outcome in Outcome
    assert json.dumps(combine({"p": ruling}).as_json(whole=True))
    assert all(rule_words(rule) for rule in policy.rules)
    assert Policy.from_text(json.dumps(raw)) == policy


@given(POLICIES)
def test_any_policy_is_checked_and_its_faults_are_mistakes(raw):
    policy = Policy.from_json(raw)

    findings = check(policy, Surroundings(above=policy, can_staff=lambda _: True))

    assert all(finding.message for finding in findings)
    assert not (policy.faults and is_sound(findings))
    assert replay([PastRequest("AR-1", {"p": plain()})], NO_RULES, policy).total == 1


@given(st.sampled_from(sorted(SHIPPED_STAGES)).flatmap(lambda key: spoilt(SHIPPED_STAGES[key].as_json())))
def test_any_stage_is_read_or_refused_in_words(raw):
    if not isinstance(raw, dict):
        return
    with suppress(ValueError):
        assert StageTemplate.from_json(raw).problems() == []


@pytest.mark.parametrize("raw", [{"quorum": []}, {"times": {"due_hours": "soon"}}, {"sources": 3}, {"name": 3}])
def test_a_stage_of_wrong_types_is_refused(raw):
    with pytest.raises(ValueError, match="cannot be read"):
        StageTemplate.from_json({**SHIPPED_STAGES["legal"].as_json(), **raw})
