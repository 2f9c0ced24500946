"""My Apps: making an app, looking at it and changing it."""

import pytest

from portal import apps
from portal.accounts import Organisation, RoleName
from portal.apps import Visibility
from portal.db import db, transaction
from tests.support.builders import make_app, make_request, make_user
from tests.web.live.apps.places import SECRET, app_path

pytestmark = pytest.mark.usefixtures("app")


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
