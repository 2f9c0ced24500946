"""The register of access in the Admin Portal: who sees what, terms and history, suspending, and another plan."""

import csv
import io

import pytest

from portal import access, accounts, credentials
from portal.access import GrantState, RequestKind, RequestStatus
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import (
    demanding,
    make_app,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Ada")


@pytest.fixture
def free():
    return make_plan("Free", auto_approve=True, credential_lifetime_days=90)


def give(product, plan, app_name="Route planner", *, person=None, **kwargs):
    person = person or make_user()
    request = make_request(person, product, plan=plan, app=make_app(person, app_name), **kwargs)
    (grant,) = access.grants_of(request.app)
    return grant


@pytest.fixture
def grant(owner, free):
    return give(make_product("Weather", plans=[free], owners=[owner]), free)


def names(page):
    return page.texts("tbody th a")


def test_C73_one_list_shows_every_access_with_owner_app_scopes_end_and_last_use(browser, owner, grant):
    here = browser(owner).get("/admin/access")

    row = here.text(f"#access-{grant.id}")
    for told in ("Route planner", grant.app.owner.display_name, "Acme", "Weather", "Free", *grant.scopes, "Never"):
        assert told in row
    assert "in 2 months" in row or "in 3 months" in row


def test_owners_see_their_products_and_auditors_and_administrators_all(browser, owner, grant, free):
    give(make_product("Other", plans=[free], owners=[make_user(RoleName.API_OWNER)]), free, "Elsewhere")
    give(make_product("Nobody’s", plans=[free]), free, "Unowned")

    assert names(browser(owner).get("/admin/access")) == ["Unowned", "Route planner"]
    for role in (RoleName.AUDITOR, RoleName.ADMINISTRATOR):
        assert names(browser(make_user(role)).get("/admin/access")) == ["Unowned", "Elsewhere", "Route planner"]
    stranger = browser(make_user(RoleName.API_OWNER))
    assert stranger.get(f"/admin/access/{grant.id}").status == 404
    for act in ("suspend", "resume", "revoke", "plan"):
        assert stranger.forge(f"/admin/access/{grant.id}/{act}", {"reason": "x"}).status == 404
    assert browser(make_user(RoleName.PLAN_MANAGER)).get("/admin/access").status == 403


def test_the_filters_stand_in_the_url(browser, owner, free):
    product = make_product("Weather", plans=[free], owners=[owner])
    first = give(product, free, "First", person=make_user(name="Grace Hopper", organisation="Navy"))
    second = give(product, free, "Second", environment=Environment.PROD)
    with transaction():
        access.suspend_access(second, by=owner, reason="Misuse.")
    third = give(product, free, "Third")
    with transaction():
        access.revoke_access(third, by=owner, reason="Over.")
    here = browser(owner)

    def shown(query):
        return names(here.get(f"/admin/access?{query}"))

    assert shown("") == ["Second", "First"]
    assert shown("show=active") == ["First"]
    assert shown("show=suspended") == ["Second"]
    assert shown("show=ended") == ["Third"]
    assert shown("show=all") == ["Third", "Second", "First"]
    assert shown("environment=prod") == ["Second"]
    assert shown("q=hopper") == shown("q=navy") == shown("q=FIRST") == ["First"]
    assert shown(f"q={first.credential.client_id}") == ["First"]
    assert shown("q=weath") == ["Second", "First"]
    assert shown("q=%25") == []
    assert shown("ends=30") == []
    assert shown("ends=90") == ["Second", "First"]
    assert shown(f"product={product.id}") == ["Second", "First"]
    assert here.get("/admin/access?show=nonsense").status == 404
    assert here.get("/admin/access?ends=5").status == 404


def test_the_pages_go_by_key_and_the_number_of_queries_stays(browser, owner, free, monkeypatch):
    monkeypatch.setattr("admin.grants.PAGE_SIZE", 3)
    product = make_product("Weather", plans=[free], owners=[owner])
    give(product, free, "App 0")
    here = browser(owner)
    here.get("/admin/access")
    with count_queries() as one:
        here.get("/admin/access")
    for number in range(1, 7):
        give(product, free, f"App {number}", person=make_user(organisation=f"House {number}"))

    with count_queries() as many:
        first = here.get("/admin/access")

    assert len(many) <= len(one) + 1
    assert names(first) == ["App 6", "App 5", "App 4"]
    second = first.follow("Next page")
    assert names(second) == ["App 3", "App 2", "App 1"]
    assert names(second.follow("Next page")) == ["App 0"]


def test_the_export_is_the_filtered_list_runs_no_formula_and_is_recorded(browser, owner, free):
    product = make_product("Weather", plans=[free], owners=[owner])
    give(product, free, "=HYPERLINK(1)")
    give(product, free, "Other", environment=Environment.PROD)

    page = browser(owner).get("/admin/access?environment=test").press("Export CSV")

    rows = list(csv.DictReader(io.StringIO(page.html)))
    assert [row["app"] for row in rows] == ["'=HYPERLINK(1)"]
    assert rows[0]["product"] == "Weather"
    assert len(rows[0]["terms_hash"]) == 64
    event = db.session.query(AuditEvent).filter_by(kind=EventKind.EXPORTED).one()
    assert event.after["access"]["environment"] == "test"


def test_C145_the_page_links_request_policy_and_reviews(browser, owner):
    plan = make_plan("Gold")
    policy = make_policy(demanding("owner"))
    product = make_product("Weather", plans=[plan], owners=[owner])
    request = make_request(None, product, plan=plan)
    with transaction():
        access.approve(request, by=owner, comment="Fine.")
    (grant,) = access.grants_of(request.app)

    here = browser(owner).get(f"/admin/access/{grant.id}")

    origin = here.text("#origin")
    assert policy.label in origin
    assert "It is the rule." in origin
    assert "Ada" in here.text("#origin .stage-list")
    assert here.follow(policy.label).status == 200
    assert here.follow(request.number).path == f"/admin/access-requests/{request.number}"
    assert grant.terms["policy_version"] == policy.label
    assert grant.terms_hash in here.text("#terms")


def test_C79_the_history_survives_the_app_and_its_people(browser, owner, grant):
    person = grant.app.owner
    with transaction():
        access.suspend_access(grant, by=owner, reason="Too many calls.")
    with transaction():
        access.resume_access(grant, by=owner, reason="Corrected.")
    with transaction():
        access.delete_app(grant.app, by=person)
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(person, by=administrator)

    here = browser(owner).get(f"/admin/access/{grant.id}")

    assert here.texts(".timeline-title") == [
        "Revoked",
        "Credential revoked",
        "Resumed",
        "Suspended",
        "Access given",
        "Credential issued",
    ]
    assert "Too many calls." in here.text("#history")
    assert "deleted" in here.text("aside")
    assert "Route planner" in names(browser(owner).get("/admin/access?show=ended"))[0]


def test_C77_an_owner_suspends_with_a_reason_and_undoes_it_from_the_message(browser, owner, grant):
    here = browser(owner).get(f"/admin/access/{grant.id}")
    refused = here.press("Suspend access", Reason="")
    assert refused.status == 422
    assert "Give a reason" in refused.text(".error-summary")

    here = here.press("Suspend access", Reason="Too many calls.")
    assert "Suspended" in here.text(".page-header")
    assert "Too many calls." in here.text(".notice-pending .notice-title ~ p")
    assert access.find_entitlement(grant.credential.client_id).openings == ()

    here = here.press("Undo", within="#messages")
    assert "works again" in here.text("#messages")
    assert access.find_entitlement(grant.credential.client_id).openings


def test_an_owner_revokes_with_a_reason(browser, owner, grant):
    here = browser(owner).get(f"/admin/access/{grant.id}").press("Revoke access", Reason="Misuse.")

    assert "Revoked" in here.text(".page-header")
    assert not here.has_button("Suspend access")
    assert grant.state is GrantState.REVOKED


def test_an_auditor_reads_and_does_nothing(browser, grant):
    auditor = browser(make_user(RoleName.AUDITOR))

    here = auditor.get(f"/admin/access/{grant.id}")

    assert here.status == 200
    assert not here.has_button("Suspend access")
    for act in ("suspend", "resume", "revoke", "plan"):
        assert auditor.forge(f"/admin/access/{grant.id}/{act}", {"reason": "x"}).status == 403


def test_T51_an_owner_asks_for_another_plan_and_answers_it_as_any_request(browser, owner, grant, free):
    gold = make_plan("Gold", quota_requests=9000)
    make_product(plans=[gold])
    with transaction():
        credentials.reveal(grant.credential, by=grant.app.owner)

    here = browser(owner).get(f"/admin/access/{grant.id}").follow("Change plan")
    assert "9,000 requests" in here.text("#changes")
    assert here.press("Ask for Gold", Reason="").status == 422

    here = here.press("Ask for Gold", Reason="Free is closed.")

    (request,) = [r for r in access.requests_of(grant.app.owner) if r.kind is RequestKind.PLAN_CHANGE]
    assert here.path == f"/admin/access-requests/{request.number}"
    assert "waits for an answer" in browser(owner).get(f"/admin/access/{grant.id}").text("main")
    here.press("Approve")
    assert request.status is RequestStatus.APPROVED
    old = browser(owner).get(f"/admin/access/{grant.id}")
    assert "Replaced" in old.text(".page-header")
    now = old.follow("the access as it is now")
    assert "Gold" in now.text("#terms")
    assert request.number in now.text("#origin")


def test_T51_a_plan_that_approves_by_itself_is_said_to_be_taken_and_the_new_access_is_shown(browser, owner, grant):
    gold = make_plan("Gold", auto_approve=True)
    make_product(plans=[gold])
    with transaction():
        credentials.reveal(grant.credential, by=grant.app.owner)

    here = browser(owner).get(f"/admin/access/{grant.id}").follow("Change plan")
    here = here.press("Ask for Gold", Reason="Free is closed.")

    assert "Approved at once" in here.text("#messages")
    assert "on Gold now" in here.text("#messages")
    assert "Gold" in here.text("#terms")
    assert "Replaced" not in here.text(".page-header")


def test_T51_who_owns_only_one_of_several_products_cannot_change_the_plan(browser, owner, free):
    person, other = make_user(), make_user(RoleName.API_OWNER)
    products = [make_product(plans=[free], owners=[owner]), make_product(plans=[free], owners=[other])]
    request = make_request(person, *products, plan=free)
    gold = make_plan("Gold")
    make_product(plans=[gold])
    grant = next(g for g in access.grants_of(request.app) if g.product == products[0])

    here = browser(owner).get(f"/admin/access/{grant.id}")

    assert "Change plan" not in here.text(".page-actions")
    assert browser(owner).get(f"/admin/access/{grant.id}/plan").status == 403


def test_terms_that_do_not_match_their_hash_are_called_out(browser, owner, grant):
    with transaction():
        grant.scopes = [*grant.scopes, "all"]

    assert "This is not what was approved" in browser(owner).get(f"/admin/access/{grant.id}").text("#terms")


def test_the_page_of_the_app_leads_to_the_access_that_one_may_see(browser, owner, grant):
    here = browser(owner).get(f"/admin/apps/{grant.app_id}").follow("Weather")

    assert here.path == f"/admin/access/{grant.id}"
