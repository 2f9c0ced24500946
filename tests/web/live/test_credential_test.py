"""Test my credential: the page asks for a token as a program does, and says in plain words what came of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal import access, credentials
from portal.access import Grant
from portal.accounts import RoleName
from portal.apps import DeveloperApp, Visibility
from portal.catalog import ApiProduct, AuthMethod, Plan, PlanState, ProductState
from portal.credentials import Credential
from portal.db import db, transaction
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
SENTINEL = "pcs_SENTINELSENTINELSENTINEL"


class Held:
    """An app's credential with access to two products, and its secret."""

    def __init__(self, method=AuthMethod.OAUTH2, name="Gold", **plan):
        self.owner = make_user()
        self.plan = make_plan(name, auto_approve=True, rate_requests=10, quota_requests=5000, **plan)
        self.products = [make_product(name, plans=[self.plan], auth_method=method) for name in ("Orders", "Stock")]
        self.app = make_app(self.owner, "Routes")
        request = make_request(self.owner, *self.products, plan=self.plan, app=self.app)
        with transaction():
            credential = access.grants_from(request)[0].credential
            self.secret = credentials.reveal(credential, by=self.owner).secret
            self.id, self.client_id = credential.id, credential.client_id
        self.path = f"/apps/{self.app.id}/credentials/{self.id}/test"

    def credential(self):
        db.session.rollback()
        return db.session.get(Credential, self.id)

    def grants(self):
        return db.session.scalars(select(Grant).where(Grant.credential_id == self.id).order_by(Grant.id)).all()


@pytest.fixture
def held():
    return Held()


def tried(browser, held, secret=None, label="Ask for a token", **fields):
    page = browser(held.owner).get(held.path)
    field = "API key" if label == "Try the key" else "Client secret"
    return page.press(label, **{field: held.secret if secret is None else secret, **fields})


def test_a_right_secret_shows_what_the_token_says_but_never_the_token_or_the_secret(browser, held):
    page = tried(browser, held)

    assert "It works" in page.text("#result")
    claims = json.loads(page.text("#claims"))
    assert claims["client_id"] == held.client_id
    assert claims["aud"] == sorted(product.audience for product in held.products)
    assert held.secret not in page.html
    assert "eyJ" not in page.html
    assert page.headers["Cache-Control"] == "no-store"
    assert "curl" in page.text("#call")
    assert page.headers["X-Request-ID"] in page.text("#result")


def test_one_api_and_one_scope_can_be_asked_for(browser, held):
    orders = held.products[0]

    claims = json.loads(tried(browser, held, api=orders.audience, Scopes=orders.scope_names[0]).text("#claims"))

    assert (claims["aud"], claims["scope"]) == ([orders.audience], orders.scope_names[0])


def test_a_test_is_no_use_of_credential_access_or_scope(app, browser, held):
    uses = app.extensions["portico.oauth"]["server"].uses
    uses.forget()

    tried(browser, held)
    uses.write()

    assert held.credential().last_used_at is None
    assert {grant.last_used_at for grant in held.grants()} == {None}


def test_400_a_scope_that_was_not_granted_is_named(browser, held):
    text = tried(browser, held, Scopes=f"{held.products[0].scope_names[0]} orders:delete").text("#result")

    assert "400 invalid_scope" in text
    assert "Not granted, or not open now: orders:delete What was granted" in text


def test_400_an_api_that_waits_for_approval_leads_to_its_request(browser, held):
    slow = make_plan()
    later = make_product("Later", plans=[slow])
    request = make_request(held.owner, later, plan=slow, app=held.app)

    page = tried(browser, held, api=later.audience)

    assert "400 invalid_target" in page.text("#result")
    assert f"{request.number} waits for a decision" in page.text("#result")
    assert page.follow(request.number, within="#result").path == f"/requests/{request.number}"


def test_403_suspended_access_is_told_with_its_reason_without_any_secret(browser, held):
    owner = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        access.suspend_access(held.grants()[0], by=owner, reason="Too many errors.")

    page = browser(held.owner).get(held.path)
    row = page.text("#doors tbody tr")
    assert "403" in row
    assert "Too many errors." in row
    answer = tried(browser, held, api=held.products[0].audience).text("#result")
    assert "invalid_target" in answer
    assert "Suspended" in answer


