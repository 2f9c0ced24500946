"""An app changes hands: to a colleague by its owner, to anybody by an administrator (C102)."""

import pytest
from sqlalchemy import select

from portal import access, apps, credentials
from portal.access import AccessRequest, GrantState, RequestKind, RequestStatus
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp, Visibility
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def owner():
    return make_user(name="Ada")


@pytest.fixture
def colleague():
    return make_user(name="Grace")


@pytest.fixture
def given(owner):
    return make_app(owner, "Routes")


def stored(thing):
    db.session.rollback()
    return db.session.get(type(thing), thing.id)


def give(visitor, app, to, *, path="/apps", reason="She has my work now."):
    page = visitor.get(f"{path}/{app.id}/transfer")
    return page.press("Give the app away", **{"New owner": to if isinstance(to, str) else to.email, "Reason": reason})


def told():
    db.session.rollback()
    query = select(OutboxMessage).where(OutboxMessage.kind == "transferred").order_by(OutboxMessage.id)
    return {mail.recipient: mail.payload["text"] for mail in db.session.scalars(query)}


def test_C102_an_owner_gives_an_app_to_a_colleague_and_its_access_goes_on(browser, owner, colleague, given):
    request = make_request(owner, plan=make_plan(auto_approve=True), app=given)
    with transaction():
        (grant,) = access.grants_from(request)
        secret = credentials.reveal(grant.credential, by=owner)

    page = give(browser(owner), given, colleague)

    assert "Routes belongs to Grace now" in page.text("#messages")
    assert stored(given).owner_id == colleague.id
    assert access.grants_of(stored(given))[0].state is GrantState.ACTIVE
    entitlement = access.entitlement_for(secret.client_id, secret.secret)
    assert entitlement is not None
    assert entitlement.is_live
    assert browser(owner).get(f"/apps/{given.id}").status == 404
    assert "rotate each secret" in told()[colleague.email]
    assert owner.email not in told()
    (event,) = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.APP_TRANSFERRED))
    assert (event.before["owner"], event.after["owner"]) == (owner.email, colleague.email)


def test_the_new_owner_is_advised_to_rotate_until_they_have(browser, owner, colleague, given):
    request = make_request(owner, plan=make_plan(auto_approve=True), app=given)
    with transaction():
        credentials.reveal(access.grants_from(request)[0].credential, by=owner)
    assert access.secrets_known_since(stored(given)) is None
    give(browser(owner), given, colleague)

    assert access.secrets_known_since(stored(given)) is not None
    page = browser(colleague).get(f"/apps/{given.id}")
    assert "may know its secrets" in page.text("main")
    with transaction():
        held = credentials.credentials_of(db.session.get(DeveloperApp, given.id))[0]
        credentials.end(held, by=None, reason="Replaced.")
    assert access.secrets_known_since(stored(given)) is None


def test_who_did_not_want_it_hands_it_back(browser, owner, colleague, given):
    make_app(colleague, "Another")
    give(browser(owner), given, colleague)
    here = browser(colleague)
    back = f"/apps/{given.id}/transfer?back=yes"
    assert f"http://localhost{back}" in told()[colleague.email]
    assert "Hand it back" in here.get(f"/apps/{given.id}/transfer").text("main")

    page = here.get(back)
    assert page.soup.select_one("#email")["value"] == owner.email
    page.press("Give the app away", Reason="It is not mine.")

    assert stored(given).owner_id == owner.id
    assert "not mine" in told()[owner.email]


@pytest.mark.parametrize("gone", ["account", "role", "organisation", "address"])
def test_to_who_could_not_have_it_nothing_is_handed_back(browser, owner, colleague, given, gone):
    give(browser(owner), given, colleague)
    elsewhere = make_user(organisation="Elsewhere").organisation_id
    with transaction():
        former = db.session.get(User, owner.id)
        if gone == "account":
            former.active = False
        elif gone == "role":
            former.roles = []
        elif gone == "organisation":
            former.organisation_id = elsewhere
        else:
            former.email = "new@acme.example"

    page = browser(colleague).get(f"/apps/{given.id}/transfer?back=yes")

    assert not page.soup.select_one("#email").get("value")
    assert "Hand it back" not in page.text("main")


