"""My Apps: apps, their access and their credentials."""

import re

import pytest
from sqlalchemy import select, text

from portal import access, apps, credentials
from portal.access import RequestStatus
from portal.accounts import Organisation, RoleName
from portal.apps import DeveloperApp, Visibility
from portal.catalog import AuthMethod
from portal.credentials import Credential, CredentialState
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
SECRET = re.compile(r"\bp(?:cs|ak)_[0-9A-Za-z]{49}\b")


@pytest.fixture
def person():
    return make_user(name="Maya")


@pytest.fixture
def free():
    return make_plan("Free", auto_approve=True, credential_lifetime_days=90)


@pytest.fixture
def held(person, free):
    """An approved request: an app with access and a credential that is ready to reveal."""
    product = make_product("Payments", plans=[free])
    return make_request(person, product, plan=free, app=make_app(person, "Checkout"))


def app_path(request, rest=""):
    return f"/apps/{request.app_id}{rest}"


def credential_path(request, action):
    return app_path(request, f"/credentials/{request.credential_id}/{action}")


# --- the list --------------------------------------------------------------------------------------------------------


def test_T78_the_list_shows_name_visibility_and_what_each_app_holds(browser, person, held, free):
    fill_cart(person, make_product(plans=[gold := make_plan()]), plan=gold)
    with transaction():
        access.submit(held.app, by=person)

    row = browser(person).get("/apps").text(f"#app-{held.app_id}")

    assert row.startswith("Checkout Personal 1 1")


def test_T78_the_list_is_searched_by_name(browser, person):
    for name in ("Checkout", "Billing", "100% of it"):
        make_app(person, name)
    here = browser(person)

    assert here.get("/apps?q=check").texts("tbody th") == ["Checkout"]
    assert here.get("/apps?q=100%25").texts("tbody th") == ["100% of it"]
    assert "No apps found" in here.get("/apps?q=zzz").text()


def test_T80_A9_colleagues_see_shared_apps_and_nobody_elses(browser, person):
    make_app(person, "Shared", visibility=Visibility.ORGANISATION)
    make_app(person, "Private")
    make_app(make_user(organisation="Globex"), "Foreign", visibility=Visibility.ORGANISATION)

    page = browser(make_user()).get("/apps")

    assert page.texts("tbody th") == ["Shared"]
    assert "shared by Maya" in page.text("tbody")


def test_the_list_is_paged_by_key(browser, person):
    names = [make_app(person, f"App {number:02}").name for number in range(27)]

    first = browser(person).get("/apps")

    assert first.texts("tbody th") + first.follow("Next page").texts("tbody th") == names


def test_T87_an_empty_list_says_what_to_do_next(browser, person):
    assert browser(person).get("/apps").follow("New app").path == "/apps/new"


def test_the_number_of_queries_does_not_grow_with_the_list(browser, person, held):
    here = browser(person)
    here.get("/apps")
    with count_queries() as one:
        here.get("/apps")
    for _ in range(5):
        make_app(make_user(), visibility=Visibility.ORGANISATION)
        make_app(person)

    with count_queries() as many:
        here.get("/apps")

    assert len(many) == len(one), "\n".join(many)


def test_the_number_of_queries_does_not_grow_with_what_an_app_holds(browser, person, held):
    def add_access():
        plan = make_plan(auto_approve=True)
        fill_cart(person, make_product(plans=[plan]), plan=plan)
        with transaction():
            access.submit(held.app, by=person)
        gold = make_plan()
        fill_cart(person, make_product(plans=[gold], owners=[make_user(RoleName.API_OWNER)]), plan=gold)
        with transaction():
            access.submit(held.app, by=person)

    add_access()
    here = browser(person)
    here.get(app_path(held))
    with count_queries() as few:
        here.get(app_path(held))
    for _ in range(3):
        add_access()

    with count_queries() as many:
        here.get(app_path(held))

    assert len(many) == len(few), "\n".join(many)


# --- making and changing ---------------------------------------------------------------------------------------------


