"""Plans in the Admin Portal: their terms, automatic approval, and two people at once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal import access, catalog
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.catalog import Plan, PlanState
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
BOX = "Auto approve access request"


@pytest.fixture
def manager(browser):
    return browser(make_user(RoleName.PLAN_MANAGER))


def stored(plan: Plan) -> Plan:
    db.session.expire_all()
    found = catalog.find_plan(plan.id)
    assert found is not None
    return found


def test_T17_a_plan_is_made_with_all_its_terms(manager):
    page = manager.get("/admin/plans").follow("New plan")

    page = page.press(
        "Make plan",
        **{
            "Name": "gold-2026",
            "Display name": "Gold",
            "Description": "For <b>busy</b> apps.",
            "Quota": "10,000",
            "Quota period": "day",
            "Rate limit": "20",
            "Rate limit seconds": "5",
            "Credential lifetime": "90",
            "Token lifetime": "600",
            "Scopes": "payments:read\r\npayments:write\n",
            "A reason is required": True,
            "Access request allowance": "3",
            "Allowance interval": "7",
        },
    )

    plan = db.session.scalars(select(Plan)).one()
    assert page.path == f"/admin/plans/{plan.id}"
    assert "The plan is made." in page.text()
    assert (plan.name, plan.display_name, plan.description) == ("gold-2026", "Gold", "For <b>busy</b> apps.")
    assert (plan.quota_requests, plan.quota_period, plan.rate_requests, plan.rate_seconds) == (10_000, "day", 20, 5)
    assert (plan.credential_lifetime_days, plan.token_lifetime_seconds) == (90, 600)
    assert plan.scopes == ["payments:read", "payments:write"]
    assert (plan.auto_approve, plan.reason_required, plan.state) == (False, True, PlanState.ACTIVE)
    assert (plan.allowance_requests, plan.allowance_days) == (3, 7)


def test_T17_empty_limits_mean_without_limit(manager):
    plan = make_plan(quota_requests=5, rate_requests=5, credential_lifetime_days=5, allowance_requests=5)

    manager.get(f"/admin/plans/{plan.id}").press(
        "Save changes",
        **{"Quota": "", "Rate limit": " ", "Credential lifetime": "", "Access request allowance": ""},
    )

    plan = stored(plan)
    assert plan.quota_requests is plan.rate_requests is None
    assert plan.credential_lifetime_days is plan.allowance_requests is None


def test_saving_without_a_change_changes_and_records_nothing(manager):
    plan = make_plan("Gold", description="One\r\ntwo", scopes=["a", "b"], quota_requests=7)

    page = manager.get(f"/admin/plans/{plan.id}").press("Save changes")

    assert "The changes are saved." in page.text()
    assert stored(plan).version == 1
    assert not db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.PLAN_CHANGED)).all()


@pytest.mark.parametrize("role", [RoleName.PLAN_MANAGER, RoleName.ADMINISTRATOR])
def test_T74_plan_managers_and_administrators_toggle_automatic_approval(browser, role):
    plan, person = make_plan(), browser(make_user(role))

    page = person.get(f"/admin/plans/{plan.id}").press("Save changes", **{BOX: True})

    assert stored(plan).auto_approve
    assert page.field(BOX).has_attr("checked")
    page.press("Save changes", **{BOX: False})
    assert not stored(plan).auto_approve


def test_T75_T76_automatic_approval_is_about_later_requests_only(browser, manager):
    plan, developer = make_plan(), make_user()
    owner = make_user(RoleName.API_OWNER)
    waiting = make_request(developer, plan=plan, owner=owner)
    page = manager.get(f"/admin/plans/{plan.id}")
    assert "later requests only" in page.text()

    page = page.press("Save changes", **{BOX: True})
    later = make_request(developer, plan=plan, owner=owner)

    assert waiting.status is RequestStatus.PENDING
    assert later.status is RequestStatus.APPROVED

    page.press("Save changes", **{BOX: False})
    assert make_request(developer, plan=plan, owner=owner).status is RequestStatus.PENDING
    assert later.status is RequestStatus.APPROVED


@pytest.mark.parametrize("value", ["y", "on", "true", "1"])
def test_B9_an_api_owner_cannot_forge_automatic_approval(browser, value):
    plan, owner = make_plan(description="Before"), browser(make_user(RoleName.API_OWNER))
    page = owner.get(f"/admin/plans/{plan.id}")
    assert page.field(BOX).has_attr("disabled")
    assert "Only plan managers and administrators can change this." in page.text()

    forged = owner.forge(
        f"/admin/plans/{plan.id}",
        {"name": plan.name, "description": "After", "auto_approve": value, "version": "1", "rate_seconds": "1",
         "token_lifetime_seconds": "3600", "allowance_days": "30", "state": "active"},
    )  # fmt: skip

    assert forged.status == 403
    assert (stored(plan).auto_approve, stored(plan).description) == (False, "Before")
    new = owner.forge(
        "/admin/plans/new",
        {"name": "Mine", "auto_approve": value, "rate_seconds": "1", "token_lifetime_seconds": "3600",
         "allowance_days": "30", "state": "active"},
    )  # fmt: skip
    assert new.status == 403
    assert len(catalog.plans()) == 1


def test_T74_an_api_owner_who_edits_other_terms_leaves_automatic_approval_as_it_is(browser):
    plan = make_plan(auto_approve=True)

    page = browser(make_user(RoleName.API_OWNER)).get(f"/admin/plans/{plan.id}")
    wrong = page.press("Save changes", Quota="many")
    right = wrong.press("Save changes", Quota="12")

    assert wrong.status == 422
    assert wrong.field(BOX).has_attr("checked")
    assert right.status == 200
    assert (stored(plan).auto_approve, stored(plan).quota_requests) == (True, 12)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Name", "  ", "missing"),
        ("Name", "", "Enter a name"),
        ("Name", "x" * 121, "too long"),
        ("Display name", "x" * 121, "too long"),
        ("Quota", "0", "from 1 to"),
        ("Quota", "-5", "from 1 to"),
        ("Quota", "99999999999", "from 1 to"),
        ("Quota", "many", "whole number"),
        ("Quota", "1.5", "whole number"),
        ("Quota", "1" * 5000, "whole number"),
        ("Rate limit seconds", "", "Enter a number"),
        ("Token lifetime", "59", "from 60 to 86,400"),
        ("Credential lifetime", "40000", "from 1 to 36,500"),
        ("Scopes", "two words", "without spaces"),
        ("Allowance interval", "0", "from 1 to"),
        ("Quota period", "fortnight", "valid choice"),
        ("State", "asleep", "valid choice"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_typed_is_lost(manager, field, value, words):
    plan = make_plan("Gold")
    names = {"Quota period": "quota_period", "State": "state"}

    page = manager.get(f"/admin/plans/{plan.id}").press(
        "Save changes", **{"Description": "Typed with care", names.get(field, field): value}
    )

    assert page.status == 422
    assert words in page.text(".error-summary")
    assert page.field("Description").get_text().strip() == "Typed with care"
    if field not in names:
        shown = page.field(field)
        assert (shown.get("value") or shown.get_text().strip()) == value or not value.strip()
    assert (stored(plan).version, stored(plan).description) == (1, "")


def test_a_name_that_is_taken_is_said_at_its_field(manager):
    make_plan("Gold")

    page = manager.get("/admin/plans/new").press("Make plan", Name="Gold", Description="Kept")

    assert page.status == 422
    assert "“Gold” is taken" in page.text(".field-error")
    assert page.field("Description").get_text().strip() == "Kept"


def test_R14_the_same_name_at_once_makes_one_plan_and_one_answer_409(app):
    from tests.support.browser import Browser

    people = [Browser(app, make_user(RoleName.PLAN_MANAGER)) for _ in range(2)]
    pages = [person.get("/admin/plans/new") for person in people]

    answers = race(2, lambda n: pages[n].press("Make plan", Name="Gold").status)

    assert not errors_in(answers)
    assert min(answers) == 200
    assert max(answers) in {409, 422}
    assert len(catalog.plans()) == 1


def test_R10_of_two_people_editing_one_plan_the_second_sees_a_conflict_and_keeps_the_text(browser, manager):
    plan = make_plan("Gold", quota_requests=10, rate_requests=10)
    mine = manager.get(f"/admin/plans/{plan.id}")
    other = browser(make_user(RoleName.ADMINISTRATOR, email="grace@portico.example"))
    other.get(f"/admin/plans/{plan.id}").press("Save changes", Quota="500", **{"Rate limit": "99"})

    page = mine.press("Save changes", Description="Typed with care", Quota="7")

    assert page.status == 409
    words = page.text(".notice-bad")
    assert "grace@portico.example" in words
    assert "Quota is now: 500 . You typed: 7" in words
    assert "Rate limit is now: 99 . You had not changed it" in words
    assert page.field("Description").get_text().strip() == "Typed with care"
    assert page.field("Quota")["value"] == "7"
    assert page.field("Rate limit")["value"] == "99"
    assert (stored(plan).quota_requests, stored(plan).description) == (500, "")

    again = page.press("Save changes")

    assert again.status == 200
    plan = stored(plan)
    assert (plan.quota_requests, plan.rate_requests, plan.description) == (7, 99, "Typed with care")


def test_R10_a_form_that_does_not_say_what_it_saw_changes_nothing(manager):
    plan = make_plan()
    fields = {"name": plan.name, "description": "x", "rate_seconds": "1", "token_lifetime_seconds": "3600",
              "allowance_days": "30", "state": "active"}  # fmt: skip

    for version in ("", "0", "-1", "abc", "9" * 30, "²"):
        for seen in ("", "[]", "[" * 5000, "null", "{"):
            page = manager.forge(f"/admin/plans/{plan.id}", {**fields, "version": version, "seen": seen})
            assert page.status == 409
    assert stored(plan).description == ""


def send(person, plan: Plan, **fields: str):
    """Send the page's form with these fields and the few that must be there."""
    page = person.get(f"/admin/plans/{plan.id}")
    kept = {name: page.field(name)["value"] for name in ("csrf_token", "version", "seen")}
    needed = {"rate_seconds": "1", "token_lifetime_seconds": "3600", "allowance_days": "30", "state": "active"}
    return person.post(f"/admin/plans/{plan.id}", {**kept, **needed, **fields})


