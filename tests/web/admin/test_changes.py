"""C137: with four eyes, what opens doors counts only once a second person confirms it; without, at once as ever."""

import pytest

from portal import proposals
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import Conflict, NotAllowed
from portal.events import EventKind
from portal.proposals import ChangeState, ProposedChange
from tests.service.mail.test_texts import golden, mails
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.records import events_of

AUTO = "Auto approve access request"


@pytest.fixture
def four_eyes(app):
    settings = app.config["PORTICO"]
    app.config["PORTICO"] = settings.model_copy(update={"four_eyes": True})
    yield
    app.config["PORTICO"] = settings


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR, name="Noor", email="noor@portico.example")


@pytest.fixture
def second():
    return make_user(RoleName.ADMINISTRATOR, name="Samir", email="samir@portico.example")


def waiting():
    return db.session.query(ProposedChange).filter_by(state=ChangeState.WAITING).order_by(ProposedChange.id).all()


pytestmark = pytest.mark.usefixtures("app")


def test_without_four_eyes_everything_is_at_once_as_before(browser, admin):
    plan, person = make_plan("Gold"), make_user()

    page = browser(admin).get(f"/admin/plans/{plan.id}").press("Save changes", **{AUTO: True})
    assert plan.auto_approve
    assert "The changes are saved." in page.text("main")
    browser(admin).get(f"/admin/users/{person.id}").press("Save changes", roles=["consumer", "api_owner"])

    assert RoleName.API_OWNER in person.role_names
    assert waiting() == []


@pytest.mark.usefixtures("four_eyes")
def test_a_plan_approves_by_itself_only_once_somebody_else_confirms(browser, admin, second):
    manager, plan = make_user(RoleName.PLAN_MANAGER, name="Priya"), make_plan("Gold")
    owner = make_user(RoleName.API_OWNER)
    product = make_product(plans=[plan], owners=[owner])

    page = browser(manager).get(f"/admin/plans/{plan.id}").press("Save changes", Description="Much.", **{AUTO: True})
    assert "It does not approve by itself yet." in page.text("main")
    assert (plan.auto_approve, plan.description) == (False, "Much.")
    assert make_request(None, product, plan=plan).is_pending
    assert "A change waits for a second person" in page.text("main")
    assert not browser(manager).get("/admin/changes").has_button("Make the change")
    (change,) = waiting()
    assert {message.recipient for message in mails("change_waiting")} == {admin.email, second.email}

    page = browser(second).get("/admin/").follow("look at it").press("Make the change")

    assert "the change is made" in page.text("main")
    assert plan.auto_approve
    assert make_request(None, product, plan=plan).auto_approved
    assert [event.kind for event in events_of(change)] == [EventKind.CHANGE_PROPOSED, EventKind.CHANGE_CONFIRMED]
    changed = events_of(plan)[-1]
    assert (changed.kind, changed.actor) == (EventKind.PLAN_CHANGED, second.email)


def test_without_four_eyes_the_menu_leads_nowhere_and_the_page_says_why(browser, admin):
    assert "Changes to confirm" not in browser(admin).get("/admin/").text(".bench-nav")
    assert "PORTICO_FOUR_EYES is off" in browser(admin).get("/admin/changes").text("main")


@pytest.mark.usefixtures("four_eyes")
def test_the_menu_leads_those_there_who_have_to_do_with_it(browser, admin):
    for role in (RoleName.PLAN_MANAGER, RoleName.AUDITOR):
        assert "Changes to confirm" in browser(make_user(role)).get("/admin/").text(".bench-nav")
    for role in (RoleName.API_OWNER, RoleName.REVIEWER):
        assert "Changes to confirm" not in browser(make_user(role)).get("/admin/").text(".bench-nav")
    page = browser(admin).get("/admin/").follow("Changes to confirm")
    assert page.soup.select_one(".bench-nav a[aria-current]").get_text(strip=True) == "Changes to confirm"
    assert page.text("h1") == "Changes to confirm"


@pytest.mark.usefixtures("four_eyes")
def test_what_only_closes_is_done_at_once(browser, admin):
    plan, person = make_plan("Gold", auto_approve=True), make_user(RoleName.CONSUMER, RoleName.API_OWNER)

    browser(admin).get(f"/admin/plans/{plan.id}").press("Save changes", **{AUTO: False})
    browser(admin).get(f"/admin/users/{person.id}").press("Save changes", roles=["consumer"])

    assert not plan.auto_approve
    assert person.role_names == {RoleName.CONSUMER}
    assert waiting() == []


