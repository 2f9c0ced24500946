"""The program that docs/gateways.md puts behind nginx's auth_request, run as it stands there (J8, C115)."""

import http.client
import re
import threading
import types
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from portal import access, credentials
from portal.catalog import AuthMethod
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product
from tests.support.certificates import make_certificate
from tests.support.programs import make_program
from tests.support.server import live_server

pytestmark = pytest.mark.usefixtures("app")
GUIDE = (Path(__file__).parents[3] / "docs" / "gateways.md").read_text()


def block(language):
    """The one block of this language in the guide."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return text


@contextmanager
def checking(portal, gateway, monkeypatch):
    """Run the program; gives what asks it, as nginx does, and the program itself."""
    for name, value in (("PORTICO_URL", portal), ("GATEWAY_ID", gateway[0]), ("GATEWAY_SECRET", gateway[1])):
        monkeypatch.setenv(name, value)
    recipe = types.ModuleType("portico_check")
    exec(compile(block("python"), "docs/gateways.md", "exec"), recipe.__dict__)
    server = ThreadingHTTPServer(("127.0.0.1", 0), recipe.Check)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def ask(*authorization, api, scope="", certificate="", keys=()):
        call = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        call.putrequest("GET", "/check")
        own = {"X-Api": [api], "X-Needed-Scope": [scope]}
        for name, values in {"Authorization": authorization, "X-API-Key": keys, **own}.items():
            for value in values:
                call.putheader(name, value)
        call.putheader("X-Client-Certificate", certificate)
        call.endheaders()
        answer = call.getresponse()
        call.close()
        return answer

    try:
        yield ask, recipe
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@pytest.fixture
def gateway():
    with transaction():
        made = credentials.add_gateway("Edge", by=None)
    return made.client_id, made.secret


def test_J8_it_lets_in_who_has_access_to_this_API_now_and_nobody_else(app, program, gateway, monkeypatch):
    token, api = program.access_token(), program.request.products[0].audience
    scope = access.grants_of(program.request.app)[0].scopes[0]
    grant_id, owner = access.grants_of(program.request.app)[0].id, program.request.requester
    with live_server(app) as portal, checking(portal, gateway, monkeypatch) as (ask, _):
        for said in (f"Bearer {token}", f"bearer  {token}"):
            let_in = ask(said, api=api, scope=scope)
            assert (let_in.status, let_in.headers["X-Client-Id"]) == (204, program.id)
        for headers in ((), ("Basic eDp5",), (token,), ("Bearer",), (f"Bearer {token}", f"Bearer {token}")):
            nobody = ask(*headers, api=api)
            assert (nobody.status, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")
        wrong = ask(f"Bearer {token[:-2]}xx", api=api)
        assert (wrong.status, wrong.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
        assert ask(f"Bearer {token}", api="urn:portico:api:another").status == 403
        assert ask(f"Bearer {token}", api=api, scope=f"{scope} more").status == 403

        with transaction():
            access.suspend_access(db.session.get(access.Grant, grant_id), by=owner, reason="A key is in wrong hands.")
        assert ask(f"Bearer {token}", api=api).status == 401


def test_J8_an_API_key_is_let_in_like_a_token(app, gateway, monkeypatch):
    plan = make_plan(auto_approve=True)
    program = make_program(app, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)
    key, api = program.secret, program.request.products[0].audience
    with live_server(app) as portal, checking(portal, gateway, monkeypatch) as (ask, _):
        let_in = ask(api=api, keys=[key])
        assert (let_in.status, let_in.headers["X-Client-Id"]) == (204, program.id)
        assert ask(api="urn:portico:api:another", keys=[key]).status == 403
        for keys in ([key[:-1]], [key, key], [""]):
            assert ask(api=api, keys=keys).status == 401
        assert ask("Bearer x", api=api, keys=[key]).status == 401


def test_it_lets_nobody_in_when_the_portal_does_not_answer_or_refuses_the_gateway(app, program, gateway, monkeypatch):
    token, api = program.access_token(), program.request.products[0].audience
    with live_server(app) as portal, checking(portal, (gateway[0], "pgs_wrong"), monkeypatch) as (ask, _):
        assert ask(f"Bearer {token}", api=api).status == 503
    with checking(portal, gateway, monkeypatch) as (ask, _):  # by now there is nobody
        assert ask(f"Bearer {token}", api=api).status == 503


def test_RFC8705_3_a_bound_token_takes_the_certificate_that_it_is_bound_to(program, gateway, monkeypatch):
    api, own, other = program.request.products[0].audience, make_certificate(), make_certificate("other.example")
    claims = {"active": True, "aud": [api], "client_id": program.id}
    with checking("http://127.0.0.1:9", gateway, monkeypatch) as (ask, recipe):
        claims["cnf"] = {"x5t#S256": credentials.thumbprint_of(der(own))}
        monkeypatch.setattr(recipe, "introspect", lambda _token: claims)
        assert ask("Bearer x", api=api, certificate=escaped(own)).status == 204
        for shown in ("", escaped(other), "nonsense"):
            assert ask("Bearer x", api=api, certificate=shown).status == 401


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def escaped(certificate):
    return quote(certificate.public_bytes(Encoding.PEM).decode())


def test_the_guide_names_what_there_is(app):
    metadata = app.test_client().get("/.well-known/oauth-authorization-server").json
    for name in ("introspection_endpoint", "jwks_uri"):
        assert metadata[name].removeprefix("http://localhost") in GUIDE
