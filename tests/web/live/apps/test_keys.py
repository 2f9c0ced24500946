"""My Apps: public keys, which only the app's owner registers, and never a private one."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from sqlalchemy import select

from portal import credentials
from portal.db import db
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_user
from tests.web.live.apps.places import app_path

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def path(held):
    return f"{app_path(held)}/keys"


def pem(key):
    return key.as_pem(private=False).decode()


def register(page, text, name=""):
    return page.press("Register key", **{"Public key": text, "Name": name})


@pytest.mark.parametrize("form", ["PEM", "JWK", "set"])
@pytest.mark.parametrize("key", [ECKey.generate_key("P-256"), RSAKey.generate_key(2048)], ids=["EC", "RSA"])
def test_the_owner_registers_a_key_and_removes_it(browser, person, held, path, form, key):
    jwk = key.as_dict(private=False)
    text = {"PEM": pem(key), "JWK": json.dumps(jwk), "set": json.dumps({"keys": [{**jwk, "use": "sig"}]})}[form]
    here = browser(person)

    assert path in here.get(app_path(held)).html
    page = register(here.get(path), text, "The build server")

    assert "The build server" in page.text()
    assert key.thumbprint() in page.text()
    (stored,) = credentials.keys_of(held.app_id)
    assert stored.algorithm == ("ES256" if key.key_type == "EC" else "RS256")
    page = page.press("Remove key")
    assert credentials.keys_of(held.app_id) == []
    kinds = db.session.scalars(select(AuditEvent.kind).order_by(AuditEvent.id)).all()
    assert kinds[-2:] == [EventKind.APP_KEY_ADDED, EventKind.APP_KEY_REMOVED]


def unusable():
    short = rsa.generate_private_key(65537, 1024).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    yield "nonsense"
    yield "{}"
    yield "[" * 5000
    yield "null"
    yield json.dumps({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"})
    yield json.dumps({"kty": ["EC"]})
    yield json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)] * 2})
    yield pem(ECKey.generate_key("P-384"))
    yield pem(OKPKey.generate_key("Ed25519"))
    yield short.public_bytes(serialization.Encoding.PEM, spki).decode()
    yield "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    yield "x" * 30_000


def test_H2_an_unusable_key_is_refused_in_words(browser, person, held, path):
    page = browser(person).get(path)

    for text in unusable():
        answer = register(page, text)
        assert answer.status == 422
        assert "no public key that can be used here" in answer.text(), text[:60]
    assert register(page, "").status == 422
    assert credentials.keys_of(held.app_id) == []


def test_H2_a_private_key_is_refused_and_stored_nowhere(browser, person, held, path):
    page, key = browser(person).get(path), ECKey.generate_key("P-256")
    private = [key.as_pem(private=True).decode(), json.dumps(key.as_dict(private=True))]
    private.append(json.dumps({"keys": [key.as_dict(private=True)]}))
    private.append(json.dumps(OctKey.generate_key(256).as_dict(private=True)))

    for text in private:
        answer = register(page, text)
        assert answer.status == 422
        assert "This is a private key" in answer.text()
    assert credentials.keys_of(held.app_id) == []


def test_a_key_stands_once_and_there_are_five_at_most(browser, person, held, path):
    page, key = browser(person).get(path), ECKey.generate_key("P-256")
    register(page, pem(key))

    assert "registered already" in register(page, pem(key)).text()
    for _ in range(4):
        assert register(page, pem(ECKey.generate_key("P-256"))).status == 200
    assert "at most 5 public keys" in register(page, pem(ECKey.generate_key("P-256"))).text()


def test_A_others_neither_see_nor_change_the_keys(browser, person, held, path):
    register(browser(person).get(path), pem(ECKey.generate_key("P-256")))
    (stored,) = credentials.keys_of(held.app_id)
    stranger = browser(make_user(organisation="Elsewhere"))
    other = browser(person)

    assert stranger.get(path).status == 404
    assert stranger.forge(path, {"key": pem(ECKey.generate_key("P-256"))}).status == 404
    assert stranger.forge(f"{path}/{stored.id}/remove").status == 404
    assert other.forge(f"{path}/999999/remove").status == 404
    assert credentials.keys_of(held.app_id) == [stored]
