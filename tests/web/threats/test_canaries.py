"""I13, H1, H2, H4, H5: secrets that are planted in every flow, and found nowhere but where they are shown this once."""

import base64
import json
import re
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey
from sqlalchemy import select

from portal import access, credentials
from portal.accounts import RoleName
from portal.catalog import AuthMethod, LeakAction
from portal.db import db, transaction
from portal.events import OutboxMessage
from portal.oauth import leaks
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user
from tests.support.canaries import Canaries, database_files, disguises, every_page, stored_texts
from tests.support.programs import basic, post, send

pytestmark = pytest.mark.usefixtures("app")
SECRET = re.compile(r"\b(?:pcs|pak|pgs|pit|prt|ppt)_[0-9A-Za-z]{49}\b")
JWT = re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
GRANT = {"grant_type": "client_credentials"}
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REPORTER = ec.generate_private_key(ec.SECP256R1())


def shown_on(page):
    """The one secret on the one page that shows it."""
    (secret,) = set(SECRET.findall(page.html))
    return secret


def assertion_of(key, client_id, audience="http://localhost"):
    moment = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "exp": moment + 60, "jti": str(time.time_ns())}
    return jwt.encode(claims, key.as_pem(private=True), algorithm="ES256")


class Story:
    """A person, an app with two credentials, and everything that can be done with their secrets."""

    def __init__(self, app, browser, canaries):
        self.app, self.canaries = app, canaries
        self.owner = make_user(RoleName.API_OWNER)
        self.person = make_user(name="Maya")
        make_user(RoleName.SECURITY_REVIEWER)
        self.here = browser(self.person)
        self.client_plan = make_plan("Gold", leak_action=LeakAction.ROTATE)
        self.key_plan = make_plan("Keys", auto_approve=True)
        product = make_product("Payments", plans=[self.client_plan], owners=[self.owner])
        maps = make_product("Maps", plans=[self.key_plan], auth_method=AuthMethod.API_KEY, owners=[self.owner])
        self.developer_app = make_app(self.person, "Checkout")
        self.request = make_request(self.person, product, plan=self.client_plan, app=self.developer_app)
        browser(self.owner).get(f"/admin/access-requests/{self.request.number}").press("Approve")
        self.keys = make_request(self.person, maps, plan=self.key_plan, app=self.developer_app)
        db.session.expire_all()
        self.path = f"/apps/{self.request.app_id}/credentials/{self.request.credential_id}"
        self.key_path = f"/apps/{self.keys.app_id}/credentials/{self.keys.credential_id}"
        self.client_id = self.request.credential.client_id
        self.key_id = self.keys.credential.client_id

    def reveal_and_rotate(self):
        old = self.canaries.plant("client secret", shown_on(self.here.forge(f"{self.path}/reveal")))
        self.canaries.plant("API key", shown_on(self.here.forge(f"{self.key_path}/reveal")))
        page = self.here.get(f"{self.path}/rotation").press("Rotate secret", overlap_days="3")
        self.secret = self.canaries.plant("new client secret", shown_on(page))
        self.old = old
        for path in (f"{self.path}/reveal", f"{self.path}/rotate"):
            self.here.forge(path)

    def call(self):
        for secret in (self.secret, self.old):
            token = post(self.app, "/oauth/token", GRANT, auth=(self.client_id, secret)).json["access_token"]
        self.token = self.canaries.plant("access token", token)
        for path in ("introspect", "revoke"):
            post(self.app, f"/oauth/{path}", {"token": token}, auth=(self.client_id, self.secret))
        key = ECKey.generate_key("P-256")
        with transaction():
            credentials.add_app_key(self.developer_app, key.as_pem(private=False).decode(), by=self.person)
        for name, audience in (("assertion", "http://localhost"), ("wrong assertion", "https://evil.example")):
            assertion = self.canaries.plant(name, assertion_of(key, self.client_id, audience))
            for _ in range(2):
                post(self.app, "/oauth/token", {**GRANT, "client_assertion_type": TYPE, "client_assertion": assertion})

    def try_out(self):
        """The page that tests a credential shows neither the secret that was typed nor a token that is of use."""
        for secret in (self.secret, self.old, self.secret[:-1], self.secret + "x"):
            typed = {"client_id": self.client_id, "secret": secret, "scope": "", "api": ""}
            page = self.here.forge(f"{self.path}/test", typed)
            assert page.status in {200, 422}
            assert not self.canaries.seen_in(page.html)
            assert not JWT.search(page.html)

    def register(self):
        first, second = (self.here.get(f"{self.path}/clients").press("Make a token") for _ in range(2))
        initial = self.canaries.plant("initial access token", shown_on(first))
        self.canaries.plant("open initial access token", shown_on(second))
        client = self.json("POST", "/oauth/register", initial, {"client_name": "Runner"}).json
        self.json("POST", "/oauth/register", initial, {})
        self.canaries.plant("registered secret", client["client_secret"])
        manage = self.canaries.plant("registration token", client["registration_access_token"])
        where = client["registration_client_uri"].removeprefix("http://localhost")
        self.json("PUT", where, manage, {"client_id": client["client_id"], "client_secret": client["client_secret"]})
        self.json("PUT", where, manage, {"client_secret": client["client_secret"]})
        post(self.app, "/oauth/token", GRANT, auth=(client["client_id"], client["client_secret"]))

    def act_for_the_person(self):
        """A token of the person, used as it should be, where it does not belong, and in what the person writes."""
        page = self.here.get("/account/tokens").press("Make token", Name="Build server", **{"Ends after (days)": "30"})
        token = self.canaries.plant("personal token", shown_on(page))
        order = {"app": self.developer_app.id, "plan": "gold", "products": ["payments"], "reason": "For the shop."}
        self.json("POST", "/api/v1/requests", token, order)
        self.json("POST", "/api/v1/requests", token, {"app": token})
        self.json("POST", f"/api/v1/requests?token={token}", token[:-1], order)
        for path in ("", f"/{self.request.number}", f"/{token}"):
            self.json("GET", f"/api/v1/requests{path}", token, {})
        self.json("GET", "/oauth/register/pci_x", token, {})
        post(self.app, "/oauth/token", GRANT, auth=(self.client_id, token))
        post(self.app, "/oauth/introspect", {"token": token}, auth=(self.client_id, self.secret))
        for listed in (self.here.get("/account/tokens"), self.here.get("/account")):
            assert not self.canaries.seen_in(listed.html)

    def json(self, method, path, token, content):
        headers = {"Authorization": f"Bearer {token}"}
        body = json.dumps(content)
        return send(self.app, method, path, headers=headers, data=body, content_type="application/json")

    def go_wrong(self, monkeypatch):
        """Secrets where they do not belong: in addresses, in other fields, in calls that break here."""
        secret = self.secret
        for method in ("GET", "POST", "PUT"):
            for path in ("/oauth/token", "/oauth/register", "/oauth/leaked-secrets", f"/oauth/register/{secret}"):
                send(self.app, method, f"{path}?client_secret={secret}&token={self.token}")
        post(self.app, "/oauth/token", {**GRANT, "scope": secret, "resource": secret}, auth=(self.client_id, secret))
        post(self.app, "/oauth/token", GRANT, headers=basic(secret, self.client_id))
        post(self.app, "/oauth/token", {secret: secret}, auth=(self.client_id, secret))
        post(self.app, "/oauth/token", f"grant_type={secret}&grant_type={secret}", auth=(self.client_id, secret))
        send(self.app, "GET", f"/apps/{secret}", headers={"Authorization": f"Bearer {self.token}", "Cookie": secret})
        for broken in ("portal.access.entitlement_for", "portal.access.find_entitlement"):
            with monkeypatch.context() as patched:
                patched.setattr(broken, _break)
                answer = post(self.app, "/oauth/token", GRANT, auth=(self.client_id, secret))
                self.json("GET", "/oauth/register/pci_x", self.token, {})
                assert answer.status_code in {200, 500}

    def leak(self):
        extension = self.app.extensions["portico.oauth"]
        extension["reporters"] = {"k": leaks.Reporter("Scanner", REPORTER.public_key())}
        finds = [
            {"token": secret, "url": f"https://x.example/?k={secret}", "source": secret}
            for secret in self.canaries.planted.values()
        ]
        body = json.dumps(finds).encode()
        signature = base64.b64encode(REPORTER.sign(body, ec.ECDSA(hashes.SHA256()))).decode()
        for signed in (signature, "wrong"):
            headers = {leaks.KEY_ID_HEADER: "k", leaks.SIGNATURE_HEADER: signed}
            post(self.app, "/oauth/leaked-secrets", body, headers=headers, content_type="application/json")
        extension["reporters"] = {}


