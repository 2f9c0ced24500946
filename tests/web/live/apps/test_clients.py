"""My Apps: letting programs register themselves under a credential, and ending those that did."""

import json
import re

import pytest

from portal import credentials
from portal.accounts import RoleName
from portal.db import now, transaction
from tests.support.builders import make_user
from tests.support.programs import post, send
from tests.support.queries import count_queries
from tests.web.live.apps.places import app_path, credential_path

pytestmark = pytest.mark.usefixtures("app")
TOKEN = re.compile(r"\bpit_[0-9A-Za-z]{49}\b")
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def path(person, held):
    with transaction():
        credentials.reveal(held.credential, by=person)
    return credential_path(held, "clients")


def register(app, token):
    headers, body = {"Authorization": f"Bearer {token}"}, json.dumps({"client_name": "Runner 7"})
    return send(app, "POST", "/oauth/register", headers=headers, data=body, content_type="application/json").json


def test_the_owner_makes_a_token_sees_it_once_and_a_program_registers(app, browser, person, held, path):
    here = browser(person)
    assert path in here.get(app_path(held)).html

    page = here.get(path).press("Make a token")
    (token,) = set(TOKEN.findall(page.html))
    client = register(app, token)

    assert page.headers["Cache-Control"] == "no-store"
    page = here.get(path)
    assert token not in page.html
    assert "Runner 7" in page.text("#clients")
    assert client["client_id"] in page.text("#clients")
    assert client["client_id"] not in here.get(app_path(held)).text()


def test_a_token_that_nobody_used_can_be_withdrawn(app, browser, person, path):
    here = browser(person)
    (token,) = set(TOKEN.findall(here.get(path).press("Make a token").html))

    page = here.get(path).press("Withdraw token")

    assert "Withdraw token" not in page.text("#allow")
    assert register(app, token)["error"] == "invalid_token"


def test_the_owner_ends_one_client_and_the_others_go_on(app, browser, person, path):
    here = browser(person)
    made = [register(app, TOKEN.findall(here.get(path).press("Make a token").html)[0]) for _ in range(2)]

    page = here.get(path).press("Revoke client", within="#clients li:nth-of-type(1)")

    assert "has been revoked" in page.text()
    answers = [post(app, "/oauth/token", GRANT, auth=(c["client_id"], c["client_secret"])) for c in made]
    assert [answer.status_code for answer in answers] == [200, 401]


def test_the_owner_of_a_product_sees_who_registered(app, browser, person, held, path):
    client = register(app, TOKEN.findall(browser(person).get(path).press("Make a token").html)[0])

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin{app_path(held)}")

    assert "Runner 7" in page.text("main")
    assert client["client_id"] in page.text("main")


def test_what_who_had_the_app_before_may_hold(app, browser, person, held, path):
    moment = now()
    assert not credentials.proofs_known_before(held.app, moment)
    register(app, TOKEN.findall(browser(person).get(path).press("Make a token").html)[0])

    assert credentials.proofs_known_before(held.app, now())
    assert not credentials.proofs_known_before(held.app, moment)


def test_the_page_costs_the_same_for_one_client_and_for_many(app, browser, person, path):
    here, counts = browser(person), []
    for _ in range(3):
        register(app, TOKEN.findall(here.get(path).press("Make a token").html)[0])
        with app.app_context(), count_queries() as counted:
            here.get(path)
        counts.append(len(counted))

    assert counts[0] == counts[-1]


def test_twenty_tokens_are_open_at_most(browser, person, path):
    here = browser(person)
    for _ in range(20):
        here.forge(f"{path}/allow")

    assert here.forge(f"{path}/allow").status == 409


def test_a_credential_whose_secret_nobody_has_seen_lets_nobody_register(browser, person, held):
    assert browser(person).forge(credential_path(held, "clients/allow")).status == 409


def test_A_others_neither_see_nor_change_the_clients(app, browser, person, path, held):
    here = browser(person)
    client = register(app, TOKEN.findall(here.get(path).press("Make a token").html)[0])
    found = credentials.find_credential_by_client_id(client["client_id"])
    stranger = browser(make_user(organisation="Elsewhere"))

    assert stranger.get(path).status == 404
    for action in ("allow", f"{found.id}/revoke", "tokens/1/withdraw"):
        assert stranger.forge(f"{path}/{action}").status == 404
    assert here.forge(f"{path}/999999/revoke").status == 404
    assert here.forge(f"{path}/{held.credential_id}/revoke").status == 404
    assert here.get(path.replace(f"/{held.credential_id}/", f"/{found.id}/")).status == 404
    assert found.is_live
