"""A draft changes nothing, a second person puts it in force, and requests keep what they were judged by."""

import pytest
from sqlalchemy import select

from portal import access, policies
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, transaction
from portal.errors import Conflict, NotAllowed
from portal.events import AuditEvent, EventKind
from portal.policies import BadPolicy, PolicyState, PolicyVersion
from tests.service.policies.drafts import a_rule, activated, drafted, proposed
from tests.support.builders import make_group, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
NEVER = {"all": [a_rule()["when"], {"attribute": "environment", "is": "equals", "value": "dev"}]}


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER)


@pytest.fixture
def second():
    """Somebody else, who may put versions in force."""
    return make_user(RoleName.ADMINISTRATOR)


def stages(request):
    return [stage.key for stage in request.stages]


def test_C49_a_draft_changes_nothing_and_an_activated_one_only_later_requests(security, second):
    before = make_request(environment=Environment.PROD)
    draft = proposed(a_rule())
    assert stages(make_request(environment=Environment.PROD)) == ["owner"]

    with transaction():
        policies.activate(draft, by=second, revision=draft.version, in_place_of=None)

    assert stages(make_request(environment=Environment.PROD)) == ["owner", "security"]
    assert stages(before) == ["owner"]


def test_C137_the_author_cannot_be_the_second_person(security):
    waiting = proposed(a_rule())

    with pytest.raises(NotAllowed, match="second person"), transaction():
        policies.activate(waiting, by=waiting.author, revision=waiting.version, in_place_of=None)

    assert waiting.state is PolicyState.IN_REVIEW


def test_C137_whoever_changed_the_rules_last_is_their_author(security):
    first, second = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.ADMINISTRATOR)
    draft = drafted(a_rule(), by=first)

    with transaction():
        policies.change_draft(draft, rules={"rules": [a_rule("other")]}, by=second, revision=draft.version)
    with transaction():
        policies.change_draft(draft, rules=draft.rules, name="Named", by=first, revision=draft.version)

    assert (draft.author.email, draft.name) == (second.email, "Named")


def test_C51_a_new_version_retires_the_former_and_both_stay_readable(security):
    first = activated(a_rule())
    second = activated(a_rule(), a_rule("always", when={"all": []}))

    assert (first.state, second.state) == (PolicyState.RETIRED, PolicyState.ACTIVE)
    assert first.retired_at == second.activated_at
    assert [v.number for v in policies.policy_versions(policies.GLOBAL)] == [2, 1]
    assert first.rules["rules"] == [a_rule()]


def test_only_a_draft_can_be_changed(security, second):
    waiting = proposed(a_rule())

    with pytest.raises(Conflict, match="waiting for activation"), transaction():
        policies.change_draft(waiting, rules={"rules": []}, by=waiting.author, revision=waiting.version)
    with transaction():
        policies.send_back(waiting, by=second, revision=waiting.version, reason="Why?")
    with transaction():
        policies.change_draft(waiting, rules={"rules": []}, by=waiting.author, revision=waiting.version)

    assert waiting.rules == {"rules": [], "order": []}


def test_C3_what_changed_meanwhile_is_not_written_over(security):
    draft = drafted(a_rule())
    seen = draft.version
    with transaction():
        policies.change_draft(draft, rules={"rules": [a_rule("theirs")]}, by=draft.author, revision=seen)

    with pytest.raises(Conflict, match="changed since"), transaction():
        policies.change_draft(draft, rules={"rules": [a_rule("mine")]}, by=draft.author, revision=seen)

    assert draft.rules["rules"][0]["key"] == "theirs"


