"""People leave, products end: shown before it is done, told, and done (C102)."""

import threading
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from sqlalchemy import select

from portal import access, accounts, catalog
from portal.access import Grant, RequestStatus
from portal.accounts import RoleName
from portal.catalog import ApiProduct, Plan, PlanState, ProductState
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.timekeeper import Timekeeper
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
SOON = datetime.now(UTC).date() + timedelta(days=30)


@pytest.fixture
def person():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def owner(browser, person):
    return browser(person)


@pytest.fixture
def plan():
    return make_plan("Gold", auto_approve=True)


@pytest.fixture
def product(person, plan):
    return make_product("Orders", owners=[person], plans=[plan])


def use(product, plan, *, requester=None, organisation="Acme", days_ago=None):
    """An app with access, last used so many days ago."""
    requester = requester or make_user(organisation=organisation)
    request = make_request(requester, product, plan=plan, app=make_app(requester))
    with transaction():
        (grant,) = access.grants_from(request)
        if days_ago is not None:
            grant.last_used_at = datetime.now(UTC) - timedelta(days=days_ago)
    return grant


def mails(kind="ending"):
    db.session.rollback()
    query = select(OutboxMessage).where(OutboxMessage.kind == kind).order_by(OutboxMessage.id)
    return db.session.scalars(query).all()


def now_of(thing):
    db.session.rollback()
    return db.session.get(type(thing), thing.id)


def test_C102_the_impact_is_told_in_numbers_and_names(owner, product, plan):
    for number in range(22):
        use(product, plan, organisation="Acme" if number % 2 else "Initech", days_ago=2 if number < 3 else 30)

    page = owner.get(f"/admin/products/{product.id}").follow("Retire")

    assert "22 apps in 2 organisations, 3 used it this week." in page.text("#impact")
    assert page.text("nav [aria-current]") == "Products"
    assert len(page.texts("#impact tbody tr")) == 20
    whole = page.follow("See all 22 apps")
    assert len(whole.texts("tbody tr")) == 22
    assert "22 apps in 2 organisations" in whole.text("main")


def test_the_page_takes_the_same_number_of_queries_for_one_and_for_many(app, owner, product, plan):
    numbers = []
    use(product, plan)
    for _ in range(2):
        owner.get(f"/admin/products/{product.id}/retire")
        with app.app_context(), count_queries() as counted:
            owner.get(f"/admin/products/{product.id}/retire")
        numbers.append(len(counted))
        for _ in range(4):
            use(product, plan)

    assert numbers[0] == numbers[1]


def test_a_product_is_deprecated_with_its_day_and_successor_and_each_owner_is_told_once(owner, product, plan):
    next_one = make_product("Orders 2")
    developer = make_user()
    for _ in range(2):
        use(product, plan, requester=developer)
    use(product, plan)

    page = owner.get(f"/admin/products/{product.id}").follow("Deprecate")
    wanted = {"Retired on": SOON.isoformat(), "Successor": str(next_one.id), "Reason": "Orders 2 is better."}
    done = page.press("Deprecate", **wanted)

    assert "is deprecated, and retired on" in done.text("#messages")
    stored = now_of(product)
    assert (stored.state, stored.retires_on, stored.successor_id) == (ProductState.DEPRECATED, SOON, next_one.id)
    told = mails()
    assert sorted(mail.recipient for mail in told) == sorted({developer.email, told[-1].recipient})
    assert len(told) == 2
    (mine,) = [mail for mail in told if mail.recipient == developer.email]
    assert f"{SOON.day} {SOON:%B %Y}" in mine.payload["text"]
    assert "Orders 2" in mine.payload["text"]
    assert "Orders 2 is better." in mine.payload["text"]
    assert "at 00:00 UTC" in mine.payload["text"]
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.PRODUCT_ENDING))
    assert event.after == {"retires_on": SOON.isoformat(), "successor": "Orders 2"}


