"""Facts: what is unknown, what was not asked, and what the clock says where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from portal.policies.attributes import NOT_ASKED, REGISTRY, UNLIMITED, Attribute, Kind, Source
from portal.policies.evaluate import judge
from portal.policies.facts import (
    Facts,
    form_facts,
    requests_a_day,
    time_facts,
)
from portal.policies.operators import operators_of
from tests.unit.policies.examples import leaf, plain, policy, rule, without

ZURICH = ZoneInfo("Europe/Zurich")
OFFICE = leaf(
    "time.local", "within_hours", {"from": "08:00", "until": "18:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
)


def test_the_registry_explains_each_attribute():
    assert len(REGISTRY) >= 30
    for name, attribute in REGISTRY.items():
        assert attribute.title
        assert attribute.source
        assert operators_of(attribute)
        assert name == attribute.name
        assert Facts({name: attribute.example}).errors == []
        assert name in Facts({name: attribute.example}).values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment", "moon"),
        ("environment", ["prod"]),
        ("environment", "not_asked"),
        ("plan.auto_approve", "yes"),
        ("plan.auto_approve", 1),
        ("app.age_days", "3"),
        ("app.age_days", True),
        ("app.age_days", float("inf")),
        ("app.age_days", 10**400),
        ("scopes", "orders:read"),
        ("scopes", [1]),
        ("time.local", "noon"),
        ("network.address", "here"),
        ("organisation.name", 7),
    ],
)
def test_a_value_that_cannot_be_is_unknown_and_told(name, value):
    facts = Facts({name: value})

    assert facts.values == {}
    assert facts.errors[0].startswith(f"{name}: ")


def test_nothing_is_unknown_without_complaint():
    facts = Facts({"environment": None, "something.else": 3})

    assert (facts.values, facts.errors) == ({}, [])


def test_the_form_tells_not_asked_from_not_answered():
    facts = form_facts(
        {"exposure": "none", "access_level": "", "audience": None}, {"exposure", "access_level", "audience"}
    )

    assert facts["exposure"] == "none"
    assert "access_level" not in facts
    assert "audience" not in facts
    assert facts["expected_volume"] == NOT_ASKED


def test_an_attribute_that_a_form_cannot_give_is_refused():
    with pytest.raises(ValueError, match="cannot give"):
        Attribute("x", Kind.TEXT_SET, "X", Source.FORM, ("a",))


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        # Friday before the clocks go forward (+01:00), and Monday after it (+02:00): the same UTC, another hour.
        (datetime(2026, 3, 27, 6, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 27, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 5, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 30, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 15, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 16, 0, tzinfo=UTC), False),
        # Friday before they go back, and Monday after it.
        (datetime(2026, 10, 23, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 6, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 7, 0, tzinfo=UTC), True),
        # Saturday.
        (datetime(2026, 3, 28, 10, 0, tzinfo=UTC), False),
    ],
)
def test_office_hours_are_those_of_the_clock_on_the_wall_across_the_change_of_time(moment, within):
    facts = plain(**time_facts(moment, "Europe/Zurich"))

    needs_security = "security" in judge(policy(rule("night", {"not": OFFICE}, "security")), facts).stage_keys

    assert needs_security is not within


@pytest.mark.parametrize("fold", [0, 1])
def test_the_hour_that_comes_twice_is_within_hours_both_times(fold):
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=ZURICH, fold=fold).astimezone(UTC)
    night = leaf("time.local", "within_hours", {"from": "02:00", "until": "03:00"})

    ruling = judge(policy(rule("night", night, "security")), plain(**time_facts(moment, "Europe/Zurich")))

    assert "security" in ruling.stage_keys


@pytest.mark.parametrize(
    ("local", "within"),
    [
        ("2026-03-06T21:59+01:00", False),
        ("2026-03-06T22:00+01:00", True),  # Friday night
        ("2026-03-07T05:59+01:00", True),  # is Friday's until six on Saturday
        ("2026-03-07T06:00+01:00", False),
        ("2026-03-07T22:00+01:00", False),
        ("2026-03-06T05:00+01:00", False),  # Thursday's
    ],
)
def test_hours_that_pass_midnight_belong_to_the_day_on_which_they_begin(local, within):
    night = leaf("time.local", "within_hours", {"from": "22:00", "until": "06:00", "days": ["fri"]})

    ruling = judge(policy(rule("night", night, "security")), plain(time__local=local))

    assert ("security" in ruling.stage_keys) is within


def test_a_zone_that_is_not_known_leaves_the_time_unknown():
    assert time_facts(datetime(2026, 3, 2, tzinfo=UTC), "Nowhere/Town") == {}
    assert time_facts(datetime(2026, 3, 2, tzinfo=UTC), "../../etc/passwd") == {}


# --- where numbers and outside values come from ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "period", "a_day"),
    [
        *[(1_000, "day", 1_000), (700, "week", 100), (3_000, "month", 100), (365, "year", 1)],
        *[(1, "second", 86_400), (1, "minute", 1_440), (100, "hour", 2_400)],
        *[(None, "month", UNLIMITED), (5, "moon", None)],
    ],
)
def test_a_quota_is_told_as_requests_a_day(requests, period, a_day):
    assert requests_a_day(requests, period) == a_day


def test_what_is_missing_is_stricter():
    risky = policy(rule("region", leaf("network.country", "none_of", ["CH", "DE"]), "security"))

    assert judge(risky, plain(network__country="ch")).stage_keys == ("owner",)
    assert judge(risky, without("network.country")).stage_keys == ("owner", "security")
