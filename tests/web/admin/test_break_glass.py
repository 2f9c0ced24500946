"""Break-glass in the Admin Portal: envelopes, who is barred, and how loud an emergency is."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal import access
from portal.access import Envelope, RequestStatus
from portal.accounts import RoleName
from portal.catalog import Environment, ProductState, offers_of
from portal.db import db, transaction
from portal.events import EventKind, OutboxMessage
from tests.support.builders import make_app, make_plan, make_product, make_user
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def administrator():
    return make_user(RoleName.ADMINISTRATOR)


@pytest.fixture
def engineer():
    return make_user(RoleName.CONSUMER, email="grace@acme.example", name="Grace Hopper")


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def product(owner):
    return make_product("Payments", plans=[make_plan("Gold")], owners=[owner])


@pytest.fixture
def reviewer():
    return make_user(RoleName.SECURITY_REVIEWER, name="Hana Reviewer")


@pytest.fixture
def envelope(product, engineer, reviewer):
    setter = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        return access.set_envelope(
            access.EnvelopeTerms(
                name="Payments at night",
                product=product,
                plan=offers_of(product)[0].plan,
                scopes=product.scope_names[:1],
                most_minutes=60,
                people=[engineer],
            ),
            by=setter,
        )


def break_it(envelope, engineer):
    app = make_app(engineer, "Route planner")
    with transaction():
        return access.break_glass(
            envelope, app, by=engineer, reason="Payments are down.", minutes=30, step_up="password"
        )


def stored():
    db.session.expire_all()
    return db.session.scalars(select(Envelope)).all()


def new_envelope(browser, administrator, product):
    page = browser(administrator).get("/admin").follow("Break-glass").follow("New envelope")
    return page.press("Next", **{"API product": str(product.id)})


def test_an_administrator_sets_an_envelope(browser, administrator, product, engineer):
    page = new_envelope(browser, administrator, product)

    page = page.press(
        "Set envelope",
        **{
            "Name": "Payments at night",
            "scopes": [product.scope_names[0]],
            "Minutes at most": "45",
            "People": "Grace@acme.example\n",
        },
    )

    (envelope,) = stored()
    assert page.path == f"/admin/break-glass/{envelope.id}"
    assert "The envelope is set." in page.text("#messages")
    assert (envelope.name, envelope.most_minutes, envelope.environment) == ("Payments at night", 45, Environment.PROD)
    assert envelope.scopes == [product.scope_names[0]]
    assert [person.email for person in envelope.people] == ["grace@acme.example"]
    assert access.envelopes_for(engineer)
    assert "Payments at night" in browser(administrator).get("/admin/break-glass").text("table")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Name": ""}, "Enter a name."),
        ({"scopes": []}, "Tick at least one scope."),
        ({"Minutes at most": "241"}, "between 1 and 240"),
        ({"Minutes at most": "many"}, "Enter a whole number"),
        ({"People": ""}, "Name at least one person."),
        ({"People": "nobody@acme.example"}, "nobody@acme.example"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_nothing_is_set(browser, administrator, product, engineer, changes, words):
    page = new_envelope(browser, administrator, product)
    good = {
        "Name": "Payments at night",
        "scopes": [product.scope_names[0]],
        "Minutes at most": "60",
        "People": engineer.email,
    }

    page = page.press("Set envelope", **{**good, **changes})

    assert page.status == 422
    assert words in page.text(".error-summary")
    assert not stored()


def test_nobody_names_themselves_or_people_without_apps(browser, product, engineer):
    both = make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER)
    auditor = make_user(RoleName.AUDITOR)
    for email, words in [(both.email, "Nobody sets an envelope for themselves."), (auditor.email, "not consumers")]:
        page = new_envelope(browser, both, product).press(
            "Set envelope", Name="Mine", scopes=[product.scope_names[0]], People=email
        )
        assert page.status == 422
        assert words in page.text(".error-summary")
    assert not stored()


def test_a_product_that_cannot_be_requested_is_not_offered(browser, administrator):
    draft = make_product("Draft", plans=[make_plan()], state=ProductState.DRAFT)
    make_product("Open", plans=[make_plan()])
    page = browser(administrator).get("/admin/break-glass/new")

    assert "Draft" not in page.text("select")
    assert "cannot be requested" in browser(administrator).get(f"/admin/break-glass/new?product={draft.id}").text(
        "main"
    )
    assert browser(administrator).forge(f"/admin/break-glass/new?product={draft.id}", {"name": "x"}).status == 404


def test_an_envelope_is_changed_and_the_record_says_what(browser, administrator, envelope):
    other = make_user(RoleName.CONSUMER)

    page = browser(administrator).get(f"/admin/break-glass/{envelope.id}")
    page = page.press("Save changes", **{"Minutes at most": "15", "People": f"grace@acme.example\n{other.email}"})

    assert "The changes are saved." in page.text("#messages")
    (changed,) = stored()
    assert changed.most_minutes == 15
    assert {person.id for person in changed.people} == {other.id, *(person.id for person in envelope.people)}
    last = events_of(changed, EventKind.ENVELOPE_SET)[-1]
    assert (last.before["minutes"], last.after["minutes"]) == (60, 15)
    assert other.email in last.after["people"]


def test_of_two_at_once_the_second_is_told_and_keeps_what_was_typed(browser, administrator, envelope):
    first = browser(administrator).get(f"/admin/break-glass/{envelope.id}")
    second = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/break-glass/{envelope.id}")
    added = make_user(RoleName.CONSUMER)
    first.press("Save changes", People=added.email)

    page = second.press("Save changes", **{"Minutes at most": "20"})

    assert page.status == 409
    assert "Somebody else has changed this envelope" in page.text("main")
    assert page.field("Minutes at most")["value"] == "20"
    assert stored()[0].most_minutes == 60
    page.press("Save changes")
    assert stored()[0].most_minutes == 20
    assert [person.email for person in stored()[0].people] == [added.email]


def test_a_closed_envelope_stays_to_be_read_and_cannot_be_changed_or_closed_again(browser, administrator, envelope):
    page = browser(administrator).get(f"/admin/break-glass/{envelope.id}")

    closed = page.press("Close envelope")
    assert "is closed" in closed.text("#messages")
    assert not stored()[0].is_open
    assert page.press("Close envelope").status == 409
    assert page.press("Save changes", **{"Minutes at most": "20"}).status == 409
    assert stored()[0].most_minutes == 60
    again = browser(administrator).get(f"/admin/break-glass/{envelope.id}")
    assert "Closed" in again.text(".page-header")
    assert not again.has_button("Save changes")


@pytest.mark.parametrize("role", [RoleName.AUDITOR, RoleName.API_OWNER])
def test_others_read_and_change_nothing(browser, envelope, role):
    person = browser(make_user(role))

    assert "Payments at night" in person.get("/admin/break-glass").text("table")
    page = person.get(f"/admin/break-glass/{envelope.id}")
    assert not page.has_button("Save changes")
    assert not page.has_button("Close envelope")
    assert person.get("/admin/break-glass/new").status == 403
    assert person.forge(f"/admin/break-glass/{envelope.id}/close").status == 403
    assert stored()[0].is_open


def test_consumers_and_security_reviewers_have_no_such_page(browser, envelope, engineer, reviewer):
    assert browser(engineer).get("/admin/break-glass").status == 403
    assert browser(reviewer).get("/admin/break-glass").status == 403


def test_a_standing_emergency_is_shouted_about_to_those_who_may_see_it(
    browser, envelope, engineer, owner, administrator, reviewer
):
    stranger = make_user(RoleName.API_OWNER)
    asked = break_it(envelope, engineer)

    for person in (owner, administrator, reviewer):
        for path in ("/admin/", "/admin/access-requests"):
            banner = browser(person).get(path).text("#emergencies")
            assert "1 emergency access stands" in banner
            assert asked.number in banner
    for path in ("/admin/", "/admin/access-requests"):
        assert not browser(stranger).get(path).soup.select("#emergencies")


def test_the_reviewer_sees_what_was_given_and_pays_the_debt_with_a_reason(browser, envelope, engineer, reviewer):
    asked = break_it(envelope, engineer)
    page = browser(reviewer).get(f"/admin/access-requests/{asked.number}")
    assert "this access was taken in an emergency" in page.text("#break-glass")
    assert envelope.scopes[0] in page.text("#break-glass")
    assert "Production" in page.text("#break-glass")

    bare = page.press("Approve", within="#decide")
    assert bare.status == 422
    assert "asks for a reason" in bare.text("main")
    page.press("Approve", within="#decide", Comment="It was right.")

    db.session.expire_all()
    assert asked.status is RequestStatus.APPROVED
    (mail,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "break_glass_reviewed"))
    assert mail.recipient == "grace@acme.example"
    assert "It was right." in mail.payload["text"]


def test_a_bar_is_lifted_by_another_administrator_with_a_reason_and_once(
    browser, administrator, envelope, engineer, reviewer
):
    asked = break_it(envelope, engineer)
    with transaction():
        access.reject(asked, by=reviewer, reason="There was no emergency.")
    kinds = list(db.session.scalars(select(OutboxMessage.kind).where(OutboxMessage.recipient == engineer.email)))
    assert "barred" in kinds
    assert "reject" not in kinds
    page = browser(administrator).get("/admin/break-glass")
    assert "There was no emergency." in page.text("#bars")

    form = page.follow("Lift the bar of Grace Hopper")
    assert form.press("Lift the bar").status == 422
    assert access.bar_of(engineer) is not None
    done = form.press("Lift the bar", Reason="We have spoken.")

    assert "may use emergency access again" in done.text("#messages")
    assert access.bar_of(engineer) is None
    assert form.press("Lift the bar", Reason="Again.").status == 404
    (mail,) = db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "bar_lifted"))
    assert "We have spoken." in mail.payload["text"]


def test_nobody_lifts_their_own_bar(browser, product, reviewer):
    both, other = make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        envelope = access.set_envelope(
            access.EnvelopeTerms(
                name="Own",
                product=product,
                plan=offers_of(product)[0].plan,
                scopes=product.scope_names,
                most_minutes=5,
                people=[both],
            ),
            by=other,
        )
    app = make_app(both)
    with transaction():
        asked = access.break_glass(envelope, app, by=both, reason="Down.", minutes=5, step_up="password")
    with transaction():
        access.reject(asked, by=reviewer, reason="No.")
    bar = access.bar_of(both)

    assert not [text for text in browser(both).get("/admin/break-glass").texts("#bars a") if "Lift" in text]
    page = browser(both).get(f"/admin/break-glass/bars/{bar.id}").press("Lift the bar", Reason="Please.")

    assert page.status == 403
    assert access.bar_of(both) is not None