def test_a_notice_without_a_day_tells_nobody_by_mail_and_can_get_one_later(owner, product, plan):
    use(product, plan)
    page = owner.get(f"/admin/products/{product.id}/deprecate").press("Deprecate")
    assert now_of(product).state is ProductState.DEPRECATED
    assert not mails()

    page = page.follow("Change the notice").press("Save the notice", **{"Retired on": SOON.isoformat()})

    assert page.status == 200
    assert len(mails()) == 1
    with transaction():
        catalog.change_product_state(now_of(product), ProductState.PUBLISHED, by=None)
    assert now_of(product).retires_on is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Retired on": "2020-01-01"}, "after today"),
        ({"Retired on": "soon"}, "Not a valid date"),
        ({"Successor": "999999"}, "Not a valid choice"),
    ],
)
def test_a_bad_notice_is_refused_in_words_and_kept(owner, product, fields, words):
    page = owner.get(f"/admin/products/{product.id}/deprecate").press("Deprecate", Reason="Old.", **fields)

    assert page.status == 422
    assert words in page.text(".error-summary")
    assert "Old." in page.text("textarea")
    assert now_of(product).state is ProductState.PUBLISHED


def test_the_reason_for_a_retirement_is_called_optional_only_while_nobody_loses_access(owner, product, plan):
    assert "Reason optional" in owner.get(f"/admin/products/{product.id}/retire").text("main form")

    use(product, plan)

    page = owner.get(f"/admin/products/{product.id}/retire")
    assert "Reason optional" not in page.text("main form")
    assert page.press("Retire now").status == 422


def test_what_changed_since_it_was_shown_is_shown_anew_and_nothing_is_done(owner, product, plan):
    use(product, plan)
    page = owner.get(f"/admin/products/{product.id}/retire")
    use(product, plan)

    again = page.press("Retire now", Reason="Over.")

    assert again.status == 409
    assert "2 apps in 1 organisation" in again.text("#impact")
    assert "Over." in again.text("textarea")
    assert now_of(product).state is ProductState.PUBLISHED
    assert again.press("Retire now").status == 200
    assert now_of(product).state is ProductState.RETIRED
    assert len(mails()) == 2
    assert "has ended" in mails()[0].payload["text"]


@pytest.mark.parametrize("action", ["deprecate", "retire"])
def test_nobody_ends_what_is_in_use_without_having_seen_the_impact(owner, product, plan, action):
    use(product, plan)

    answer = owner.forge(f"/admin/products/{product.id}/{action}", {"version": "1", "reason": "Over."})

    assert answer.status == 409
    assert now_of(product).state is ProductState.PUBLISHED


@pytest.mark.parametrize("path", ["deprecate", "retire"])
def test_only_owners_of_the_product_end_it(browser, product, path):
    for role in (RoleName.API_OWNER, RoleName.AUDITOR, RoleName.CONSUMER):
        assert browser(make_user(role)).get(f"/admin/products/{product.id}/{path}").status == 403


def test_the_timekeeper_retires_on_the_day_with_one_mail_and_one_event(app, product, plan, person):
    use(product, plan)
    with transaction():
        ended, slow = db.session.get(ApiProduct, product.id), db.session.get(Plan, plan.id)
        ended.retires_on = slow.retires_on = SOON
    keeper = Timekeeper(app, threading.Event())

    with time_machine.travel(datetime.combine(SOON, time.min, UTC) - timedelta(seconds=1), tick=False):
        keeper.round()
        assert now_of(product).state is ProductState.PUBLISHED
    keeper._next.clear()
    for _ in range(2):
        with time_machine.travel(datetime.combine(SOON, time.min, UTC), tick=False):
            keeper.round()
        keeper._next.clear()

    assert now_of(product).state is ProductState.RETIRED
    assert now_of(plan).state is PlanState.RETIRED
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.PRODUCT_STATE_CHANGED)).all()
    assert [(event.actor, event.after["state"]) for event in events] == [("Portico", "retired")]
    assert len(mails()) == 2  # one for the product, one for the plan