def test_an_app_is_made(browser, person):
    page = (
        browser(person)
        .get("/apps/new")
        .press("Create app", Name=" Checkout ", Description="Pays", **{"Redirect URLs": "https://a.example, http://b"})
    )

    (app,) = apps.apps_of(person)
    assert page.path == f"/apps/{app.id}"
    assert (app.name, app.description, app.redirect_urls) == ("Checkout", "Pays", ["https://a.example", "http://b"])
    assert app.visibility is Visibility.PERSONAL


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"Name": " "}, "Give the app a name."),
        ({"Name": "x" * 121}, "120 characters"),
        ({"Name": "TAKEN"}, "You already have an app called TAKEN."),
        ({"Description": "x" * 4001}, "4000 characters"),
        ({"Redirect URLs": "javascript:alert(1)"}, "not an absolute http or https address"),
        ({"Redirect URLs": "https://a.example:99999999/"}, "not an absolute http or https address"),
        ({"Redirect URLs": ",".join(f"https://a.example/{n}" for n in range(21))}, "at most 20"),
        ({"visibility": "everybody"}, "Not a valid choice"),
    ],
)
def test_wrong_input_is_explained_and_kept(browser, person, typed, message):
    taken, here = make_app(person, "Taken"), browser(person)
    mine = make_app(person, "Mine")

    for path, button in (("/apps/new", "Create app"), (f"/apps/{mine.id}/edit", "Save changes")):
        page = here.get(path).press(button, **{"Name": "Fine", "Description": "Kept", **typed})
        assert page.status == 422
        assert message in page.text("main")
        if "Description" not in typed:
            assert page.field("Description").get_text().strip() == "Kept"

    assert {app.name for app in apps.apps_of(person)} == {"Mine", taken.name}


def test_R14_the_same_app_made_twice_is_made_once(browser, person):
    page = browser(person).get("/apps/new")
    page.press("Create app", Name="Checkout")

    assert page.press("Create app", Name="Checkout").status == 422
    assert len(apps.apps_of(person)) == 1


def test_T79_the_owner_changes_an_app(browser, person):
    app = make_app(person, "Checkout", redirect_urls=["https://a.example"])

    form = browser(person).get(f"/apps/{app.id}").follow("Edit app")
    assert (form.field("Name")["value"], form.field("Redirect URLs")["value"]) == ("Checkout", "https://a.example")
    page = form.press("Save changes", Name="CHECKOUT", visibility="organisation")

    assert page.path == f"/apps/{app.id}"
    assert (app.name, app.visibility, app.redirect_urls) == (
        "CHECKOUT",
        Visibility.ORGANISATION,
        ["https://a.example"],
    )


def test_T81_a_person_of_the_default_organisation_has_only_personal_apps(browser):
    loner = make_user(organisation="Independent")
    with transaction():
        db.session.get(Organisation, loner.organisation_id).is_default = True
    here = browser(loner)

    assert not here.get("/apps/new").soup.select("[name=visibility]")
    here.forge("/apps/new", {"name": "Mine", "visibility": "organisation"})
    (app,) = apps.apps_of(loner)
    here.forge(f"/apps/{app.id}/edit", {"name": "Mine", "visibility": "organisation"})

    assert app.visibility is Visibility.PERSONAL


def test_B2_fields_that_the_page_does_not_offer_are_ignored(browser, person):
    other, app = make_user(), make_app(person, "Mine")
    foreign = {"owner_id": other.id, "organisation_id": 99, "id": 77, "deleted_at": "2026-01-01", "version": 9}

    browser(person).forge(f"/apps/{app.id}/edit", {"name": "Mine", **foreign, "created_at": "2000-01-01"})
    browser(person).forge("/apps/new", {"name": "Second", **foreign})

    assert {a.name for a in apps.apps_of(person)} == {"Mine", "Second"}
    assert all(a.organisation_id == person.organisation_id and a.is_live for a in apps.apps_of(person))


# --- one app ---------------------------------------------------------------------------------------------------------


def test_T79_the_page_shows_the_app_id_and_its_fields(browser, person):
    app = make_app(person, "Checkout", description="Pays <b>", redirect_urls=["https://a.example/x"])

    page = browser(person).get(f"/apps/{app.id}")

    assert page.text("#app-id") == str(app.id)
    for words in ("Pays <b>", "Personal", "https://a.example/x", "Maya"):
        assert words in page.text("main")


