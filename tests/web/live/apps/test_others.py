"""My Apps: what other people may see and press, which is nothing, and what may not be forged."""

import re

import pytest

from portal import access, apps
from portal.accounts import RoleName
from portal.apps import Visibility
from portal.credentials import CredentialState
from portal.db import transaction
from tests.support.builders import make_app, make_user
from tests.web.live.apps.places import POSTS, app_path

pytestmark = pytest.mark.usefixtures("app")


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


@pytest.mark.parametrize("post", POSTS)
def test_A3_nobody_else_presses_the_forms_of_an_app(browser, person, held, post):
    grant = access.grants_of(held.app)[0].id
    path = app_path(held, post.format(grant=grant, credential=held.credential_id))

    for htmx in (False, True):
        assert browser(make_user()).forge(path, {"name": "Stolen"}, htmx=htmx).status == 404
    assert browser(make_user(RoleName.ADMINISTRATOR)).forge(path, {"name": "Stolen"}).status == 403
    assert browser().forge(path, {"name": "Stolen"}).asks_to_sign_in

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