def test_requests_that_nobody_has_decided_are_withdrawn(browser, owner, colleague, given):
    request = make_request(owner, app=given)

    page = browser(owner).get(f"/apps/{given.id}").follow("Give to somebody else")
    assert "1 request that waits is withdrawn" in page.text("#consequences")
    give(browser(owner), given, colleague)

    assert stored(request).status is RequestStatus.WITHDRAWN


@pytest.mark.parametrize(
    "who",
    ["nobody@acme.example", "stranger", "closed", "reviewer", "owner"],
)
def test_the_app_goes_to_nobody_who_could_not_have_it(browser, owner, given, who):
    people = {
        "stranger": make_user(organisation="Initech"),
        "closed": make_user(active=False),
        "reviewer": make_user(RoleName.REVIEWER),
        "owner": owner,
    }

    page = give(browser(owner), given, people.get(who, who))

    assert page.status == 422
    assert ("the owner of the app already" if who == "owner" else apps.NOBODY) in page.text(".error-summary")
    assert stored(given).owner_id == owner.id
    assert not told()


def test_two_apps_of_one_name_are_refused(browser, owner, colleague, given):
    make_app(colleague, "routes")

    page = give(browser(owner), given, colleague)

    assert page.status == 422
    assert "already has an app called Routes" in page.text(".error-summary")


def test_nobody_gives_away_what_is_not_theirs(browser, owner, colleague, given):
    with transaction():
        db.session.get(DeveloperApp, given.id).visibility = Visibility.ORGANISATION
    sent = {"email": colleague.email, "reason": "Mine."}

    assert browser(colleague).forge(f"/apps/{given.id}/transfer", sent).status == 403
    assert browser(make_user(organisation="Initech")).forge(f"/apps/{given.id}/transfer", sent).status == 404
    assert browser(make_user(RoleName.API_OWNER)).forge(f"/admin/apps/{given.id}/transfer", sent).status == 403
    assert stored(given).owner_id == owner.id


def test_C102_an_administrator_gives_the_app_of_somebody_who_left_to_another_organisation(browser, owner, given):
    other = make_user(organisation="Initech", name="Joan")
    with transaction():
        db.session.get(DeveloperApp, given.id).visibility = Visibility.ORGANISATION
        db.session.get(User, owner.id).active = False
    admin = browser(make_user(RoleName.ADMINISTRATOR))

    page = give(admin, given, other, path="/admin/apps", reason="Initech runs it now.")

    assert "Routes belongs to Joan now" in page.text("#messages")
    assert (stored(given).owner_id, stored(given).organisation_id) == (other.id, other.organisation_id)
    assert list(told()) == [other.email]  # whose account is closed reads no mail


def test_the_former_owner_is_told_when_somebody_else_gave_the_app_away(browser, owner, colleague, given):
    give(browser(make_user(RoleName.ADMINISTRATOR)), given, colleague, path="/admin/apps", reason="Moved teams.")

    assert set(told()) == {owner.email, colleague.email}
    assert "no longer yours" in told()[owner.email]
    assert "Moved teams." in told()[owner.email]
    assert "rotate" not in told()[owner.email]


def test_an_app_with_emergency_access_stays(browser, owner, colleague, given):
    plan = make_plan(auto_approve=True)
    request = make_request(owner, make_product(plans=[plan]), plan=plan, app=given)
    with transaction():
        db.session.get(AccessRequest, request.id).kind = RequestKind.BREAK_GLASS

    page = give(browser(owner), given, colleague)

    assert page.status == 409
    assert "emergency access" in page.text("main")
    assert stored(given).owner_id == owner.id


def test_what_changed_since_it_was_shown_is_shown_anew(browser, owner, colleague, given):
    page = browser(owner).get(f"/apps/{given.id}/transfer")
    make_request(owner, plan=make_plan(auto_approve=True), app=given)

    again = page.press("Give the app away", **{"New owner": colleague.email, "Reason": "Hers."})

    assert again.status == 409
    assert stored(given).owner_id == owner.id
    assert again.press("Give the app away").status == 200
    assert stored(given).owner_id == colleague.id
