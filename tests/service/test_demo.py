"""The demo: loaded once or twice it is the same, and every shipped path can be walked in it."""

import pytest
from sqlalchemy import func, select

from portal import access, accounts, catalog, policies, seeding
from portal.catalog import Environment
from portal.db import Base, db
from portal.policies import PolicyState

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def demo(app):
    seeding.load_demo()
    db.session.rollback()


def person(email):
    return accounts.find_person_by_email(email)


def outcome(requester, product="payments", plan="gold", environment=Environment.TEST, shipped="", **answers):
    """What the demo's policy, or another shipped one, says of an ask: the stages step by step, or one word."""
    version = policies.active_version()
    if shipped:
        version = policies.PolicyVersion(number=1, rules=policies.shipped_policies()[shipped].rules_json)
    chosen = [catalog.find_product_by_slug(product)]
    ask = access.sample_ask(
        requester=person(requester),
        plan=next(p for p in catalog.plans() if p.slug == plan),
        products=chosen,
        environment=environment,
        answers=answers,
        asked=frozenset(answers),
    )
    trial = access.try_policy(version, ask)
    assert all(stage.staff.intended for step in trial.steps for stage in step), "somebody of each stage's own is there"
    if not trial.steps:
        return trial.whole.outcome.value
    return [[stage.spec.key for stage in step] for step in trial.steps]


def test_loading_twice_gives_the_same(demo):
    def counts():
        return {
            name: db.session.scalar(select(func.count()).select_from(t)) for name, t in Base.metadata.tables.items()
        }

    before = counts()

    assert seeding.load_demo() == "The demo data is already there."
    assert counts() == before


def test_the_policy_was_put_in_force_by_a_second_person(demo):
    version = policies.active_version()

    assert (version.state, version.name) == (PolicyState.ACTIVE, "Standard paths")
    assert version.author.email == "policies@portico.example"
    assert version.approver.email == "admin@portico.example"
    assert not [f for f in policies.findings_in(version.rules) if f.severity == "error"]
    assert not policies.unstaffed_stages()


def test_the_plain_main_job_stays_with_the_owner_alone(demo):
    for product in catalog.products_page(size=200):
        if product.is_requestable and product.classification.value == "internal":
            assert outcome("consumer@acme.example", product.slug) == [["owner"]]
    assert outcome("outsider@globex.example") == [["owner"]]
    assert outcome("consumer@acme.example", plan="sandbox") == "auto"


def test_every_shipped_path_can_be_walked(demo):
    acme, partner = "consumer@acme.example", "partner@fjordline.example"

    assert outcome(acme, environment=Environment.PROD) == [["owner"], ["security"]]
    assert outcome(acme, "payouts") == [["owner"], ["security"]]
    assert outcome(acme, exposure="customer") == [["owner"], ["security"]]
    assert outcome(partner) == [["owner"], ["security", "legal", "sponsor"]]
    assert outcome(acme, environment=Environment.PROD, auth_method="none") == "deny"
    assert outcome(acme, shipped="pm-infosec-it") == [["manager"], ["security"], ["it_delivery"]]
    assert outcome(acme, shipped="four-eyes") == [["owner", "security"]]
    assert outcome(acme, shipped="low-risk-at-once") == "auto"
