"""The past as the record has it: replayed before a policy is activated, and made again to prove the record (I16)."""

import pytest
from sqlalchemy import update

from portal import access, policies
from portal.access import PolicyDecision
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, transaction
from portal.policies import Policy, replay, replay_team
from tests.service.policies.drafts import a_rule, activated, drafted
from tests.support.builders import make_plan, make_policy, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def history():
    """Two requests for test, one for production, one that its plan approved."""
    make_user(RoleName.SECURITY_REVIEWER)
    production = make_request(environment=Environment.PROD)
    make_request()
    make_request()
    make_request(plan=make_plan(auto_approve=True))
    return production


def test_the_replay_says_which_requests_would_have_gained_a_stage_and_which_rules_are_dead(history):
    candidate = Policy.from_json({"rules": [a_rule(), a_rule("dead", when=_restricted())]})

    found = replay(access.past_requests(), policies.policy_of(policies.active_version()), candidate)

    assert found.sentences()[0] == "1 of 4 would gain Security."
    assert found.gained == {"security": [history.number]}
    assert found.dead_rules == ["dead"]


def _restricted():
    return {"attribute": "product.classification", "is": "equals", "value": "restricted"}


def test_the_replay_names_what_would_become_automatic(history):
    found = replay(
        access.past_requests(), policies.policy_of(None), Policy.from_json({"rules": [a_rule(outcome="auto")]})
    )

    assert found.became_automatic == [history.number]


def test_a_teams_rules_are_replayed_beside_the_policy_for_all(history):
    product = history.products[0]
    team = Policy.from_json({"rules": [a_rule("team")]})

    past = access.past_requests(product=product)
    found = replay_team(past, str(product.id), policies.policy_of(None), team)

    assert (found.total, found.gained, found.dead_rules) == (1, {"security": [history.number]}, [])


def test_a_draft_is_tried_without_a_trace(history):
    draft = drafted(a_rule())
    before = _counts()

    trial = access.try_on_request(draft, history)

    assert [stage.spec.key for step in trial.steps for stage in step] == ["owner", "security"]
    assert trial.stored_facts
    assert _counts() == before


def _counts():
    from sqlalchemy import func, select

    from portal.db import Base

    tables = Base.metadata.tables.items()
    return {name: db.session.scalar(select(func.count()).select_from(table)) for name, table in tables}


def test_I16_every_decision_is_made_again_by_the_version_that_made_it(history):
    activated(a_rule())
    owner = make_user(RoleName.API_OWNER)
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    make_policy(a_rule("team", "architect"), product=product)
    make_request(None, product, plan=plan, environment=Environment.PROD)
    activated(a_rule("another", "owner"))
    make_request(environment=Environment.PROD)

    found = access.recheck()

    assert (found.checked, found.skipped, found.disagreements) == (6, 0, ())


def test_I16_a_decision_that_was_changed_afterwards_is_found(history):
    with transaction():
        db.session.execute(update(PolicyDecision).where(PolicyDecision.request_id == history.id).values(outcome="auto"))

    [found] = access.recheck().disagreements

    assert (found.number, found.differs) == (history.number, ("outcome",))
