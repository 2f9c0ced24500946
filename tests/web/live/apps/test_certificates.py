"""My Apps: client certificates, which only the app's owner registers, and never with a private key."""

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from portal import credentials
from portal.db import db
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_user
from tests.support.certificates import hearing_certificates, make_certificate, pem
from tests.web.live.apps.places import app_path

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def path(held):
    return f"{app_path(held)}/certificates"


def register(page, text, name=""):
    return page.press("Register certificate", Certificate=text, Name=name)


def test_the_owner_registers_a_certificate_and_removes_it(browser, person, held, path):
    certificate, here = make_certificate("build.acme.example"), browser(person)

    assert path in here.get(app_path(held)).html
    page = register(here.get(path), pem(certificate), "The build server")

    (stored,) = credentials.certificates_of(held.app_id)
    assert "The build server" in page.text()
    assert "CN=build.acme.example" in page.text()
    assert stored.thumbprint in page.text()
    assert stored.not_after == certificate.not_valid_after_utc
    page.press("Remove certificate")
    assert credentials.certificates_of(held.app_id) == []
    kinds = db.session.scalars(select(AuditEvent.kind).order_by(AuditEvent.id)).all()
    assert kinds[-2:] == [EventKind.APP_CERTIFICATE_ADDED, EventKind.APP_CERTIFICATE_REMOVED]


def test_the_page_says_whether_the_portal_looks_at_certificates(app, browser, person, path):
    assert "does not look at client certificates" in browser(person).get(path).text()
    with hearing_certificates(app):
        assert "does not look at client certificates" not in browser(person).get(path).text()


def test_one_that_has_expired_since_says_so(browser, person, held, path):
    certificate = make_certificate(days=1)
    register(browser(person).get(path), pem(certificate))

    with time_machine.travel(certificate.not_valid_after_utc, tick=True):
        assert "Expired" in browser(person).get(path).text("#certificates")


def unusable():
    yield "nonsense"
    yield "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    yield pem(make_certificate()) * 2
    yield "x" * 30_000
    yield pem(make_certificate(key=rsa.generate_private_key(65537, 1024)))
    yield pem(make_certificate(key=ec.generate_private_key(ec.SECP192R1())))


def test_an_unusable_certificate_is_refused_in_words(browser, person, held, path):
    page = browser(person).get(path)

    for text in unusable():
        answer = register(page, text)
        assert answer.status == 422
        assert "no certificate that can be used here" in answer.text(), text[:60]
    assert register(page, "").status == 422
    assert credentials.certificates_of(held.app_id) == []


def test_one_whose_time_is_over_or_not_yet_come_is_refused(browser, person, held, path):
    page = browser(person).get(path)

    assert "expired on" in register(page, pem(make_certificate(starts=-30, days=-1))).text()
    assert "not valid before" in register(page, pem(make_certificate(starts=2, days=30))).text()
    assert credentials.certificates_of(held.app_id) == []


def test_H2_a_private_key_beside_it_is_refused_and_stored_nowhere(browser, person, held, path):
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    page = browser(person).get(path)

    for text in (private, pem(make_certificate(key=key)) + private):
        answer = register(page, text)
        assert answer.status == 422
        assert "holds a private key" in answer.text()
    assert credentials.certificates_of(held.app_id) == []


def test_a_certificate_stands_once_and_there_are_five_at_most(browser, person, path):
    page, certificate = browser(person).get(path), make_certificate()
    register(page, pem(certificate))

    assert "registered already" in register(page, pem(certificate)).text()
    for _ in range(4):
        assert register(page, pem(make_certificate())).status == 200
    assert "at most 5 certificates" in register(page, pem(make_certificate())).text()


def test_A_others_neither_see_nor_change_the_certificates(browser, person, held, path):
    register(browser(person).get(path), pem(make_certificate()))
    (stored,) = credentials.certificates_of(held.app_id)
    stranger, other = browser(make_user(organisation="Elsewhere")), browser(person)

    assert stranger.get(path).status == 404
    assert stranger.forge(path, {"certificate": pem(make_certificate())}).status == 404
    assert stranger.forge(f"{path}/{stored.id}/remove").status == 404
    assert other.forge(f"{path}/999999/remove").status == 404
    assert credentials.certificates_of(held.app_id) == [stored]
