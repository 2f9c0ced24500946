"""Stages made and changed by administrators: checked when saved, kept while a policy needs them."""

import pytest

from portal import accounts, policies
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.policies import BadPolicy
from tests.service.policies.drafts import a_rule, activated
from tests.support.builders import make_group, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
PRIVACY = {"key": "privacy", "name": "Privacy", "sources": [{"kind": "group", "key": "privacy"}], "position": 2}


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR)


def save(values, by, revision=0):
    with transaction():
        return policies.save_stage(values, by=by, revision=revision)


def test_C121_a_stage_of_ones_own_can_be_asked_for(admin):
    make_group("privacy", make_user())

    save(PRIVACY, admin)
    activated(a_rule("personal-data", "privacy"))

    assert [s.name for s in make_request(environment=Environment.PROD).stages] == ["Owner", "Privacy"]


def test_a_shipped_stage_is_changed_for_later_requests_and_can_be_set_back(admin):
    make_user(RoleName.SECURITY_REVIEWER)
    activated(a_rule())
    before = make_request(environment=Environment.PROD)

    save({"key": "security", "name": "Information security", "quorum": {"n": 2}}, admin)

    assert before.stages[1].name == "Security"
    assert make_request(environment=Environment.PROD).stages[1].template["quorum"]["n"] == 2
    with transaction():
        policies.remove_stage("security", by=admin)
    assert make_request(environment=Environment.PROD).stages[1].name == "Security"


def test_a_stage_that_a_policy_in_force_asks_for_cannot_be_taken_away(admin):
    make_group("privacy", make_user())
    save(PRIVACY, admin)
    activated(a_rule("personal-data", "privacy"))

    with pytest.raises(Conflict, match="asks for Privacy"), transaction():
        policies.remove_stage("privacy", by=admin)
    activated()
    with transaction():
        policies.remove_stage("privacy", by=admin)

    assert "privacy" not in policies.stage_templates()


def test_C122_nobody_is_taken_from_a_stage_that_is_asked_for(admin):
    make_group("privacy", make_user())
    make_group("empty")
    save(PRIVACY, admin)
    activated(a_rule("personal-data", "privacy"))

    with pytest.raises(Invalid, match="could not be answered"):
        save({"key": "privacy", "sources": [{"kind": "group", "key": "empty"}]}, admin, revision=1)


def by_source(*groups, n=1):
    sources = [{"kind": "group", "key": group} for group in groups]
    return {**PRIVACY, "sources": sources, "quorum": {"n": n, "mode": "per_group"}}


def test_C122_a_stage_that_counts_by_source_needs_somebody_of_each(admin):
    one, other = make_user(), make_user()
    make_group("privacy", one)
    empty = make_group("empty")
    save(by_source("privacy", "empty"), admin)

    assert not policies.anybody_for(policies.stage_templates()["privacy"])
    with pytest.raises(BadPolicy, match="Privacy needs somebody of each source"):
        activated(a_rule("personal-data", "privacy"))

    with transaction():
        accounts.set_members(empty, [other], by=None)
    activated(a_rule("personal-data", "privacy"))
    assert not policies.unstaffed_stages()
    make_group("nothing")
    with pytest.raises(Invalid, match="nobody of the group nothing may decide"):
        save(by_source("privacy", "nothing"), admin, revision=1)

    with transaction():
        other.active = False
    ((template, missing),) = policies.unstaffed_stages().values()
    assert template.key == "privacy"
    assert missing == "It needs somebody of each source, and nobody of the group empty may decide."


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (by_source("both", "one"), ""),
        (by_source("one", "same"), "nobody counts for two: there are too few people in all"),
        (by_source("both", "one", n=2), "2 people of each source, and only 1 person of the group one may decide"),
        ({**by_source("one", "same"), "quorum": {"n": 2}}, "It needs 2 approvals, and 1 person can give one."),
        ({**by_source("one", "both"), "quorum": {"n": 2}}, ""),
        ({**by_source("one"), "sources": [{"kind": "sponsor"}]}, ""),
        ({**by_source("none"), "quorum": {"mode": "all"}}, "None of its own people is active and may decide."),
    ],
)
def test_C122_too_few_people_are_told(admin, values, missing):
    person, other = make_user(), make_user()
    for key, members in {"one": [person], "same": [person], "both": [person, other], "none": []}.items():
        make_group(key, *members)

    told = policies.shortage_of(save(values, admin))

    assert missing in told if missing else not told


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"key": "Not a key"}, "short name"),
        ({**PRIVACY, "sources": []}, "at least one source"),
        ({**PRIVACY, "sources": [{"kind": "group", "key": "nobody-knows"}]}, "no group"),
        ({**PRIVACY, "sources": [{"kind": "role", "role": "king"}]}, "no role"),
        ({**PRIVACY, "kind": "task"}, "checklist"),
        ({**PRIVACY, "times": {"due_hours": 500}}, "due before it expires"),
        ({**PRIVACY, "quorum": {"n": 0}}, "between 1 and 20"),
        ({**PRIVACY, "on_timeout": "approve"}, "cannot be read"),
        ({**PRIVACY, "colour": "red"}, "has no 'colour'"),
    ],
)
def test_what_no_stage_can_be_is_refused_in_words(admin, values, words):
    make_group("privacy", make_user())

    with pytest.raises(Invalid, match=words):
        save(values, admin)


def test_two_who_change_a_stage_at_once_do_not_write_over_each_other(admin):
    make_group("privacy", make_user())
    save(PRIVACY, admin)

    with pytest.raises(Conflict, match="Somebody else"):
        save({**PRIVACY, "name": "Data protection"}, admin, revision=0)


def test_only_administrators_set_up_stages():
    make_group("privacy", make_user())

    with pytest.raises(NotAllowed):
        save(PRIVACY, make_user(RoleName.API_OWNER))