@pytest.mark.usefixtures("four_eyes")
def test_a_new_plan_is_made_without_it(browser, admin):
    page = browser(admin).get("/admin/plans/new").press("Make plan", Name="Silver", **{AUTO: True})

    (change,) = waiting()
    assert "It does not approve by itself yet." in page.text("main")
    assert not change.plan.auto_approve


@pytest.mark.usefixtures("four_eyes")
def test_roles_are_given_by_two_and_never_by_who_gains_or_asked(browser, admin, second):
    person = make_user(RoleName.CONSUMER, RoleName.ADMINISTRATOR, name="Ada", email="ada@portico.example")

    page = browser(admin).get(f"/admin/users/{person.id}")
    page = page.press("Save changes", roles=["consumer", "administrator", "plan_manager"])
    assert "The roles are not changed yet." in page.text("main")
    assert RoleName.PLAN_MANAGER not in person.role_names
    (change,) = waiting()
    (message,) = mails("change_waiting")
    assert message.recipient == second.email
    golden(message)
    for nobody in (admin, person):
        with pytest.raises(NotAllowed), transaction():
            proposals.confirm(change, by=nobody)
    assert "Administrator, Consumer, Plan manager" in browser(second).get("/admin/changes").text("main")

    with transaction():
        proposals.confirm(change, by=second)

    assert RoleName.PLAN_MANAGER in person.role_names
    assert events_of(person)[-1].reason == f"Asked for by {admin.email}."


@pytest.mark.usefixtures("four_eyes")
def test_it_is_refused_with_a_reason_or_taken_back_and_once(browser, admin, second):
    first, other = make_user(name="Maya"), make_user(name="Paul")
    for person in (first, other):
        browser(admin).get(f"/admin/users/{person.id}").press("Save changes", roles=["api_owner"])
    refused, given_up = waiting()

    page = browser(second).get("/admin/changes")
    assert page.press("Refuse it", within=f"#confirm-refuse-{refused.id}").status == 422
    page = page.press("Refuse it", within=f"#confirm-refuse-{refused.id}", reason="Not their job.")
    assert "the change is refused" in page.text("main")
    browser(admin).get("/admin/changes").press("Take back", within=f"#change-{given_up.id}")

    assert [change.state for change in (refused, given_up)] == [ChangeState.REFUSED, ChangeState.TAKEN_BACK]
    assert refused.reason == "Not their job."
    assert browser(second).get("/admin/changes").text("main").count("Nothing waits") == 1
    with pytest.raises(Conflict), transaction():
        proposals.confirm(refused, by=second)
    assert RoleName.API_OWNER not in first.role_names | other.role_names


@pytest.mark.usefixtures("four_eyes")
def test_roles_that_changed_meanwhile_are_not_overwritten_and_one_change_waits_at_a_time(browser, admin, second):
    person = make_user(RoleName.CONSUMER, RoleName.REVIEWER)
    page = browser(admin).get(f"/admin/users/{person.id}")
    page.press("Save changes", roles=["consumer", "reviewer", "auditor"])
    again = browser(second).get(f"/admin/users/{person.id}").press("Save changes", roles=["consumer", "api_owner"])
    assert again.status == 409
    (change,) = waiting()
    browser(admin).get(f"/admin/users/{person.id}").press("Save changes", roles=["consumer"])

    with pytest.raises(Conflict), transaction():
        proposals.confirm(change, by=second)

    assert person.role_names == {RoleName.CONSUMER}


@pytest.mark.usefixtures("four_eyes")
def test_nobody_else_sees_or_answers_a_change(browser, admin):
    person, plan = make_user(), make_plan()
    browser(admin).get(f"/admin/users/{person.id}").press("Save changes", roles=["api_owner"])
    browser(admin).get(f"/admin/plans/{plan.id}").press("Save changes", **{AUTO: True})
    roles, auto = waiting()

    manager, owner = make_user(RoleName.PLAN_MANAGER), make_user(RoleName.API_OWNER)
    page = browser(manager).get("/admin/changes")
    assert (auto.label in page.text("main"), roles.label in page.text("main")) == (True, False)
    assert browser(manager).forge(f"/admin/changes/{roles.id}/confirm").status == 404
    assert "Nothing waits" in browser(owner).get("/admin/changes").text("main")
    assert browser(make_user()).get("/admin/changes").status == 403
    assert roles.label in browser(make_user(RoleName.AUDITOR)).get("/admin/changes").text("main")