def _break(*_args, **_kwargs):
    raise RuntimeError("Something broke.")


def test_I13_no_secret_is_found_anywhere_but_where_it_is_shown_this_once(app, browser, capfd, monkeypatch):
    canaries = Canaries()
    story = Story(app, browser, canaries)
    with transaction():
        canaries.plant("gateway secret", credentials.add_gateway("Edge", by=None).secret)
    story.reveal_and_rotate()
    story.call()
    story.try_out()
    story.register()
    story.act_for_the_person()
    story.go_wrong(monkeypatch)
    story.leak()
    reader = browser(make_user(*RoleName))

    for table, row in stored_texts():
        assert not canaries.seen_in(row), table
    for file in database_files():
        assert not canaries.seen_in(file.read_bytes()), file
    for mail in db.session.scalars(select(OutboxMessage.payload)):
        assert not canaries.seen_in(json.dumps(mail))
    keys = {
        "app_id": story.request.app_id,
        "credential_id": story.request.credential_id,
        "number": story.request.number,
        "plan_id": story.client_plan.id,
        "product_id": story.request.products[0].id,
        "slug": story.request.products[0].slug,
        "grant_id": access.grants_of(story.developer_app)[0].id,
        "event_id": 1,
        "message_id": db.session.scalar(select(OutboxMessage.id)),
    }
    read = 0
    for person in (story.here, reader):
        for address, page in every_page(app, person, keys):
            assert not canaries.seen_in(page), address
            read += 1
    assert read > 80, "few pages were looked at: has the look for them broken?"
    assert not canaries.seen_in(reader.forge("/admin/audit/export").html)
    logged = "".join(capfd.readouterr())
    assert "request" in logged
    assert not canaries.seen_in(logged)


