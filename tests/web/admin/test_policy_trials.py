"""Trying a policy before it counts: the dry run, and the replay of what was asked."""

import pytest

from portal.accounts import RoleName
from portal.catalog import Environment
from tests.service.policies.drafts import a_rule, drafted
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR, name="Noor")


@pytest.fixture
def security():
    return make_user(RoleName.SECURITY_REVIEWER, name="Hana")


def test_C50_a_dry_run_shows_outcome_stages_people_dates_and_each_condition(browser, admin, security):
    consumer, owner = make_user(name="Maya"), make_user(RoleName.API_OWNER, name="Ingrid")
    plan = make_plan("Gold")
    product = make_product("Payments", plans=[plan], owners=[owner])
    make_app(consumer, "Shop")
    draft = drafted(a_rule(), a_rule("outside", "security", when=_outside()), by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}").follow("Dry run")
    page = page.press(
        "Try it",
        Requester=consumer.email,
        product=[str(product.id)],
        Plan=str(plan.id),
        Environment="prod",
        audience="?",
    )

    outcome = page.text("#outcome")
    assert "Needs 2 stages" in outcome
    assert "Ingrid" in outcome
    assert "Hana" in outcome
    assert "UTC" in outcome
    trace = page.text(f"#trace-{product.id}")
    assert "the environment is production production Holds" in trace
    assert "the audience is external not known Not known" in trace
    assert "This rule counts" in trace


def _outside():
    return {"attribute": "audience", "is": "equals", "value": "external"}


def test_C50_a_past_request_is_tried_on_its_own_facts_with_no_trace(browser, admin, security):
    request = make_request(environment=Environment.PROD)
    draft = drafted(a_rule(outcome="deny"), by=admin)
    person = browser(admin)

    page = person.get(f"/admin/policies/{draft.id}/dry-run")
    assert person.get(f"/admin/policies/{draft.id}/dry-run?request=AR-2026-999999").text("main").count("There is no")
    page = page.press("Try this request", **{"Request number": request.number})

    assert "Denied by policy" in page.text("#outcome")
    assert f"On the facts on which {request.number} was judged" in page.text("#outcome")
    assert request.is_pending


def test_a_dry_run_says_what_is_missing(browser, admin):
    draft = drafted(by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}/dry-run")
    make_plan()
    page = browser(admin).get(f"{page.path}?requester=nobody@nowhere.example&at=yesterday")

    told = page.text(".error-summary")
    for words in ("nobody@nowhere.example", "at least one product", "Choose a plan", "The moment"):
        assert words in told


def test_C127_a_dry_run_can_be_made_at_another_moment(browser, admin, security):
    consumer, plan = make_user(), make_plan()
    product = make_product("Clock", plans=[plan])
    hours = {"from": "08:00", "until": "18:00", "days": ["mon"]}
    rule = a_rule("night", when={"not": {"attribute": "time.local", "is": "within_hours", "value": hours}})
    draft = drafted(rule, by=admin)
    query = {"requester": consumer.email, "product": product.id, "plan": plan.id}

    at_noon = browser(admin).get(
        f"/admin/policies/{draft.id}/dry-run", query_string={**query, "at": "2026-11-16T12:00"}
    )
    at_night = browser(admin).get(
        f"/admin/policies/{draft.id}/dry-run", query_string={**query, "at": "2026-11-16T22:00"}
    )

    assert "Needs 1 stage" in at_noon.text("#outcome")
    assert "Needs 2 stages" in at_night.text("#outcome")


def _restricted():
    return {"attribute": "product.classification", "is": "equals", "value": "restricted"}


def test_the_replay_names_what_would_change_and_links_there(browser, admin, security):
    production = make_request(environment=Environment.PROD)
    make_request()
    draft = drafted(a_rule(), a_rule("dead", when=_restricted()), by=admin)

    page = browser(admin).get(f"/admin/policies/{draft.id}").follow("Replay")

    assert "1 of 2 would gain Security." in page.text("#result")
    assert page.text("#dead").endswith("dead")
    assert production.number in page.follow(production.number).text("h1")


def test_a_dry_run_tells_an_owner_of_nobody_whose_requests_they_cannot_see(browser, admin, security):
    owner, plan = make_user(RoleName.API_OWNER, name="Ingrid"), make_plan()
    product = make_product("Payments", plans=[plan], owners=[owner])
    known, stranger = make_user(name="Maya"), make_user(name="Paul")
    make_request(known, product, plan=plan)
    make_app(stranger, "Secret plans")
    draft = drafted(a_rule(), by=admin)

    def tried(by, email):
        query = {"requester": email, "product": product.id, "plan": plan.id, "environment": "prod"}
        return browser(by).get(f"/admin/policies/{draft.id}/dry-run", query_string=query)

    there, nowhere = (
        tried(owner, email).text(".error-summary").replace(email, "?")
        for email in (stranger.email, "nobody@nowhere.example")
    )
    assert there == nowhere
    assert "Secret plans" not in tried(owner, stranger.email).text("main")
    assert not tried(owner, stranger.email).soup.select("#people option")
    for mine in (known.email, owner.email):
        assert "Needs 2 stages" in tried(owner, mine).text("#outcome")
    assert "Needs 2 stages" in tried(admin, stranger.email).text("#outcome")
    assert "There is nobody" in tried(admin, "nobody@nowhere.example").text(".error-summary")