def test_B2_fields_that_the_form_does_not_have_are_ignored(manager):
    plan = make_plan("Gold")

    page = send(
        manager, plan, name="Silver", id="99", slug="stolen", created_at="2001-01-01", is_admin="1", updated_at="x"
    )

    changed = stored(plan)
    assert page.status == 200
    assert (changed.name, changed.slug, changed.version) == ("Silver", plan.slug, 2)
    assert changed.created_at.year != 2001


def test_fields_that_are_not_sent_keep_what_is_stored(manager):
    plan = make_plan("Gold", quota_requests=5, scopes=["a"])

    send(manager, plan, name="Silver")

    changed = stored(plan)
    assert (changed.name, changed.quota_requests, changed.scopes) == ("Silver", 5, ["a"])


def test_retiring_a_plan_with_access_on_it_asks_once_and_names_the_consequence(manager):
    plan = make_plan(auto_approve=True)
    make_request(plan=plan)
    make_request(plan=plan)

    asked = manager.get(f"/admin/plans/{plan.id}").press("Save changes", state="retired", Description="Over")

    assert asked.status == 422
    assert "2 apps lose access at once" in asked.text(".error-summary")
    assert stored(plan).state is PlanState.ACTIVE
    done = asked.press("Save changes", **{"Yes, retire this plan": True})
    assert done.status == 200
    assert (stored(plan).state, stored(plan).description) == (PlanState.RETIRED, "Over")


