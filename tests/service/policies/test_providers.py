"""C125: what other systems know is asked before a decision, kept for a while, and unknown when they fail."""

import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal import access, policies
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.app import create_app
from portal.catalog import Environment
from portal.config import BadSettings, load
from portal.db import transaction
from portal.policies import PROVIDERS, REGISTRY, Attribute, Kind, Provider, Source, read_providers
from portal.policies.provider_http import NoAnswer, ask_json
from tests.support.builders import make_app, make_plan, make_policy, make_product, make_request, make_user

RISK = Attribute("cmdb.risk", Kind.CHOICE, "Risk of the app", Source.PROVIDER, "high", "", ("low", "high"))
RULE = {
    "key": "risky",
    "because": "The inventory calls it risky.",
    "when": {"attribute": "cmdb.risk", "is": "equals", "value": "high"},
    "then": {"outcome": "stages", "stages": ["security"]},
}


# --- a provider to ask -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for localhost that a client can be told to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    draft = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    draft = draft.serial_number(x509.random_serial_number()).not_valid_before(datetime.now(UTC) - timedelta(days=1))
    draft = draft.not_valid_after(datetime.now(UTC) + timedelta(days=1))
    draft = draft.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = draft.sign(key, hashes.SHA256())
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class System:
    """A fake system outside: what it answers, how, and what it was asked."""

    def __init__(self, certificate):
        self.answer: dict[str, Any] | bytes = {"products": {}}
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.headers: dict[str, str] = {}
        self.status, self.delay, self.drip, self.slow_headers = 200, 0.0, 0.0, 0.0
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                system.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                system.tokens.append(self.headers.get("Authorization"))
                time.sleep(system.delay)
                body = system.answer if isinstance(system.answer, bytes) else json.dumps(system.answer).encode()
                for byte in b"HTTP/1.0 200 " + b"O" * 60 if system.slow_headers else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(system.slow_headers)
                self.send_response(system.status)
                for name, value in system.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for byte in body if system.drip else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(system.drip)
                if not system.drip:
                    self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/facts"

    def tell(self, **risks):
        self.answer = {"products": {slug.replace("_", "-"): {"cmdb.risk": risk} for slug, risk in risks.items()}}


@pytest.fixture
def system(certificate):
    system = System(certificate)
    PROVIDERS.context = ssl.create_default_context(cafile=str(certificate))
    yield system
    PROVIDERS.install([], frozenset())
    PROVIDERS.context = None
    system.server.shutdown()
    system.server.server_close()


@pytest.fixture
def cmdb(app, system):
    provider = Provider("cmdb", system.url, (RISK,), timeout=1.0, inside=True, token="s3cret")
    PROVIDERS.install([provider], frozenset({"localhost"}))
    return system


@pytest.fixture
def world(app):
    make_user(RoleName.SECURITY_REVIEWER)
    requester, plan = make_user(), make_plan(auto_approve=True)
    return make_app(requester, "Shop"), make_product("Payments", plans=[plan]), plan


def look_up(world):
    app, product, _ = world
    policies.look_up(app, [product], Environment.TEST.value)


def ask_for(world):
    app, product, plan = world
    return make_request(app.owner, product, plan=plan, app=app)


# --- what is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("risk", "stages"), [("low", []), ("high", ["security"]), ("pink", ["security"])])
def test_a_rule_goes_by_what_the_provider_tells(cmdb, world, risk, stages):
    make_policy(RULE)
    cmdb.tell(**{world[1].slug.replace("-", "_"): risk})

    look_up(world)
    request = ask_for(world)

    assert [stage.key for stage in request.stages] == stages
    (asked,) = cmdb.asked
    assert asked == {
        "app": {"id": world[0].id, "name": "Shop"},
        "organisation": "Acme",
        "environment": "test",
        "products": [world[1].slug],
    }
    assert cmdb.tokens == ["Bearer s3cret"]
    assert world[0].owner.email not in json.dumps(asked)


def test_what_was_not_asked_is_unknown_and_unknown_is_stricter(cmdb, world):
    make_policy(RULE)

    request = ask_for(world)

    assert [stage.key for stage in request.stages] == ["security"]
    assert cmdb.asked == []  # a decision asks nobody itself


def test_the_answer_is_kept_and_asked_for_again_later(cmdb, world, monkeypatch):
    cmdb.tell(**{world[1].slug.replace("-", "_"): "low"})
    for _ in range(3):
        look_up(world)
    assert len(cmdb.asked) == 1

    later = time.monotonic() + 301
    monkeypatch.setattr("portal.policies.providers.time.monotonic", lambda: later)
    look_up(world)

    assert len(cmdb.asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 302, "headers": {"Location": "https://localhost/elsewhere"}},
        {"delay": 3.0},
        {"drip": 0.2, "answer": b'{"products": {"payments": {"cmdb.risk": "low"}}}'},
        {"slow_headers": 0.2},
        {"answer": b"not json"},
        {"answer": b"[" * 20_000},
        {"answer": b'{"products": "none"}'},
        {"answer": b'"' + b"x" * 200_000 + b'"'},
    ],
)
def test_whatever_goes_wrong_it_is_unknown_within_the_time_and_not_asked_again_at_once(cmdb, world, trouble):
    make_policy(RULE)
    for name, value in trouble.items():
        setattr(cmdb, name, value)

    began = time.monotonic()
    look_up(world)
    look_up(world)

    assert time.monotonic() - began < 2.5
    assert len(cmdb.asked) == 1
    assert [stage.key for stage in ask_for(world).stages] == ["security"]


