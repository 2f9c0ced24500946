"""Reviewer groups, organisations and calendars: who may see and change them, and what follows from a change."""

import re

import pytest

from portal import access, accounts, schedule
from portal.access import AccessRequest
from portal.accounts import OrganisationKind, RoleName, User
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.browser import Page
from tests.support.builders import make_organisation, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admin() -> User:
    return make_user(RoleName.ADMINISTRATOR, email="root@portico.example")


@pytest.fixture
def legal(admin: User) -> str:
    with transaction():
        accounts.add_group("legal", name="Legal", by=admin)
    return "legal"


def members(key: str) -> set[str]:
    db.session.rollback()
    return {person.email for person in accounts.members_of(key)}


def said(page: Page, label: str) -> str:
    field = page.field(label)
    return str(field["value"] if field.name == "input" else field.text.lstrip("\r\n"))


def wait_for_group(request: AccessRequest, key: str) -> None:
    with transaction():
        (stage,) = db.session.get(AccessRequest, request.id).stages
        stage.template = {**stage.template, "sources": [{"kind": "group", "key": key}]}
        for assignee in list(stage.assignees):
            db.session.delete(assignee)
    with transaction():
        access.restaff([db.session.get(AccessRequest, request.id)])


def test_C34_an_administrator_makes_a_group_and_fills_it(browser, admin):
    page = browser(admin).get("/admin/groups").follow("New group")

    page = page.press("Make group", Name="Data protection", Key="data-protection", Description="Personal data.")
    assert page.text("h1") == "Data protection"
    assert "Nobody is in this group" in page.text()
    ada = make_user(email="ada@acme.example", name="Ada")
    page = page.press("Add to the group", **{"Email address": "ADA@acme.example"})

    assert members("data-protection") == {"ada@acme.example"}
    assert RoleName.REVIEWER in db.session.get(User, ada.id).role_names
    assert "Ada" in page.text("#members")


def test_C34_what_waits_for_the_group_waits_for_a_new_member_at_once(browser, admin, legal):
    request, lawyer = make_request(), make_user(email="lawyer@acme.example")
    wait_for_group(request, legal)

    browser(admin).get("/admin/groups/legal").press("Add to the group", **{"Email address": lawyer.email})

    db.session.rollback()
    assert access.may_decide(db.session.get(AccessRequest, request.id), db.session.get(User, lawyer.id))
    browser(admin).get("/admin/groups/legal").press("Take out")
    db.session.rollback()
    assert members("legal") == set()
    assert not access.may_decide(db.session.get(AccessRequest, request.id), db.session.get(User, lawyer.id))


@pytest.mark.parametrize("address", ["", "nobody@acme.example", "closed@acme.example"])
def test_only_somebody_with_an_open_account_joins_a_group(browser, admin, legal, address):
    make_user(email="closed@acme.example", active=False)

    page = browser(admin).get("/admin/groups/legal").press("Add to the group", **{"Email address": address})

    assert page.status == 422
    assert page.text(".field-error")
    assert members("legal") == set()


def test_nobody_joins_twice(browser, admin, legal):
    ada = make_user()
    for status in (200, 409):
        page = browser(admin).get("/admin/groups/legal").press("Add to the group", **{"Email address": ada.email})
        assert page.status == status

    assert members("legal") == {ada.email}


@pytest.mark.parametrize(("key", "status"), [("Legal!", 422), ("", 422), ("legal", 409)])
def test_a_group_needs_a_key_of_its_own(browser, admin, legal, key, status):
    page = browser(admin).get("/admin/groups/new").press("Make group", Name="Other", Key=key)

    assert page.status == status
    assert page.text(".error-summary, .field-error")
    assert len(accounts.groups()) == 1


@pytest.mark.parametrize("path", ["/admin/groups", "/admin/organisations", "/admin/calendars"])
def test_an_auditor_sees_and_changes_nothing(browser, legal, path):
    page = browser(make_user(RoleName.AUDITOR)).get(path)

    assert "New " not in page.text("main")
    assert browser(make_user()).get(path).status == 403


def test_C53_an_organisation_has_a_kind_and_a_sponsor(browser, admin):
    organisation, sponsor = make_organisation("Globex"), make_user(RoleName.API_OWNER, name="Hank")
    page = browser(admin).get("/admin/organisations").press("Search", q="glob").follow("Globex")

    page = page.press("Save changes", kind="partner", Sponsor=sponsor.email)

    db.session.rollback()
    stored = accounts.find_organisation(organisation.id)
    assert (stored.kind, stored.sponsor.id) == (OrganisationKind.PARTNER, sponsor.id)
    assert "Hank" in page.text("#facts")
    (event,) = db.session.query(AuditEvent).filter_by(kind=EventKind.ORGANISATION_CHANGED)
    assert event.after == {"kind": "partner", "sponsor": sponsor.email}
    assert page.press("Save changes", Sponsor="nobody@acme.example").status == 422