def test_a_plan_that_nobody_uses_is_retired_without_a_question(manager):
    plan = make_plan()

    page = manager.get(f"/admin/plans/{plan.id}").press("Save changes", state="retired")

    assert page.status == 200
    assert stored(plan).state is PlanState.RETIRED


def test_a_closed_plan_takes_no_new_requests_and_access_goes_on(manager):
    plan = make_plan(auto_approve=True)
    request = make_request(plan=plan)

    manager.get(f"/admin/plans/{plan.id}").press("Save changes", state="closed")

    assert not catalog.offers_of(request.products[0])
    assert access.apps_with_access_to(plan) == 1


def test_B9_an_auditor_reads_every_plan_and_changes_none(browser):
    plan = make_plan("Gold", description="Shiny", quota_requests=1234)
    auditor = browser(make_user(RoleName.AUDITOR))

    page = auditor.get(f"/admin/plans/{plan.id}")

    assert "1,234 requests a month" in page.text()
    assert "Shiny" in page.text()
    assert not page.soup.select("main form")
    assert "New plan" not in auditor.get("/admin/plans").text()
    for path in (f"/admin/plans/{plan.id}", "/admin/plans/new"):
        assert auditor.forge(path, {"name": "Mine", "version": "1"}).status == 403
    assert auditor.get("/admin/plans/new").status == 403
    assert (stored(plan).name, len(catalog.plans())) == ("Gold", 1)