def test_I13_the_look_finds_what_it_looks_for():
    canaries = Canaries()
    secret = canaries.plant("one", credentials.new_secret(AuthMethod.OAUTH2))
    token = canaries.plant("two", f"{'a' * 30}.{'b' * 40}.{'c' * 43}")

    for disguise in disguises(secret):
        assert canaries.seen_in(f"<p>{disguise}</p>") == {"one"}
    assert canaries.seen_in(f"x{token.split('.')[2]}") == {"two"}
    assert canaries.seen_in("nothing") == set()
    assert canaries.seen_in(secret, but="one") == set()
    assert len(disguises(secret)) >= 11


def test_H1_each_secret_is_on_one_page_and_on_no_page_after_it(app, browser):
    canaries = Canaries()
    story = Story(app, browser, canaries)
    story.reveal_and_rotate()
    story.register()

    for path in ("/reveal", "/rotation", "/clients", "", "/terms", "/without-secret"):
        assert not canaries.seen_in(story.here.get(f"{story.path}{path}").html), path
    assert not canaries.seen_in(story.here.get(f"/apps/{story.request.app_id}").html)


def test_H5_mails_carry_a_link_and_no_secret(app, browser):
    canaries = Canaries()
    story = Story(app, browser, canaries)
    story.reveal_and_rotate()
    story.register()
    story.act_for_the_person()
    story.token = "x" * 30
    story.leak()

    mails = db.session.scalars(select(OutboxMessage)).all()
    assert {"approve", "leaked", "token_leaked"} <= {mail.kind for mail in mails}
    assert not SECRET.search(str([mail.payload for mail in mails]))
    for mail in mails:
        assert not canaries.seen_in(json.dumps(mail.payload))
        assert "http://localhost/" in mail.payload["text"]
