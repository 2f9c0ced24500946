"""T1: OAuth clients that others wrote, as their makers ship them, against a running portal.

Each finds the endpoints by the metadata (RFC 8414), gets a token, calls an API with it, introspects it, revokes it and
sees that it has ended; a wrong secret ends in the library's own error. The API verifies signature, issuer, audience and
type through the published keys: PyJWT does it for Python's clients, jose for those in ``clients/``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
import jwt
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from flask import Flask, request
from httpx_auth import InvalidGrantRequest, OAuth2ClientCredentials
from joserfc.jwk import ECKey, RSAKey
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from portal import credentials
from portal.db import transaction
from tests.e2e.conftest import wait_for
from tests.e2e.patience import stop
from tests.support import node
from tests.support.programs import make_program
from tests.support.server import live_server
from tests.support.smtp import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Authlib would like httpx's successor; the protocol is the same
    from authlib.integrations.httpx_client import OAuth2Client

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("loopback_without_tls")]
BASIC, POST = "client_secret_basic", "client_secret_post"
WRONG = "pcs_wrong"
SCRIPTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def issuer(installation, tmp_path_factory):
    """``portico run`` on the database in which the tests arrange their data; gives its address."""
    port, log = free_port(), tmp_path_factory.mktemp("foreign-clients") / "portico.log"
    environment = {
        **os.environ,
        "PORTICO_DATABASE_URL": installation.settings.database_url,
        "PORTICO_INSTANCE_DIR": str(installation.settings.instance_dir),
        "PORTICO_SECRET_KEY": installation.settings.secret_key,
        "PORTICO_BASE_URL": f"http://127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "portal.cli", "run", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(environment["PORTICO_BASE_URL"], process, log)
        yield environment["PORTICO_BASE_URL"]
    finally:
        stop(process)


@pytest.fixture
def loopback_without_tls(monkeypatch):
    """The libraries insist on TLS, also on this machine, and a proxy would not find it."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def program(app):
    return make_program(app)


@pytest.fixture
def scope(program):
    return program.request.products[0].scope_names[0]


@pytest.fixture
def urls(issuer):
    """Where everything is, as the metadata says."""
    metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=60).json()
    assert metadata["issuer"] == issuer
    return metadata


@pytest.fixture
def api(urls, program):
    """An API that lets in whom the portal's keys vouch for, and answers with what the token says."""
    keys, service = jwt.PyJWKClient(urls["jwks_uri"]), Flask("api")

    @service.get("/")
    def call():
        kind, _, token = request.headers["Authorization"].partition(" ")
        key = keys.get_signing_key_from_jwt(token)
        audience = program.request.products[0].audience
        required = {"require": ["iss", "aud", "sub", "exp", "iat", "jti", "client_id", "scope"]}
        read = jwt.decode_complete(token, key, ["ES256"], required, audience=audience, issuer=urls["issuer"])
        return {"kind": kind, "type": read["header"]["typ"], "claims": read["payload"]}

    with live_server(service) as address:
        yield address


def was_let_in(answer, program, scope):
    """Whether the API took the token for what it is."""
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["kind"], seen["type"]) == ("Bearer", "at+jwt")
    assert seen["claims"]["sub"] == seen["claims"]["client_id"] == program.id
    assert seen["claims"]["scope"] == scope
    return True


def ends_by_plain_calls(urls, program, token, method):
    """Introspect, revoke and introspect with requests alone, for a library that cannot; whether the token ended."""
    fields = {"token": token, "token_type_hint": "access_token"}
    auth = HTTPBasicAuth(program.id, program.secret) if method == BASIC else None
    if method == POST:
        fields |= {"client_id": program.id, "client_secret": program.secret}

    def send(endpoint):
        return requests.post(urls[endpoint], data=fields, auth=auth, timeout=60)

    assert send("introspection_endpoint").json()["active"] is True
    assert send("revocation_endpoint").status_code == 200
    return send("introspection_endpoint").json() == {"active": False}


@pytest.mark.parametrize("method", [BASIC, POST])
def test_T1_requests_oauthlib(urls, api, program, scope, method):
    def secret_by_method(secret):
        if method == BASIC:
            return {"auth": HTTPBasicAuth(program.id, secret)}
        return {"client_id": program.id, "client_secret": secret, "include_client_id": True}

    with OAuth2Session(client=BackendApplicationClient(program.id, scope=[scope])) as session:
        token = session.fetch_token(urls["token_endpoint"], timeout=60, **secret_by_method(program.secret))
        assert was_let_in(session.get(api), program, scope)
        assert ends_by_plain_calls(urls, program, token["access_token"], method)
        with pytest.raises(InvalidClientError):
            session.fetch_token(urls["token_endpoint"], timeout=60, **secret_by_method(WRONG))


