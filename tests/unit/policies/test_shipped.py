"""The policies that come with Portico do what their names say, and are sound."""

from __future__ import annotations

import pytest

from portal.policies.checks import Surroundings, check
from portal.policies.evaluate import judge
from portal.policies.rules import Outcome
from portal.policies.shipped import NAMES, shipped_policies
from portal.policies.stages import SHIPPED_STAGES, OnTimeout, StageTemplate
from tests.unit.policies.examples import plain, without

STANDARD = shipped_policies()["standard-paths"].policy
OUTSIDE = {"organisation__kind": "partner", "organisation__has_sponsor": True}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_to_be_said_against_a_shipped_policy(name):
    assert check(shipped_policies()[name].policy, Surroundings(can_staff=lambda _: True)) == []
    assert shipped_policies()[name].description


@pytest.mark.parametrize(
    ("facts", "stages"),
    [
        (plain(), ("owner",)),
        (plain(environment="dev"), ("owner",)),
        (plain(plan__auto_approve=True), ()),
        (plain(environment="prod"), ("owner", "security")),
        (plain(environment="prod", plan__auto_approve=True), ("owner", "security")),
        (plain(product__classification="confidential"), ("owner", "security")),
        (plain(product__classification="restricted", plan__auto_approve=True), ("owner", "security")),
        (plain(exposure="customer"), ("owner", "security")),
        (plain(exposure="sensitive"), ("owner", "security")),
        (plain(exposure="internal"), ("owner",)),
        (plain(audience="external"), ("owner", "security", "legal")),
        (plain(organisation__kind="partner"), ("owner", "security", "legal")),
        (plain(organisation__kind="vendor", plan__auto_approve=True), ("owner", "security", "legal")),
        (plain(**OUTSIDE), ("owner", "security", "legal", "sponsor")),
        (without("exposure"), ("owner", "security")),
        (without("environment"), ("owner", "security")),
        (without("organisation.kind"), ("owner", "security", "legal")),
    ],
)
def test_standard_paths(facts, stages):
    ruling = judge(STANDARD, facts)

    assert ruling.stage_keys == stages
    assert ruling.errors == ()


def test_nothing_in_production_goes_without_authentication():
    assert judge(STANDARD, plain(environment="prod", auth_method="none")).outcome is Outcome.DENY
    assert judge(STANDARD, plain(environment="prod", auth_method="api_key")).outcome is Outcome.STAGES
    assert judge(STANDARD, plain(environment="test", auth_method="none")).stage_keys == ("owner",)


def test_manager_security_and_delivery_follow_each_other():
    policy = shipped_policies()["pm-infosec-it"].policy
    for facts in (plain(), plain(plan__auto_approve=True), {}):
        ruling = judge(policy, facts)

        assert [(need.key, need.position) for need in ruling.stages] == [
            ("manager", 1),
            ("security", 2),
            ("it_delivery", 3),
        ]


def test_four_eyes_are_asked_side_by_side():
    stages = judge(shipped_policies()["four-eyes"].policy, plain(plan__auto_approve=True)).stages

    assert [(need.key, need.position) for need in stages] == [("owner", 1), ("security", 1)]


@pytest.mark.parametrize(
    ("facts", "stages"),
    [
        (plain(), ()),
        (plain(exposure="none", access_level="read"), ()),
        (plain(exposure="customer"), ("owner",)),
        (plain(access_level="write"), ("owner",)),
        (plain(organisation__kind="partner"), ("owner",)),
        (plain(product__classification="confidential"), ("owner",)),
        (plain(environment="prod"), ("owner", "security")),
        (without("exposure"), ("owner",)),
        (without("product.classification"), ("owner",)),
    ],
)
def test_low_risk_is_approved_at_once_and_only_where_it_is_known_to_be_low(facts, stages):
    assert judge(shipped_policies()["low-risk-at-once"].policy, facts).stage_keys == stages


@pytest.mark.parametrize(
    ("local", "stages"),
    [("2026-03-02T10:00+01:00", ("owner",)), ("2026-03-02T19:00+01:00", ("owner", "security"))],
)
def test_office_hours(local, stages):
    assert judge(shipped_policies()["office-hours"].policy, plain(time__local=local)).stage_keys == stages


# --- stages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", SHIPPED_STAGES.values(), ids=SHIPPED_STAGES)
def test_a_shipped_stage_is_sound_and_survives_being_stored(template):
    assert template.problems() == []
    assert template.fallback
    assert template.escalation
    assert StageTemplate.from_json(template.as_json()) == template


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"key": "Big Key"}, "short name"),
        ({"name": " "}, "needs a name"),
        ({"position": 0}, "between 1 and 20"),
        ({"sources": []}, "at least one source"),
        ({"sources": [{"kind": "dice"}]}, "not by 'dice'"),
        ({"sources": [{"kind": "group"}]}, "needs 'key'"),
        ({"quorum": {"n": 0, "mode": "total"}}, "between 1 and 20"),
        ({"quorum": {"n": 1, "mode": "some"}}, "cannot be read"),
        ({"kind": "task", "checklist": []}, "checklist"),
        ({"on_timeout": "approve"}, "cannot be read"),
        ({"times": {"remind_hours": 50, "escalate_hours": 40}}, "follow each other"),
        ({"times": {"due_hours": 500}}, "before it expires"),
        ({"colour": "red"}, "no 'colour'"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused_in_words(change, problem):
    with pytest.raises(ValueError, match=problem):
        StageTemplate.from_json({**SHIPPED_STAGES["legal"].as_json(), **change})


def test_time_never_approves():
    assert {word.value for word in OnTimeout} == {"expire", "reject"}


def test_a_stage_may_be_due_sooner_in_one_environment():
    times = SHIPPED_STAGES["security"].times

    assert times.due("prod") < times.due("test")