def test_nobody_is_asked_within_a_transaction(cmdb, world):
    with pytest.raises(RuntimeError, match="never asked within a transaction"), transaction():
        look_up(world)


def test_the_cart_asks_before_it_submits(cmdb, world, browser):
    app, product, plan = world
    make_policy(RULE)
    cmdb.tell(**{product.slug.replace("-", "_"): "low"})
    from tests.support.builders import fill_cart

    fill_cart(app.owner, product, plan=plan)
    page = browser(app.owner).get("/cart")
    page.press("Submit request")

    (request,) = access.requests_of(app.owner)
    assert request.status is RequestStatus.APPROVED
    assert len(cmdb.asked) == 1


# --- whom it asks ----------------------------------------------------------------------------------------------------


def test_only_listed_hosts_over_tls_with_a_certificate_that_holds(system, certificate):
    trusting = ssl.create_default_context(cafile=str(certificate))
    asking = {"hosts": frozenset({"localhost"}), "timeout": 1.0, "inside": True, "context": trusting}
    assert ask_json(system.url, {}, **asking) == {"products": {}}

    for url in (
        system.url.replace("https://", "http://"),
        system.url.replace("localhost", "127.0.0.1"),
        system.url.replace("localhost", "localhost@evil.example"),
        "https:///facts",
        "file:///etc/passwd",
    ):
        with pytest.raises(NoAnswer):
            ask_json(url, {}, **asking)
    with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
        ask_json(system.url, {}, **{**asking, "context": None})


def test_a_private_address_is_refused_unless_it_is_said_to_be_inside(system, certificate):
    trusting = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(NoAnswer, match="not public"):
        ask_json(system.url, {}, hosts=frozenset({"localhost"}), timeout=1.0, context=trusting)

    assert system.asked == []


def test_a_name_that_stands_for_a_public_and_a_private_address_is_refused(monkeypatch):
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("203.0.113.7", "10.0.0.1")]
    monkeypatch.setattr("portal.policies.provider_http.socket.getaddrinfo", lambda *_, **__: both)

    with pytest.raises(NoAnswer, match="not public"):
        ask_json("https://cmdb.example/", {}, hosts=frozenset({"cmdb.example"}), timeout=1.0)


# --- the file --------------------------------------------------------------------------------------------------------


def written(tmp_path, *providers):
    file = tmp_path / "providers.json"
    file.write_text(json.dumps({"providers": list(providers)}))
    return file


GOOD = {
    "name": "cmdb",
    "url": "https://cmdb.example.com/facts",
    "attributes": [{"name": "cmdb.risk", "title": "Risk of the app", "kind": "choice", "values": ["low", "high"]}],
}


def test_the_file_names_providers_whose_attributes_rules_can_read(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    (provider,) = read_providers(written(tmp_path, {**GOOD, "token_file": "token", "timeout_seconds": 1}))

    assert (provider.token, provider.timeout, provider.inside) == ("s3cret", 1.0, False)
    assert "s3cret" not in repr(provider)
    PROVIDERS.install([provider], frozenset({"cmdb.example.com"}))
    assert REGISTRY["cmdb.risk"].source is Source.PROVIDER
    assert not policies.Policy.from_json({"rules": [RULE], "order": []}).faults
    PROVIDERS.install([], frozenset())
    assert "cmdb.risk" not in REGISTRY
    assert policies.Policy.from_json({"rules": [RULE], "order": []}).faults


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "http://cmdb.example.com"}, "over https"),
        ({"name": "C M"}, "short name"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"timeout_seconds": 60}, "at most 10 seconds"),
        ({"keep_seconds": 0}, "above 0"),
        ({"attributes": []}, "must name the attributes"),
        ({"attributes": [{"name": "risk", "title": "Risk", "kind": "text"}]}, "must begin with 'cmdb.'"),
        ({"attributes": [{"name": "cmdb.risk", "title": "Risk", "kind": "moment"}]}, "must be of the kind"),
        ({"attributes": [{"name": "cmdb.risk", "title": "Risk", "kind": "choice"}]}, "needs its 'values'"),
        ({"name": "plan", "attributes": [{"name": "plan.quota", "title": "Q", "kind": "number"}]}, "of its own"),
        ({"token_file": "nowhere"}, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_meant_stops_the_start_with_a_sentence(tmp_path, change, told):
    file = written(tmp_path, {**GOOD, **change})

    with pytest.raises(ValueError, match=told):
        read_providers(file)
    with pytest.raises(BadSettings, match="PORTICO_PROVIDERS_FILE"):
        create_app(load(testing=True, secret_key="p" * 48, instance_dir=tmp_path, providers_file=file))


def test_a_host_that_is_not_listed_stops_the_start(tmp_path):
    with pytest.raises(BadSettings, match="PORTICO_PROVIDER_HOSTS"):
        create_app(
            load(testing=True, secret_key="p" * 48, instance_dir=tmp_path, providers_file=written(tmp_path, GOOD))
        )