@pytest.mark.parametrize("role", [RoleName.CONSUMER, RoleName.SECURITY_REVIEWER])
def test_B1_consumers_and_reviewers_get_no_plan_page(browser, role):
    plan, visitor = make_plan(), browser(make_user(role))

    for path in ("/admin/plans", "/admin/plans/new", f"/admin/plans/{plan.id}"):
        assert visitor.get(path).status == 403
    assert visitor.forge(f"/admin/plans/{plan.id}", {"name": "x"}).status == 403


def test_C1_a_form_without_token_changes_nothing(manager):
    plan = make_plan("Gold")

    assert manager.post(f"/admin/plans/{plan.id}", {"name": "Silver", "version": "1"}).status == 400
    assert manager.post("/admin/plans/new", {"name": "Silver"}).status == 400
    assert stored(plan).name == "Gold"


def test_a_plan_that_is_not_there_is_not_found(manager):
    assert manager.get("/admin/plans/999").status == 404
    assert manager.forge("/admin/plans/999", {"name": "x"}).status == 404


def test_D1_what_people_type_is_shown_as_text(manager, browser):
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    plan = make_plan(evil, description=evil, scopes=[])

    for person in (manager, browser(make_user(RoleName.AUDITOR))):
        for path in ("/admin/plans", f"/admin/plans/{plan.id}"):
            page = person.get(path)
            assert "<script>alert" not in page.html
            assert "{{ 7*7 }}" in page.html


def test_the_list_says_the_terms_and_counts_products_in_a_constant_number_of_queries(manager):
    gold = make_plan("Gold", quota_requests=1000, rate_requests=5, auto_approve=True, credential_lifetime_days=30)
    make_product(plans=[gold])
    make_product(plans=[gold], state=catalog.ProductState.DRAFT)
    manager.get("/admin/plans")
    with count_queries() as few:
        page = manager.get("/admin/plans")
    row = page.text(f"#plan-{gold.id}")
    assert row == "Gold 1,000 requests a month 5 requests a second 30 days Automatic Active 1"

    for number in range(8):
        make_product(plans=[make_plan(f"Other {number}")])
    with count_queries() as many:
        manager.get("/admin/plans")
    assert len(many) == len(few)


def test_R8_automatic_approval_is_read_in_the_transaction_of_the_submit(manager):
    plan, developer = make_plan(auto_approve=True), make_user()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    app = make_app(developer)
    fill_cart(developer, product, plan=plan)

    manager.get(f"/admin/plans/{plan.id}").press("Save changes", **{BOX: False})
    with transaction():
        (request,) = access.submit(app, by=developer)

    assert request.status is RequestStatus.PENDING
