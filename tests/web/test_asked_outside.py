"""C125: renewals, changes of plan and programs ask the systems outside before they are judged, as the cart does."""

from datetime import timedelta

import pytest
import time_machine

from portal.access import AccessRequest, RequestKind
from portal.accounts import RoleName
from portal.db import db
from portal.policies import PROVIDERS, Attribute, Kind, Provider, Source, providers
from tests.support.builders import make_app, make_plan, make_policy, make_product, make_user
from tests.support.ends import MONDAY, hold
from tests.web.api.test_requests import Program, order

pytestmark = pytest.mark.usefixtures("app")
RISK = Attribute("cmdb.risk", Kind.CHOICE, "Risk of the app", Source.PROVIDER, "high", "", ("low", "high"))
RULE = {
    "key": "risky",
    "because": "The inventory calls it risky.",
    "when": {"attribute": "cmdb.risk", "is": "equals", "value": "high"},
    "then": {"outcome": "stages", "stages": ["security"]},
}


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def held(clock):
    """Access of 60 days on a plan that approves by itself, 15 days before its end; another plan is offered beside."""
    plans = [make_plan(name, auto_approve=True, credential_lifetime_days=60) for name in ("Gold", "Silver")]
    owner = make_user(RoleName.API_OWNER)
    asked = hold(None, make_product("Payments", plans=plans, owners=[owner]), plan=plans[0], reason="For us.")
    clock.shift(timedelta(days=45))
    return asked


@pytest.fixture
def cmdb(app, monkeypatch):
    """A system outside that calls every product of every app what it is told to."""
    told = {"risk": "low"}

    def answer(_url, question, **_kwargs):
        return {"products": {slug: {"cmdb.risk": told["risk"]} for slug in question["products"]}}

    monkeypatch.setattr(providers, "ask_json", answer)
    PROVIDERS.install([Provider("cmdb", "https://cmdb.example/facts", (RISK,))], frozenset({"cmdb.example"}))
    yield told
    PROVIDERS.install([], frozenset())


@pytest.mark.parametrize(("risk", "stages"), [("low", []), ("high", ["security"])])
@pytest.mark.parametrize("kind", [RequestKind.RENEWAL, RequestKind.PLAN_CHANGE])
def test_what_the_provider_tells_counts(browser, held, cmdb, kind, risk, stages):
    make_user(RoleName.SECURITY_REVIEWER)
    make_policy(RULE)
    cmdb["risk"] = risk
    page = browser(held.requester).get(f"/apps/{held.app_id}/credentials/{held.credential_id}/{ROADS[kind][0]}")

    page.press(ROADS[kind][1])

    asked = db.session.query(AccessRequest).filter_by(kind=kind).one()
    assert [stage.key for stage in asked.stages] == stages
    assert asked.auto_approved == (not stages)


@pytest.mark.parametrize(("risk", "status"), [("low", "approved"), ("high", "pending")])
def test_what_a_program_asks_for_is_judged_by_it_too(app, cmdb, risk, status):
    person, plan = make_user(), make_plan(auto_approve=True)
    make_user(RoleName.SECURITY_REVIEWER)
    product, own = make_product("Payments", plans=[plan]), make_app(person)
    make_policy(RULE)
    cmdb["risk"] = risk

    answer = Program(app, person).call("POST", body=order(own, product, plan=plan))

    assert [made["status"] for made in answer.get_json()["requests"]] == [status]


ROADS = {RequestKind.RENEWAL: ("renew", "Request renewal"), RequestKind.PLAN_CHANGE: ("plan", "Ask for Silver")}