def test_C67_a_new_sponsor_is_asked_at_once(browser, admin):
    requester, sponsor = make_user(organisation="Globex"), make_user(RoleName.API_OWNER)
    request = make_request(requester)
    with transaction():
        (stage,) = db.session.get(AccessRequest, request.id).stages
        stage.template = {**stage.template, "sources": [{"kind": "sponsor"}]}
    organisation_id = db.session.get(User, requester.id).organisation_id

    browser(admin).get(f"/admin/organisations/{organisation_id}").press("Save changes", Sponsor=sponsor.email)

    db.session.rollback()
    assert access.may_decide(db.session.get(AccessRequest, request.id), db.session.get(User, sponsor.id))


def test_a_person_moves_to_another_organisation(browser, admin):
    page = browser(admin).get("/admin/organisations/new").press("Make organisation", Name="Initech", kind="vendor")
    person = make_user()

    page = page.press("Add to the organisation", **{"Email address": person.email})

    assert person.email in page.text("#people")
    db.session.rollback()
    assert db.session.get(User, person.id).organisation.name == "Initech"
    assert page.press("Add to the organisation", **{"Email address": person.email}).status == 409
    page = browser(admin).get("/admin/organisations/new").press("Make organisation", Name="Initech")
    assert page.status == 409


def test_C41_an_administrator_says_when_people_work(browser, admin):
    page = browser(admin).get("/admin/calendars").follow("Working hours")

    page = page.press(
        "Save changes",
        **{
            "Time zone": "Europe/Vienna",
            "Work begins": "8:30",
            "Work ends": "16.30",
            "Holidays": "2026-12-25 Christmas Day\n\n2026-01-01  New Year",
        },
    )

    db.session.rollback()
    calendar = schedule.calendar_named("default")
    assert (calendar.zone, calendar.opens, calendar.closes) == ("Europe/Vienna", 510, 990)
    assert [each["date"] for each in calendar.holidays] == ["2026-01-01", "2026-12-25"]
    assert "08:30 to 16:30, Europe/Vienna" in page.text()
    assert "2026-12-25 Christmas Day" in said(page, "Holidays")


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("Time zone", "Nowhere/Atlantis"),
        ("Work begins", "nine"),
        ("Work ends", "08:00"),
        ("Work ends", "25:00"),
        ("Holidays", "Christmas"),
        ("Holidays", "2026-02-30 never"),
        ("Name", ""),
    ],
)
def test_a_calendar_by_which_nobody_would_work_is_refused_and_nothing_typed_is_lost(browser, admin, field, typed):
    page = browser(admin).get("/admin/calendars/default").press("Save changes", **{field: typed})

    assert page.status == 422
    assert page.text(".field-error, .error-summary")
    assert said(page, field) == typed
    assert schedule.calendar_named("default").id is None


def test_a_calendar_is_made_and_of_two_changes_the_second_is_told(browser, admin):
    page = browser(admin).get("/admin/calendars/new").press("Make calendar", Name="Vienna", Key="vienna")
    stale = browser(admin).get("/admin/calendars/vienna")

    page.press("Save changes", **{"Work begins": "07:00"})
    told = stale.press("Save changes", **{"Work begins": "10:00"})

    assert told.status == 409
    assert "Somebody else" in told.text()
    told.press("Save changes")
    db.session.rollback()
    assert schedule.calendar_named("vienna").opens == 600


def test_the_dashboard_shows_administrators_and_auditors_what_is_stuck(browser):
    owner, auditor = make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR)
    request = make_request(owner=owner)
    assert "stuck" not in browser(auditor).get("/admin/").text()
    with transaction():
        accounts.deactivate(db.session.get(User, owner.id), by=None, reason="Left.")

    page = browser(auditor).get("/admin/")

    assert "1 request is stuck" in page.text()
    assert request.number in page.text("#alarms")
    assert "Nobody is left who may answer" in page.text("#alarms")
    told = browser(auditor).get(f"/admin/access-requests/{request.number}").text("#progress")
    assert "Nobody can bring this request to an end" in told
    assert re.search("Owner ?: Nobody is left who may answer.", told)


def test_closing_an_account_asks_somebody_else_at_once(browser, admin):
    owner, colleague = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    browser(admin).get(f"/admin/users/{owner.id}/deactivate").press("Close the account", Reason="Left.")

    db.session.rollback()
    assert access.may_decide(db.session.get(AccessRequest, request.id), db.session.get(User, colleague.id))
    assert access.count_alarms() == 0
