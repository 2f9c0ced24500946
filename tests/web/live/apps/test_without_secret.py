"""My Apps: a credential that is put to use with a key, and never has a secret."""

import pytest
from joserfc.jwk import ECKey

from portal import access, catalog, credentials, lifecycle
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.credentials import CredentialState
from portal.db import db, transaction
from portal.errors import Conflict
from portal.events import EventKind
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.certificates import make_certificate, pem
from tests.support.programs import Program
from tests.support.records import events_of
from tests.web.live.apps.places import app_path, credential_path
from tests.web.oauth.test_assertions import claims, proved, signed

pytestmark = pytest.mark.usefixtures("app")
BUTTON = "Use without a secret"


@pytest.fixture
def path(held):
    return credential_path(held, "without-secret")


@pytest.fixture
def key(person, held):
    made = ECKey.generate_key("P-256")
    with transaction():
        credentials.add_app_key(held.app, made.as_pem(private=False).decode(), by=person)
    return made


def stored(request):
    db.session.expire_all()
    return request.credential


def test_with_a_key_a_program_gets_tokens_and_no_secret_was_ever_made(app, browser, person, held, path, key):
    here = browser(person)
    assert path in here.get(app_path(held)).html

    page = here.get(path).press(BUTTON)

    credential = stored(held)
    program = Program(app, held, credential.client_id, "")
    assert "The credential is active" in page.text()
    assert (credential.state, credential.secret_hash, credential.secret_hint) == (CredentialState.ACTIVE, None, "")
    assert proved(program, signed(key, claims(program))).status_code == 200
    for secret in ("", "None", "0" * 64, credentials.hash_secret("")):
        program.secret = secret
        assert program.token().status_code == 401
    assert len(events_of(credential, EventKind.CREDENTIAL_ACTIVATED)) == 1
    assert "was stopped" not in here.get(app_path(held)).text()


def test_a_certificate_will_do(browser, person, held, path):
    with transaction():
        credentials.add_app_certificate(held.app, pem(make_certificate()), by=person)

    browser(person).get(path).press(BUTTON)

    assert stored(held).state is CredentialState.ACTIVE


def test_without_either_there_is_no_button_and_no_way(browser, person, held, path):
    here = browser(person)

    assert "has no key yet" in here.get(path).text()
    assert not here.get(path).has_button(BUTTON)
    assert here.forge(path).status == 409
    assert stored(held).state is CredentialState.PENDING_REVEAL


def test_a_secret_can_be_made_later(browser, person, held, path, key):
    here = browser(person)
    here.get(path).press(BUTTON)

    page = here.get(credential_path(held, "rotation")).press("Rotate secret")

    assert page.status == 200
    assert stored(held).secret_hash is not None


def test_it_is_done_once_and_not_beside_a_secret(browser, person, held, path, key):
    here = browser(person)
    here.get(path).press(BUTTON)
    assert here.forge(path).status == 409
    assert here.get(path).status == 409
    assert here.forge(credential_path(held, "reveal")).status == 409


def test_the_terms_of_use_are_accepted_all_the_same(browser, person, held, path, key):
    admin, product = make_user(RoleName.ADMINISTRATOR), access.grants_from(held)[0].product
    with transaction():
        catalog.publish_terms(product, "Be kind.", by=admin)
    here = browser(person)

    assert here.get(path).press(BUTTON).status == 422
    assert stored(held).state is CredentialState.PENDING_REVEAL
    (terms,) = lifecycle.terms_to_accept([stored(held)])[held.credential_id]
    page = here.get(path).press(BUTTON, **{lifecycle.field_of(terms): True})
    assert page.status == 200
    assert stored(held).state is CredentialState.ACTIVE


def test_an_api_key_cannot_do_without():
    person, plan = make_user(), make_plan(auto_approve=True)
    request = make_request(person, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)
    with transaction():
        credentials.add_app_key(request.app, ECKey.generate_key("P-256").as_pem(private=False).decode(), by=person)

    with pytest.raises(Conflict, match="nothing to use in its place"), transaction():
        lifecycle.activate(request.credential, by=person)


def test_A3_others_cannot(browser, held, path, key):
    stranger = browser(make_user(organisation="Elsewhere"))

    assert stranger.get(path).status == 404
    assert stranger.forge(path).status == 404
    assert stored(held).state is CredentialState.PENDING_REVEAL
