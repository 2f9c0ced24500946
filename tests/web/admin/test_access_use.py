"""Access that nobody seems to need: found, told, asked about and taken back (C78, C87, C144)."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal import access, accounts, register
from portal.access import Grant, GrantState
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.register import Idle, ScopeUse
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def ago(days):
    return datetime.now(UTC) - timedelta(days=days)


def make_grant(*, owner=None, granted=100, used=None, scopes=(), name="", requester=None, **product):
    """Access that was given and last used so many days ago, with these of its scopes."""
    requester = requester or make_user()
    plan = make_plan(auto_approve=True)
    made = make_product(name, plans=[plan], owners=[owner] if owner else [], **product)
    request = make_request(requester, made, plan=plan, app=make_app(requester))
    with transaction():
        (grant,) = access.grants_from(request)
        grant.starts_at = ago(granted)
        grant.last_used_at = ago(used) if used is not None else None
        db.session.add_all(ScopeUse(grant_id=grant.id, scope=scope) for scope in scopes)
    return grant


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


def found(kind, person, days=90):
    return [grant.id for grant in register.idle_grants(kind, days, seen_by=person)]


def test_C87_access_is_proposed_for_what_it_is(owner):
    unused = make_grant(owner=owner, used=91)
    never = make_grant(owner=owner, granted=91)
    lately = make_grant(owner=owner, used=10)
    new = make_grant(owner=owner, granted=10)
    with transaction():
        names = list(lately.scopes)
        db.session.add(ScopeUse(grant_id=lately.id, scope=names[0]))

    assert found(Idle.UNUSED, owner) == [unused.id]
    assert found(Idle.NEVER, owner) == [never.id]
    assert found(Idle.SCOPES, owner) == [lately.id]
    assert found(Idle.LEFT, owner) == []
    assert found(Idle.NEVER, owner, days=5) == [never.id, new.id]
    assert register.idle_counts(90, seen_by=owner) == {Idle.UNUSED: 1, Idle.NEVER: 1, Idle.SCOPES: 1, Idle.LEFT: 0}


def test_C87_access_of_somebody_who_left(owner):
    grant, administrator = make_grant(owner=owner, used=1), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(grant.app.owner, by=administrator)

    assert found(Idle.LEFT, owner) == [grant.id]


def test_all_scopes_used_is_no_proposal(owner):
    grant = make_grant(owner=owner, used=10)
    with transaction():
        db.session.add_all(ScopeUse(grant_id=grant.id, scope=name) for name in list(grant.scopes))

    assert found(Idle.SCOPES, owner) == []


def test_what_portico_cannot_know_it_does_not_propose(owner):
    grant = make_grant(owner=owner, granted=400, auth_method=AuthMethod.API_KEY)

    assert register.use_of([grant])[grant.id].in_words == "its use is not known here"
    assert not any(register.idle_counts(90, seen_by=owner).values())


def test_what_ended_is_no_longer_proposed(owner):
    grant = make_grant(owner=owner, used=91)
    with transaction():
        grant.ends_at = ago(1)

    assert found(Idle.UNUSED, owner) == []


def test_owners_see_their_own_products_and_those_of_nobody_auditors_all(browser, owner):
    mine, nobodys = make_grant(owner=owner, used=91), make_grant(used=91)
    others = make_grant(owner=make_user(RoleName.API_OWNER), used=91)

    assert found(Idle.UNUSED, owner) == [mine.id, nobodys.id]
    auditor = make_user(RoleName.AUDITOR)
    assert found(Idle.UNUSED, auditor) == [mine.id, nobodys.id, others.id]
    page = browser(auditor).get("/admin/access-use")
    assert len(page.texts("tbody tr")) == 3
    assert not page.has_button("Revoke selected")
    assert browser(make_user()).get("/admin/access-use").status == 403


def test_the_page_says_since_when_and_of_how_many_scopes(browser, owner):
    grant = make_grant(owner=owner, used=120)
    with transaction():
        db.session.add(ScopeUse(grant_id=grant.id, scope=grant.scopes[0]))

    page = browser(owner).get("/admin/access-use")

    row = page.text(f"#access-{grant.id}")
    assert "1 of 2 used" in row
    assert grant.app.name in row
    assert page.texts(".link-tabs a")[0] == "Not used lately 1"
    assert "No access that you look after" in browser(owner).get("/admin/access-use?days=121").text()
    assert browser(owner).get("/admin/access-use?show=nonsense").status == 404
    assert browser(owner).get("/admin/access-use?days=-3&after=x").status == 200


def test_C78_selected_access_is_revoked_with_the_reason_each_judged_alone(browser, owner):
    first, second = make_grant(owner=owner, used=91), make_grant(owner=owner, used=92)
    page = browser(owner).get("/admin/access-use")
    with transaction():
        second.last_used_at = ago(0)

    answer = page.press("Revoke selected", reason="Nobody uses it.", grant=[str(first.id), str(second.id)])

    assert "1 of 2 done" in answer.text()
    assert "It has been used since you opened the page" in answer.text()
    db.session.rollback()
    assert db.session.get(Grant, first.id).state is GrantState.REVOKED
    assert db.session.get(Grant, first.id).revoked_reason == "Nobody uses it."
    assert db.session.get(Grant, second.id).state is GrantState.ACTIVE
    (mail,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "revoked"))
    assert mail.recipient == first.app.owner.email


def test_a_reason_and_a_selection_are_needed(browser, owner):
    grant = make_grant(owner=owner, used=91)
    page = browser(owner).get("/admin/access-use")

    assert page.press("Revoke selected", grant=[str(grant.id)]).status == 422
    assert page.press("Revoke selected", reason="No use.").status == 422
    assert db.session.get(Grant, grant.id).state is GrantState.ACTIVE


def test_nobody_takes_back_what_is_not_theirs(browser, owner):
    grant = make_grant(owner=make_user(RoleName.API_OWNER), used=91)
    mark = register.mark_of_use(grant)

    sent = {"grant": str(grant.id), "seen": f"{grant.id} {mark}", "reason": "Mine now."}
    answer = browser(owner).forge("/admin/access-use/revoke", sent)

    assert "None of these is yours" in answer.text()
    assert grant.app.name not in answer.text()
    assert db.session.get(Grant, grant.id).state is GrantState.ACTIVE
    assert "None of these is yours" in browser(owner).forge("/admin/access-use/ask", sent).text()
    assert browser(make_user(RoleName.AUDITOR)).forge("/admin/access-use/revoke", sent).status == 403


def test_more_than_a_hundred_at_once_are_refused(browser, owner):
    sent = {"grant": [str(number) for number in range(1, 102)], "reason": "All of it."}

    assert browser(owner).forge("/admin/access-use/revoke", sent).status == 422


def test_C78_the_owner_of_an_app_is_asked_once_for_all_of_its_access(browser, owner):
    requester = make_user()
    plan = make_plan(auto_approve=True)
    products = [make_product(name, plans=[plan], owners=[owner]) for name in ("Orders", "Stock")]
    request = make_request(requester, *products, plan=plan)
    with transaction():
        for grant in access.grants_from(request):
            grant.starts_at, grant.last_used_at = ago(200), ago(120)

    ids = [str(grant.id) for grant in access.grants_from(request)]
    browser(owner).get("/admin/access-use").press("Ask the owners", grant=ids)

    (mail,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "unused"))
    assert mail.recipient == requester.email
    assert "not used for 120 days" in mail.payload["text"]
    assert "Orders" in mail.payload["text"]
    assert "Stock" in mail.payload["text"]
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.USE_QUESTIONED))
    assert event.actor == owner.email


def test_the_list_is_exported_without_formulas_and_that_is_recorded(browser, owner):
    grant = make_grant(owner=owner, used=91, name="=1+1")
    make_grant(owner=make_user(RoleName.API_OWNER), used=91)

    answer = browser(owner).get("/admin/access-use").press("Export CSV")

    rows = list(csv.DictReader(io.StringIO(answer.html)))
    assert [row["product"] for row in rows] == ["'=1+1"]
    assert rows[0]["scopes_never_used"].split() == grant.scopes
    assert db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.EXPORTED)).one()


def test_the_page_takes_the_same_number_of_queries_for_one_and_for_many(app, browser, owner):
    visitor, numbers = browser(owner), []
    make_grant(owner=owner, used=91)
    for _ in range(2):
        visitor.get("/admin/access-use")
        with app.app_context(), count_queries() as counted:
            visitor.get("/admin/access-use")
        numbers.append(len(counted))
        for _ in range(5):
            make_grant(owner=owner, used=91)

    assert numbers[0] == numbers[1]


def test_it_is_paged_by_key(owner):
    ids = [make_grant(owner=owner, used=91).id for _ in range(3)]

    first = register.idle_grants(Idle.UNUSED, 90, seen_by=owner, size=2)
    rest = register.idle_grants(Idle.UNUSED, 90, seen_by=owner, size=2, after=first[-1].id)

    assert [grant.id for grant in (*first, *rest)] == ids
