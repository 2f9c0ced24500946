"""Developer apps."""

import pytest
from sqlalchemy import func, select

from portal import apps
from portal.accounts import Organisation, RoleName, User
from portal.apps import DeveloperApp, Visibility
from portal.db import db, transaction
from portal.errors import Invalid, NotAllowed
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_app, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


def test_only_consumers_have_apps():
    owner = make_user(RoleName.API_OWNER)

    with pytest.raises(NotAllowed), transaction():
        apps.add_app("Mine", by=owner)


def test_T79_only_its_owner_changes_an_app():
    app, colleague = make_app(make_user(), visibility=Visibility.ORGANISATION), make_user()

    with pytest.raises(NotAllowed), transaction():
        apps.change_app(app, {"name": "Theirs"}, by=colleague)


def test_B2_only_an_apps_own_fields_can_be_changed():
    app = make_app(owner := make_user())

    with pytest.raises(Invalid, match="owner_id cannot be changed"), transaction():
        apps.change_app(app, {"owner_id": 1}, by=owner)


def test_an_app_keeps_its_name_when_something_else_is_changed():
    app = make_app(owner := make_user(), "Checkout")

    with transaction():
        apps.change_app(app, {"name": "Checkout", "description": " Pays "}, by=owner)

    assert (app.name, app.description) == ("Checkout", "Pays")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.APP_CHANGED)).one()
    assert (event.before, event.after) == ({"description": ""}, {"description": "Pays"})


def test_a_change_of_nothing_is_no_event():
    app = make_app(owner := make_user(), "Checkout")

    with transaction():
        apps.change_app(app, {"name": " Checkout "}, by=owner)

    assert not db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.APP_CHANGED)).all()


def test_T80_T82_who_sees_an_app():
    owner, colleague, stranger = make_user(), make_user(), make_user(organisation="Globex")
    personal, shared = make_app(owner), make_app(owner, visibility=Visibility.ORGANISATION)

    assert [apps.find_app(a.id, seen_by=owner) for a in (personal, shared)] == [personal, shared]
    assert [apps.find_app(a.id, seen_by=colleague) for a in (personal, shared)] == [None, shared]
    assert [apps.find_app(a.id, seen_by=stranger) for a in (personal, shared)] == [None, None]


def test_T81_people_of_the_default_organisation_share_with_nobody():
    loner = make_user(organisation="Independent")
    with transaction():
        db.session.get(Organisation, loner.organisation_id).is_default = True

    app = make_app(loner, visibility=Visibility.ORGANISATION)
    with transaction():
        apps.change_app(app, {"visibility": Visibility.ORGANISATION}, by=loner)

    assert app.visibility is Visibility.PERSONAL


@pytest.mark.parametrize("name", ["", " ", "x" * 121, "TAKEN", " taken "])
def test_names_that_an_app_cannot_have(name):
    make_app(owner := make_user(), "Taken")

    with pytest.raises(Invalid) as refused, transaction():
        apps.add_app(name, by=owner)

    assert refused.value.field == "name"


def test_two_people_may_use_the_same_name():
    assert make_app(make_user(), "Checkout").id != make_app(make_user(), "Checkout").id


@pytest.mark.parametrize(
    "url",
    [
        *("x", "//a.example", "ftp://a.example", "javascript:alert(1)", "https://", "https:///x", "https://[::1"),
        *("https://a.example/#f", "https://a.example/ x", "https://a.example/\u202ex", "https://a.example:0"),
        "https://a.example/" + "x" * 500,
    ],
)
def test_addresses_that_an_app_cannot_have(url):
    person = make_user()

    with pytest.raises(Invalid) as refused, transaction():
        apps.add_app("Checkout", by=person, redirect_urls=[url])

    assert refused.value.field == "redirect_urls"


def test_T30_addresses_are_written_with_commas():
    text = " https://a.example/x , http://localhost:8080/cb,,https://a.example/x\nhttps://[::1]/ "

    assert apps.split_urls(text) == ["https://a.example/x", "http://localhost:8080/cb", "https://[::1]/"]
    assert make_app(make_user(), redirect_urls=apps.split_urls(text)).redirect_urls == apps.split_urls(text)


def test_R14_the_same_app_made_by_eight_at_once_is_made_once():
    owner_id = make_user().id

    def make(_):
        with transaction():
            return apps.add_app("Checkout", by=db.session.get(User, owner_id)).id

    results = race(8, make)

    assert all(isinstance(error, Invalid) for error in errors_in(results))
    assert db.session.scalar(select(func.count()).select_from(DeveloperApp)) == 1