@pytest.mark.parametrize("method", [BASIC, POST])
@pytest.mark.parametrize("library", [AuthlibSession, OAuth2Client], ids=["on-requests", "on-httpx"])
def test_T1_authlib(urls, api, program, scope, library, method):
    with library(program.id, program.secret, token_endpoint_auth_method=method, scope=scope) as session:
        token = session.fetch_token(urls["token_endpoint"], grant_type="client_credentials")["access_token"]
        assert was_let_in(session.get(api), program, scope)
        assert session.introspect_token(urls["introspection_endpoint"], token=token).json()["active"] is True
        assert session.revoke_token(urls["revocation_endpoint"], token=token).status_code == 200
        assert session.introspect_token(urls["introspection_endpoint"], token=token).json() == {"active": False}

    with (
        library(program.id, WRONG, token_endpoint_auth_method=method) as session,
        pytest.raises(OAuthError, match="invalid_client"),
    ):
        session.fetch_token(urls["token_endpoint"], grant_type="client_credentials")


def test_T1_httpx_auth(urls, api, program, scope):
    """It sends the secret in the header, and knows no other way."""
    answer = httpx.get(
        api, auth=OAuth2ClientCredentials(urls["token_endpoint"], program.id, program.secret, scope=scope)
    )
    assert was_let_in(answer, program, scope)
    token = answer.request.headers["Authorization"].removeprefix("Bearer ")
    assert ends_by_plain_calls(urls, program, token, BASIC)

    with pytest.raises(InvalidGrantRequest, match="invalid_client"):
        httpx.get(api, auth=OAuth2ClientCredentials(urls["token_endpoint"], program.id, WRONG))


@pytest.mark.parametrize("method", [BASIC, POST])
@pytest.mark.parametrize("library", ["openid-client", "oauth4webapi", "simple-oauth2"])
def test_T1_clients_for_node(issuer, program, scope, library, method):
    audience = program.request.products[0].audience
    given = {"clientId": program.id, "secret": program.secret, "wrong": WRONG, "method": method}

    story = node.run(SCRIPTS / f"{library}.mjs", {"issuer": issuer, "audience": audience, "scope": scope, **given})

    assert story["answer"]["token_type"].lower() == "bearer"
    assert story["answer"]["scope"] == story["claims"]["scope"] == story["before"]["scope"] == scope
    assert story["header"]["alg"] == "ES256"
    assert story["claims"]["client_id"] == program.id
    assert story["before"]["active"] is True
    assert story["after"] == {"active": False}
    assert story["wrongScope"]["status"] == 400
    assert story["wrongScope"]["detail"]["error"] == "invalid_scope"
    assert story["wrongSecret"]["status"] == 401
    if library == "simple-oauth2":
        assert story["wrongSecret"]["detail"]["error"] == "invalid_client"
    else:
        assert story["wrongSecret"]["name"] == "WWWAuthenticateChallengeError"
        assert story["wrongScope"]["name"] == "ResponseBodyError"
        [challenge] = story["wrongSecret"]["detail"]
        assert challenge["scheme"] == "basic"
        assert challenge["parameters"]["realm"] == "Portico"


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_T1_clients_that_sign_for_themselves(issuer, program, algorithm):
    key = ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)
    with transaction():
        app = program.request.app
        credentials.add_app_key(app, key.as_pem(private=False).decode(), by=program.request.requester)
    given = {"issuer": issuer, "clientId": program.id, "algorithm": algorithm, "key": key.as_dict(private=True)}

    story = node.run(SCRIPTS / "private-key-jwt.mjs", given)

    for library in ("byOauth4webapi", "byOpenidClient"):
        assert story[library]["claims"]["client_id"] == program.id
        assert story[library]["refused"] == {"name": "WWWAuthenticateChallengeError", "status": 401}


def test_T1_clients_that_register_themselves(issuer, program):
    credential, owner = program.request.credential, program.request.requester
    with transaction():
        tokens = [credentials.allow_registration(credential, by=owner).token for _ in range(2)]

    story = node.run(SCRIPTS / "registration.mjs", {"issuer": issuer, "tokens": tokens})

    for library in ("byOpenidClient", "byOauth4webapi"):
        assert story[library]["claims"]["client_id"] == story[library]["clientId"] != program.id
    assert story["byOpenidClient"]["refused"]["status"] == 401