def test_403_expired_revoked_and_retired_are_told_apart(browser, held):
    first, second = held.grants()
    with transaction():
        db.session.get(Grant, first.id).ends_at = datetime.now(UTC) - timedelta(days=1)
        db.session.get(ApiProduct, held.products[1].id).state = ProductState.RETIRED

    rows = browser(held.owner).get(held.path).texts("#doors tbody tr")

    assert "It ended" in rows[0]
    assert "The product was retired" in rows[1]
    answer = tried(browser, held).text("#result")
    assert "400 unauthorized_client" in answer
    assert "The secret is right, but nothing is open" in answer
    with transaction():
        access.revoke_access(db.session.get(Grant, second.id), by=held.owner, reason="Moved.")
    assert "Moved." in browser(held.owner).get(held.path).texts("#doors tbody tr")[1]


@pytest.mark.parametrize(
    ("secret", "words"),
    [("pcs_short", "not a whole secret"), ("with blank ", "not a whole secret"), (None, "not this credential’s")],
)
def test_401_a_wrong_secret_is_explained_and_not_echoed(browser, held, secret, words):
    other = secret or credentials.new_secret(AuthMethod.OAUTH2)

    page = tried(browser, held, other)

    assert "401 invalid_client" in page.text("#result")
    assert words in page.text("#result")
    assert other not in page.html


def test_401_revoked_expired_and_on_a_retired_plan(browser, held):
    with transaction():
        db.session.get(Plan, held.plan.id).state = PlanState.RETIRED
    assert "Its plan Gold was retired" in tried(browser, held).text("#result")
    with transaction():
        db.session.get(Credential, held.id).expires_at = datetime.now(UTC) - timedelta(days=1)
    assert "It ended" in tried(browser, held).text("#result")
    with transaction():
        credentials.end(held.credential(), by=None, reason="Found in public.")
    assert "Found in public." in tried(browser, held).text("#result")


def test_401_before_the_secret_was_revealed(browser):
    owner, plan = make_user(), make_plan(auto_approve=True)
    request = make_request(owner, plan=plan)
    credential = access.grants_from(request)[0].credential

    page = browser(owner).get(f"/apps/{request.app_id}/credentials/{credential.id}/test")

    assert "has not been revealed yet" in page.text("#doors")


def test_429_too_many_wrong_secrets_are_counted_as_they_are_for_programs(app, browser, held):
    server = app.extensions["portico.oauth"]["server"]
    kept = server.failures.count
    server.failures.count = lambda *_: 42
    try:
        text = tried(browser, held, "pcs_wrong").text("#result")
    finally:
        server.failures.count = kept

    assert "429 invalid_client" in text
    assert "Wait 42 seconds" in text


def test_what_an_api_answers_is_explained_with_the_numbers_of_the_plan(browser, held):
    text = browser(held.owner).get(held.path).text("#answers")

    assert "10 requests a second" in text
    assert "5,000 requests a month" in text
    assert "lasts 1 hour" in text


def test_an_api_key_is_tried_without_a_token(browser):
    held = Held(AuthMethod.API_KEY)

    good = tried(browser, held, label="Try the key")
    bad = tried(browser, held, credentials.new_secret(AuthMethod.API_KEY), label="Try the key")

    assert "The key is right" in good.text("#result")
    assert not good.soup.select("#claims")
    assert "401 invalid_client" in bad.text("#result")
    assert held.secret not in good.html


def test_another_client_id_is_refused_before_anything_is_asked(browser, held):
    page = tried(browser, held, **{"Client ID": "pci_somebody"})

    assert page.status == 422
    assert "not the client id of this credential" in page.text(".error-summary")
    assert held.secret not in page.html


def test_the_secret_stands_in_no_log_table_or_page(app, browser, held, capsys):
    page = tried(browser, held, SENTINEL)

    assert SENTINEL not in page.html
    said = capsys.readouterr()
    assert SENTINEL not in said.out + said.err
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            assert SENTINEL not in repr(connection.execute(table.select()).all()), table.name


def test_C7_a_form_whose_session_ended_keeps_no_secret(browser, held):
    page = browser(held.owner).get(held.path)
    page.browser.client.delete_cookie("session")

    answer = page.press("Ask for a token", **{"Client secret": SENTINEL})

    assert SENTINEL not in answer.html


def test_only_the_owner_of_the_app_tests_its_credentials(browser, held):
    with transaction():
        db.session.get(DeveloperApp, held.app.id).visibility = Visibility.ORGANISATION
    sent = {"client_id": held.client_id, "client_secret": held.secret}

    assert browser(make_user()).forge(held.path, sent).status == 403
    assert browser(make_user(organisation="Initech")).get(held.path).status == 404
    other = Held(name="Silver")
    assert browser(held.owner).get(f"/apps/{held.app.id}/credentials/{other.id}/test").status == 404


def test_the_page_of_the_app_leads_there(browser, held):
    page = browser(held.owner).get(f"/apps/{held.app.id}")

    assert page.follow("Test Gold").path == held.path