def test_T69_a_pending_request_stands_under_pending_access(browser, person):
    owner = make_user(RoleName.API_OWNER, name="Ingrid")
    request = make_request(person, owner=owner)

    page = browser(person).get(app_path(request))

    assert "Credentials will appear here after approval." in page.text("#pending")
    assert request.number in page.text("#pending")
    assert "Awaits Ingrid" in page.text("#pending")
    assert not page.soup.select("#credentials")


def test_T70_T83_approved_access_shows_product_plan_and_credential(browser, person, held):
    page = browser(person).get(app_path(held))

    for words in ("Payments", "Free", *held.items[0].scopes):
        assert words in page.text("#access")
    assert held.credential.client_id in page.text("#credentials")
    assert "Ready to reveal" in page.text("#credentials")
    assert page.has_button("Reveal secret")
    assert not page.has_button("Rotate secret")


def test_samples_are_filled_with_the_apps_own_client_id_and_no_secret(browser, person, held):
    page = browser(person).get(app_path(held)).press("Reveal secret").follow("Done, back to the app")

    code = page.text(".credential-samples")
    assert held.credential.client_id in code
    assert "http://localhost/oauth/token" in code
    assert not SECRET.search(page.html)


@pytest.mark.parametrize("htmx", [False, True])
def test_A1_A2_somebody_elses_app_is_as_if_it_never_was(browser, held, htmx):
    for other in (make_user(), make_user(organisation="Globex"), make_user(RoleName.CONSUMER, RoleName.ADMINISTRATOR)):
        here = browser(other)
        foreign, never = here.get(app_path(held), htmx=htmx), here.get("/apps/999999", htmx=htmx)
        assert foreign.status == never.status == 404
        assert without_marks(foreign) == without_marks(never)
        assert here.get(app_path(held, "/edit"), htmx=htmx).status == 404


def without_marks(page):
    """The page without what is new in every answer."""
    tokens = [str(field["value"]) for field in page.soup.select("[name=csrf_token]")]
    return re.sub("|".join(map(re.escape, {*tokens, page.headers["X-Request-ID"]})), "", page.html)


@pytest.mark.parametrize("path", ["/apps", "/apps/new", "/apps/1", "/apps/1/edit"])
def test_strangers_sign_in_and_other_roles_are_refused(browser, path):
    assert browser().get(path).path.startswith("/login")
    for role in (RoleName.API_OWNER, RoleName.AUDITOR, RoleName.ADMINISTRATOR):
        assert browser(make_user(role)).get(path).status == 403


POSTS = [
    "/edit",
    "/delete",
    "/access/{grant}/revoke",
    "/credentials/{credential}/reveal",
    "/credentials/{credential}/rotate",
    "/credentials/{credential}/revoke",
]


@pytest.mark.parametrize("post", POSTS)
def test_A3_nobody_else_presses_the_forms_of_an_app(browser, person, held, post):
    grant = access.grants_of(held.app)[0].id
    path = app_path(held, post.format(grant=grant, credential=held.credential_id))

    for htmx in (False, True):
        assert browser(make_user()).forge(path, {"name": "Stolen"}, htmx=htmx).status == 404
    assert browser(make_user(RoleName.ADMINISTRATOR)).forge(path, {"name": "Stolen"}).status == 403
    assert browser().forge(path, {"name": "Stolen"}).path.startswith("/login")

    unchanged(held)


@pytest.mark.parametrize("post", POSTS)
def test_T80_a_colleague_looks_at_a_shared_app_and_changes_nothing(browser, person, held, post):
    with transaction():
        apps.change_app(held.app, {"visibility": Visibility.ORGANISATION}, by=person)
    colleague, grant = browser(make_user()), access.grants_of(held.app)[0].id

    page = colleague.get(app_path(held))
    assert "belongs to Maya" in page.text("main")
    assert "Payments" in page.text("#access")
    main_forms = page.soup.select("main form")
    assert not main_forms
    refused = colleague.forge(app_path(held, post.format(grant=grant, credential=held.credential_id)), {"name": "X"})

    assert refused.status == 403
    unchanged(held)


def test_A7_a_colleague_loses_a_shared_app_when_it_is_made_personal(browser, person, held):
    with transaction():
        apps.change_app(held.app, {"visibility": Visibility.ORGANISATION}, by=person)
    colleague = browser(make_user())
    assert colleague.get(app_path(held)).status == 200

    with transaction():
        apps.change_app(held.app, {"visibility": Visibility.PERSONAL}, by=person)

    assert colleague.get(app_path(held)).status == 404