def test_T34_a_plan_with_users_ends_on_a_day(browser, product, plan):
    use(product, plan)
    silver = make_plan("Silver")
    manager = browser(make_user(RoleName.PLAN_MANAGER))
    page = manager.get(f"/admin/plans/{plan.id}").follow("end this plan")
    assert "1 app in 1 organisation" in page.text("#impact")

    assert page.press("End the plan", how="on_day").status == 422
    page.press("End the plan", how="on_day", successor=str(silver.id), **{"Retired on": SOON.isoformat()})

    stored = now_of(plan)
    assert (stored.state, stored.retires_on, stored.successor_id) == (PlanState.CLOSED, SOON, silver.id)
    (mail,) = mails()
    assert "the plan Gold ends" in mail.payload["text"]


def test_T34_a_plan_with_users_is_closed_or_retired_at_once(browser, product, plan):
    use(product, plan)
    manager = browser(make_user(RoleName.PLAN_MANAGER))

    manager.get(f"/admin/plans/{plan.id}/end").press("End the plan", how="close")
    assert now_of(plan).state is PlanState.CLOSED
    assert not mails()
    page = manager.get(f"/admin/plans/{plan.id}/end")
    assert "Leave it closed" in page.text("main")
    assert page.press("End the plan", how="at_once").status == 422
    page.press("End the plan", how="at_once", Reason="Nobody pays.")

    assert now_of(plan).state is PlanState.RETIRED
    assert "has ended" in mails()[0].payload["text"]


def test_T34_the_form_of_a_plan_does_not_retire_on_numbers_that_are_not_true(browser, product, plan):
    use(product, plan)
    manager = browser(make_user(RoleName.PLAN_MANAGER))
    asked = manager.get(f"/admin/plans/{plan.id}").press("Save changes", state="retired")
    assert "1 app in 1 organisation" in asked.text(".error-summary")
    use(product, plan)

    again = asked.press("Save changes", **{"Yes, retire this plan": True})

    assert again.status == 422
    assert "This has changed meanwhile. 2 apps" in again.text(".error-summary")
    assert now_of(plan).state is PlanState.ACTIVE
    again.press("Save changes", **{"Yes, retire this plan": True})
    assert now_of(plan).state is PlanState.RETIRED
    assert len(mails()) == 2


def test_C102_before_an_account_is_closed_its_apps_and_products_are_shown(browser, product, plan, person):
    admin = browser(make_user(RoleName.ADMINISTRATOR))
    developer = make_user()
    grant = use(product, plan, requester=developer, days_ago=1)

    page = admin.get(f"/admin/users/{developer.id}").follow("Deactivate")
    assert "1 app in 1 organisation, 1 used it this week." in page.text("#impact")
    assert grant.app.name in page.text("#apps")
    assert "Orders" in admin.get(f"/admin/users/{person.id}/deactivate").text("#owned")
    use(product, plan, requester=developer)
    again = page.press("Close the account", Reason="Left.")
    assert again.status == 409
    assert now_of(developer).active

    done = again.press("Close the account")

    assert not now_of(developer).active
    assert "2 apps of theirs should go to somebody else." in done.text("#messages")
    shown = done.follow(f"Give {grant.app.name} to somebody else")
    assert "whose account is closed" in shown.text("main")
    assert "Without an owner" in admin.get(f"/admin/apps/{grant.app_id}").text("main")
    assert "2 apps are without an owner" in admin.get("/admin/").text("main")
    assert grant.app.name in admin.get("/admin/").text("#orphans")
    assert "without an owner" not in browser(make_user(RoleName.API_OWNER)).get("/admin/").text("main")


def test_the_impact_counts_what_waits_and_not_what_ended(product, plan):
    slow = make_plan()
    with transaction():
        general = catalog.catalogues_with(plan)[0]
        general.plans.append(db.session.get(Plan, slow.id))
    ended, waiting = use(product, plan), make_request(make_user(), product, plan=slow)
    with transaction():
        db.session.get(Grant, ended.id).ends_at = datetime.now(UTC) - timedelta(seconds=1)

    impact = access.impact_of(product)

    assert waiting.status is RequestStatus.PENDING
    assert (impact.apps, impact.pending) == (0, 1)
    assert impact.in_words == "No app has access. 1 request waits for a decision."
    assert access.impact_of(slow).pending == access.impact_of(waiting.app).pending == 1
    assert access.impact_of(accounts.find_person(waiting.requester_id)).pending == 1