def test_activating_against_another_version_than_was_shown_is_refused(security, second):
    waiting = proposed(a_rule())
    activated(a_rule("quicker"))

    with pytest.raises(Conflict, match="Another version"), transaction():
        policies.activate(waiting, by=second, revision=waiting.version, in_place_of=None)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (a_rule(when={"attribute": "moon", "is": "equals", "value": "full"}), "no attribute"),
        (a_rule(when={"attribute": "environment", "is": "equals", "value": "moon"}), "not possible"),
        (a_rule(when={"attribute": "time.hour", "is": "at_least", "value": "noon"}), "must be a number"),
        (a_rule(when=NEVER), "never be true"),
        (a_rule("x", "nothing-like-that"), "no stage"),
        (a_rule("x", "legal"), "Nobody can answer"),
    ],
)
def test_a_mistake_is_refused_at_save_unless_it_is_kept_unfinished(security, rule, words):
    draft = drafted()

    with pytest.raises(BadPolicy, match=words), transaction():
        policies.change_draft(draft, rules={"rules": [rule]}, by=draft.author, revision=draft.version)
    assert draft.rules["rules"] == []

    with transaction():
        policies.change_draft(draft, rules={"rules": [rule]}, by=draft.author, revision=draft.version, unfinished=True)
    with pytest.raises(BadPolicy), transaction():
        policies.ask_activation(draft, by=draft.author, revision=draft.version)


def test_C122_a_stage_that_lost_its_people_stops_an_activation_and_is_flagged_when_in_force(second):
    lawyer = make_user()
    make_group("legal", lawyer)
    waiting = proposed(a_rule("outside", "legal"))
    in_force = activated(a_rule("outside", "legal"))
    assert not policies.unstaffed_stages()

    with transaction():
        lawyer.active = False
    with pytest.raises(BadPolicy, match="Nobody can answer"), transaction():
        policies.activate(waiting, by=second, revision=waiting.version, in_place_of=in_force.id)

    assert list(policies.unstaffed_stages()) == ["legal"]


def test_C149_a_team_writes_rules_of_its_own_products_and_no_others(security):
    owner, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    plan = make_plan()
    mine, theirs = make_product(owners=[owner, other], plans=[plan]), make_product(owners=[other])

    version = proposed(a_rule("team"), by=owner, product=mine)
    for product in (theirs, None):
        with pytest.raises(NotAllowed), transaction():
            policies.create_draft({}, product=product, by=owner)
    with transaction():
        policies.activate(version, by=other, revision=version.version, in_place_of=None)

    assert stages(make_request(None, mine, plan=plan, environment=Environment.PROD)) == ["owner", "security"]
    assert stages(make_request(None, theirs, plan=plan, environment=Environment.PROD)) == ["owner"]


def test_C149_conflicts_of_team_rules_with_those_for_all_are_shown(security):
    owner = make_user(RoleName.API_OWNER)
    product = make_product(owners=[owner])
    activated(a_rule())

    found = policies.findings_in({"rules": [a_rule("mine"), a_rule("at-once", outcome="auto")]}, product)

    assert [f.message for f in found if f.severity == "error"] == [
        "A product’s own rules can add stages or deny; they cannot approve by themselves."
    ]
    assert any("the global rule 'production' does as much" in f.message for f in found)


def test_everything_is_recorded(security):
    version = activated(a_rule())
    activated()
    given_up = drafted()
    with transaction():
        policies.discard(given_up, by=given_up.author, revision=given_up.version)

    kinds = [
        event.kind
        for event in db.session.scalars(
            select(AuditEvent).where(AuditEvent.subject_type == "policy_version").order_by(AuditEvent.id)
        )
        if event.subject_id == version.id
    ]
    assert kinds == [
        EventKind.POLICY_DRAFTED,
        EventKind.POLICY_PROPOSED,
        EventKind.POLICY_ACTIVATED,
        EventKind.POLICY_RETIRED,
    ]
    assert given_up.state is PolicyState.DISCARDED


def test_there_is_one_version_in_force_and_the_index_says_so(security):
    activated(a_rule())
    activated(a_rule("other"))

    active = db.session.scalars(select(PolicyVersion).where(PolicyVersion.state == PolicyState.ACTIVE)).all()

    assert [version.number for version in active] == [2]


def test_C51_a_request_names_the_version_that_judged_it(security):
    activated(a_rule())

    request = make_request(environment=Environment.PROD)

    decision = db.session.scalars(
        select(access.PolicyDecision).where(access.PolicyDecision.request_id == request.id)
    ).one()
    assert decision.policy_version == "Policy 1"
    assert decision.matched[0]["policy"] == policies.active_version().id