@pytest.mark.parametrize("post", POSTS)
def test_C1_B11_every_form_needs_a_post_with_a_valid_token(browser, person, held, post):
    grant, here = access.grants_of(held.app)[0].id, browser(person)
    path = app_path(held, post.format(grant=grant, credential=held.credential_id))

    for token in ({}, {"csrf_token": ""}, {"csrf_token": "wrong"}):
        assert here.post(path, {"name": "X", **token}).status == 400
    assert here.get(path).status == (200 if post == "/edit" else 405)

    unchanged(held)


@pytest.mark.parametrize(
    "wrong", ["0", "-1", "01", "1e3", "x", str(2**31), str(2**63 - 1), str(2**63), "9" * 30, "１", "1%00"]
)
def test_A6_ids_out_of_range_are_not_found(browser, person, held, wrong):
    here = browser(person)

    assert here.get(f"/apps/{wrong}").status in {400, 404}
    assert here.get(f"/apps?after={wrong}&after_name=a").status in {200, 400}
    for post in POSTS:
        assert here.forge(f"/apps/{wrong}{post.format(grant=1, credential=1)}").status in {400, 404, 405}
    for post in POSTS[2:]:
        path = app_path(held, post.format(grant=wrong, credential=wrong))
        assert here.forge(path).status in {400, 404}

    unchanged(held)


def test_A1_a_credential_or_access_of_another_own_app_is_not_reached_through_this_one(browser, person, held):
    other, here = make_app(person), browser(person)
    grant = access.grants_of(held.app)[0].id

    for post in POSTS[2:]:
        path = f"/apps/{other.id}{post.format(grant=grant, credential=held.credential_id)}"
        assert here.forge(path).status == 404

    unchanged(held)


def unchanged(held):
    assert held.app.is_live
    assert held.app.name == "Checkout"
    assert held.credential.state is CredentialState.PENDING_REVEAL
    assert all(grant.is_live for grant in access.grants_of(held.app))


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_H1_a_secret_is_shown_once(browser, person, held):
    here = browser(person)
    app_page = here.get(app_path(held))

    page = app_page.press("Reveal secret")
    (secret,) = set(SECRET.findall(page.html))
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    assert "will not be shown again" in page.text("#secret")
    assert credentials.secret_matches(secret, held.credential.secret_hash)

    again = app_page.press("Reveal secret")
    assert again.status == 409
    assert "already been shown" in again.text()
    for path in (app_path(held), "/requests", f"/requests/{held.number}", "/apps"):
        assert not SECRET.search(here.get(path).html)


def test_H1_by_htmx_too_a_secret_is_shown_once(browser, person, held):
    here = browser(person)

    page = here.forge(credential_path(held, "reveal"), htmx=True)

    assert "<html" not in page.html
    assert SECRET.search(page.html)
    assert page.headers["Cache-Control"] == "no-store"
    assert here.forge(credential_path(held, "reveal"), htmx=True).status == 409


def test_H2_H4_a_revealed_secret_is_stored_nowhere(browser, person, held):
    page = browser(person).get(app_path(held)).press("Reveal secret")
    (secret,) = set(SECRET.findall(page.html))

    for table in db.metadata.tables:
        for row in db.session.execute(text(f'select * from "{table}"')):
            assert secret not in str(tuple(row)), table


def test_an_api_key_takes_the_same_road(browser, person, free):
    product = make_product("Weather", plans=[free], auth_method=AuthMethod.API_KEY)
    request = make_request(person, product, plan=free)

    page = browser(person).get(app_path(request)).press("Reveal secret")

    assert "API key" in page.text("#secret")
    assert re.search(r"\bpak_[0-9A-Za-z]{49}\b", page.html)


def test_T84_rotation_shows_a_new_secret_once_and_ends_the_old_one(browser, person, held):
    here = browser(person)
    (old,) = set(SECRET.findall(here.get(app_path(held)).press("Reveal secret").html))

    question = here.get(app_path(held))
    assert "The old secret stops working at once" in question.text(f"#confirm-rotate-{held.credential_id}")
    page = question.press("Rotate secret", within=f"#confirm-rotate-{held.credential_id}")

    (new,) = set(SECRET.findall(page.html))
    assert page.headers["Cache-Control"] == "no-store"
    assert new != old
    assert credentials.secret_matches(new, held.credential.secret_hash)
    assert not credentials.secret_matches(old, held.credential.secret_hash)


