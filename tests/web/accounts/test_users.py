"""The administrators' pages about people."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal import accounts, apps
from portal.accounts import RoleName, User
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.browser import Browser
from tests.support.builders import make_app, make_user
from tests.support.queries import count_queries
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


def roles_of(person: User) -> set[RoleName]:
    db.session.expire_all()
    found = accounts.find_person(person.id)
    assert found is not None
    return found.role_names


def administrators() -> int:
    db.session.expire_all()
    return len(accounts.people_with_role(RoleName.ADMINISTRATOR))


def test_people_are_searched_and_filtered(browser):
    admin = make_user(RoleName.ADMINISTRATOR, email="root@portico.example", name="Grace")
    make_user(RoleName.AUDITOR, email="aud@portico.example", name="Annie")
    make_user(email="dev@acme.example", name="Ada")
    page = browser(admin).get("/admin/users")

    assert len(page.texts("tbody tr")) == 3
    assert "Ada" in page.press("Search", q="ADA").text("tbody")
    assert len(page.press("Search", q="portico").texts("tbody tr")) == 2
    assert len(page.press("Search", role="auditor").texts("tbody tr")) == 1
    assert "Nobody found" in page.press("Search", q="100%").text()


def test_people_are_paged_by_key(browser):
    admin = make_user(RoleName.ADMINISTRATOR, email="zz@portico.example")
    for number in range(120):
        make_user(email=f"p{number:03}@acme.example")
    page, seen = browser(admin).get("/admin/users"), []
    while True:
        seen += page.texts("tbody .cell-note")
        if "Next page" not in page.text():
            break
        page = page.follow("Next page")

    assert len(seen) == len(set(seen)) == 121
    assert seen == sorted(seen)


def test_the_list_takes_as_many_queries_for_forty_as_for_one(browser):
    visitor = browser(make_user(RoleName.ADMINISTRATOR))
    visitor.get("/admin/users")
    with count_queries() as few:
        visitor.get("/admin/users")
    for number in range(40):
        make_user(RoleName.CONSUMER, RoleName.API_OWNER, organisation=f"Organisation {number}")
    with count_queries() as many:
        visitor.get("/admin/users")

    assert len(many) == len(few) <= 8


def test_the_page_of_a_person_takes_as_many_queries_for_many_apps(browser):
    visitor, person = browser(make_user(RoleName.ADMINISTRATOR)), make_user()
    visitor.get(f"/admin/users/{person.id}")
    make_app(person)
    with count_queries() as few:
        visitor.get(f"/admin/users/{person.id}")
    for _ in range(10):
        make_app(person)
    with count_queries() as many:
        visitor.get(f"/admin/users/{person.id}")

    assert len(many) == len(few)


def test_an_administrator_gives_and_takes_roles(browser):
    admin, person = make_user(RoleName.ADMINISTRATOR), make_user()
    page = browser(admin).get(f"/admin/users/{person.id}")

    page.press("Save changes", roles=["api_owner", "auditor"])

    assert roles_of(person) == {RoleName.API_OWNER, RoleName.AUDITOR}
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.ROLES_CHANGED)).one()
    assert (event.before, event.after) == ({"roles": ["consumer"]}, {"roles": ["api_owner", "auditor"]})


def test_roles_that_somebody_else_changed_meanwhile_are_not_overwritten(browser):
    admin, person = make_user(RoleName.ADMINISTRATOR), make_user()
    visitor = browser(admin)
    page = visitor.get(f"/admin/users/{person.id}")
    with transaction():
        accounts.change_roles(accounts.find_person(person.id), {RoleName.AUDITOR}, by=admin)

    answer = page.press("Save changes", roles=["api_owner"])

    assert answer.status == 409
    assert "meanwhile" in answer.text()
    assert roles_of(person) == {RoleName.AUDITOR}


def test_a_role_that_does_not_exist_is_refused(browser):
    admin, person = make_user(RoleName.ADMINISTRATOR), make_user()

    answer = browser(admin).forge(f"/admin/users/{person.id}/roles", {"roles": "emperor", "seen": "consumer"})

    assert answer.status == 422
    assert roles_of(person) == {RoleName.CONSUMER}


def test_an_account_is_closed_with_a_reason_and_opened_again(browser):
    admin, person = make_user(RoleName.ADMINISTRATOR), make_user()
    make_app(person)
    visitor = browser(admin)
    page = visitor.get(f"/admin/users/{person.id}").follow("Deactivate")
    assert "No app has access." in page.text("#impact")
    assert page.texts("#apps .row-title") == [apps.apps_of(person)[0].name]

    assert page.press("Close the account").status == 422
    page.press("Close the account", Reason="Left the company.")
    db.session.expire_all()
    assert not accounts.find_person(person.id).active
    visitor.get(f"/admin/users/{person.id}").press("Open the account", Reason="Came back.")

    db.session.expire_all()
    assert accounts.find_person(person.id).active
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.DEACTIVATED)).one()
    assert (event.reason, event.actor_id) == ("Left the company.", admin.id)


def test_B6_the_last_administrator_can_neither_step_down_nor_be_closed(browser):
    admin = make_user(RoleName.ADMINISTRATOR)
    visitor = browser(admin)
    page = visitor.get(f"/admin/users/{admin.id}")

    down = page.press("Save changes", roles=["auditor"])
    closed = visitor.forge(f"/admin/users/{admin.id}/deactivate", {"reason": "bye"})

    assert down.status in {403, 409}
    assert closed.status == 409
    assert roles_of(admin) == {RoleName.ADMINISTRATOR}
    assert administrators() == 1


def test_B6_an_inactive_administrator_does_not_count(browser):
    admin = make_user(RoleName.ADMINISTRATOR)
    make_user(RoleName.ADMINISTRATOR, active=False)

    assert browser(admin).forge(f"/admin/users/{admin.id}/deactivate", {"reason": "bye"}).status == 409


def test_B6_when_all_administrators_close_each_other_at_once_one_remains(app, browser):
    admins = [make_user(RoleName.ADMINISTRATOR) for _ in range(4)]
    pairs = [(admins[n].id, admins[(n + 1) % 4].id) for n in range(4)]

    def close_the_next(number: int) -> None:
        by, target = pairs[number]
        with transaction():
            accounts.deactivate(accounts.find_person(target), by=accounts.find_person(by), reason="race")

    race(4, close_the_next)

    assert administrators() == 1


def test_B6_when_two_administrators_demote_each_other_at_once_one_remains(app):
    one, two = make_user(RoleName.ADMINISTRATOR).id, make_user(RoleName.ADMINISTRATOR).id

    def demote(number: int) -> None:
        by, target = ((one, two), (two, one))[number]
        with transaction():
            accounts.change_roles(accounts.find_person(target), {RoleName.CONSUMER}, by=accounts.find_person(by))

    race(2, demote)

    assert administrators() == 1


def test_nobody_gives_themselves_a_role(browser):
    admin = make_user(RoleName.ADMINISTRATOR)
    page = browser(admin).get(f"/admin/users/{admin.id}")

    answer = page.press("Save changes", roles=["administrator", "api_owner"])

    assert answer.status == 403
    assert "cannot give yourself" in answer.text()
    assert roles_of(admin) == {RoleName.ADMINISTRATOR}


@pytest.mark.parametrize("action", ["roles", "deactivate", "reactivate", "end-sessions"])
@pytest.mark.parametrize(
    "role",
    [RoleName.AUDITOR, RoleName.API_OWNER, RoleName.PLAN_MANAGER, RoleName.SECURITY_REVIEWER, RoleName.CONSUMER],
)
def test_B9_who_may_not_edit_people_changes_nothing(browser, action, role):
    person, visitor = make_user(), browser(make_user(role))
    before = db.session.scalar(select(func.count()).select_from(AuditEvent))

    answer = visitor.forge(f"/admin/users/{person.id}/{action}", {"roles": "administrator", "reason": "x"})

    assert answer.status == 403
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == before


def test_B9_an_auditor_reads_people_and_sees_no_buttons(browser):
    person = make_user()
    visitor = browser(make_user(RoleName.AUDITOR))

    assert visitor.get("/admin/users").status == 200
    page = visitor.get(f"/admin/users/{person.id}")
    assert page.status == 200
    assert not page.has_button("Save changes", within="main")


@pytest.mark.parametrize("role", [RoleName.CONSUMER, RoleName.API_OWNER, RoleName.PLAN_MANAGER])
def test_B1_who_may_not_see_people_does_not(browser, role):
    visitor = browser(make_user(role))

    assert visitor.get("/admin/users").status == 403
    assert visitor.get("/admin/users/1").status == 403


@pytest.mark.parametrize("path", ["/admin/users/{}/roles", "/admin/users/{}/deactivate", "/account/name"])
def test_B2_fields_that_no_form_offers_are_not_looked_at(browser, path):
    admin, person = make_user(RoleName.ADMINISTRATOR), make_user(name="Ada")
    before = person.email, person.organisation_id, person.password, person.created_at, person.confirmed_at
    extra = {
        "email": "evil@x.example", "organisation_id": "99", "password": "x", "created_at": "2020-01-01", "id": "1",
        "is_admin": "1", "role": "administrator", "confirmed_at": "", "user_id": str(admin.id), "fs_uniquifier": "x",
    }  # fmt: skip

    who = person if path == "/account/name" else admin
    browser(who).forge(
        path.format(person.id), {"seen": "consumer", "roles": "consumer", "reason": "r", "name": "Ada", **extra}
    )

    db.session.refresh(person)
    assert (person.email, person.organisation_id, person.password, person.created_at, person.confirmed_at) == before
    assert roles_of(person) == {RoleName.CONSUMER}


def test_a_person_changes_their_own_name(browser):
    person = make_user(name="Before")

    page = browser(person).get("/account").press("Save name", Name="  Ada\t Lovelace ")

    db.session.refresh(person)
    assert person.name == "Ada Lovelace"
    assert "name is saved" in page.text()


def test_a_name_that_is_too_long_is_refused_and_kept(browser):
    page = browser(make_user()).get("/account").press("Save name", Name="x" * 121)

    assert page.status == 422
    assert page.field("Name")["value"] == "x" * 121


def test_everybody_who_is_signed_in_has_an_account_page(browser):
    for role in RoleName:
        assert browser(make_user(role)).get("/account").status == 200


def test_many_people_sign_in_at_once(app):
    people = [make_user().email for _ in range(24)]

    def sign_in(number: int) -> str:
        return Browser(app).sign_in(people[number]).path

    results = race(24, sign_in)  # more than the pool has connections

    assert not errors_in(results)
    count = select(func.count()).where(AuditEvent.kind == EventKind.SIGNED_IN)
    assert db.session.scalar(count) == 24


def test_trap_11_sign_ins_and_failures_of_one_person_at_once(app):
    person = make_user()
    email = person.email

    def come_and_go(number: int) -> list[int]:
        visitor, statuses = Browser(app), []
        for turn in range(4):
            password = "portico-demo" if (number + turn) % 2 else "wrong wrong"
            statuses.append(visitor.get("/login").press("Sign in", Email=email, Password=password).status)
            if visitor.get("/account").path == "/account":
                visitor.get("/account").press("Sign out")
        return statuses

    results = race(8, come_and_go)

    assert not errors_in(results)
    assert {status for statuses in results for status in statuses} <= {200, 404, 422}, results
    counts = dict(db.session.execute(select(AuditEvent.kind, func.count()).group_by(AuditEvent.kind)).all())
    assert counts[EventKind.SIGNED_IN] == counts[EventKind.SIGN_IN_FAILED] == counts[EventKind.SIGNED_OUT] == 16