def test_a_secret_that_was_never_shown_cannot_be_rotated(browser, person, held):
    assert browser(person).forge(credential_path(held, "rotate")).status == 409


# --- ending ----------------------------------------------------------------------------------------------------------


def test_access_is_revoked_with_its_consequence_named(browser, person, held):
    page = browser(person).get(app_path(held))
    assert "Checkout can’t call Payments any more" in " ".join(page.texts(".question-text"))

    after = page.press("Revoke access", within="#access")

    assert "The access to Payments has been revoked." in after.text("#messages")
    assert not access.grants_of(held.app)[0].is_live
    assert not held.credential.is_live  # it opened nothing else
    assert page.press("Revoke access", within="#access").status == 409


def test_T47_a_credential_with_another_product_goes_on(browser, person, held, free):
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    with transaction():
        access.submit(held.app, by=person, credential=held.credential)
    grant = next(g for g in access.grants_of(held.app) if g.product.name == "Weather")

    browser(person).forge(app_path(held, f"/access/{grant.id}/revoke"))

    assert [g.product.name for g in access.grants_of(held.app) if g.is_live] == ["Payments"]
    assert held.credential.is_live


def test_T85_revoking_a_credential_names_what_is_lost_and_leaves_the_others(browser, person, held, free):
    fill_cart(person, make_product("Weather", plans=[free]), plan=free)
    with transaction():
        (second,) = access.submit(held.app, by=person)
    page = browser(person).get(app_path(held))
    question = f"#confirm-revoke-credential-{held.credential_id}"
    assert "Checkout loses access to Payments at once" in page.text(question)

    page.press("Revoke credential", within=question)

    assert not held.credential.is_live
    assert second.credential.is_live
    assert [g.product.name for g in access.grants_of(held.app) if g.is_live] == ["Weather"]
    assert page.press("Revoke credential", within=question).status == 409


def test_T55_T86_deleting_an_app_names_its_consequences_and_ends_everything(browser, person, held):
    fill_cart(person, make_product(plans=[gold := make_plan()]), plan=gold)
    with transaction():
        (pending,) = access.submit(held.app, by=person)
    page = browser(person).get(app_path(held))
    words = page.text("#confirm-delete")
    assert "1 credential is revoked at once, with the access to Payments" in words
    assert "1 pending request is withdrawn" in words

    after = page.press("Delete app", within="#confirm-delete")

    assert after.path == "/apps"
    assert "Checkout" not in " ".join(after.texts("tbody th"))
    assert not db.session.get(DeveloperApp, held.app_id).is_live
    assert not db.session.get(Credential, held.credential_id).is_live
    assert pending.status is RequestStatus.WITHDRAWN
    assert browser(person).get(app_path(held)).status == 404
    assert page.press("Delete app", within="#confirm-delete").status == 404


def test_I5_what_the_owner_does_is_recorded(browser, person, held):
    here = browser(person)
    here.get(app_path(held)).press("Reveal secret")
    here.get(app_path(held)).press("Rotate secret", within=f"#confirm-rotate-{held.credential_id}")
    here.get(app_path(held)).press("Revoke access", within="#access")
    here.get(app_path(held)).press("Delete app", within="#confirm-delete")

    kinds = set(db.session.scalars(select(AuditEvent.kind).where(AuditEvent.actor == person.email)))
    assert kinds >= {
        EventKind.APP_CREATED,
        EventKind.REQUEST_SUBMITTED,
        EventKind.CREDENTIAL_REVEALED,
        EventKind.CREDENTIAL_ROTATED,
        EventKind.ACCESS_REVOKED,
        EventKind.CREDENTIAL_REVOKED,
        EventKind.APP_DELETED,
    }


def test_ended_access_stays_readable(browser, person, held):
    here = browser(person)
    here.get(app_path(held)).press("Revoke access", within="#access")

    page = here.get(app_path(held))

    assert "Ended access and credentials" in page.text("main")
    assert "This app has no access yet" in page.text("#access")
