"""T1, T19: client libraries that others wrote, over a real socket, one after the other and all at once."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.support.builders import make_plan, make_product
from tests.support.programs import claims_of, make_program
from tests.support.server import live_server

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Authlib would like httpx's successor; the protocol is the same
    from authlib.integrations.httpx_client import OAuth2Client

METHODS = ["client_secret_basic", "client_secret_post"]


@pytest.fixture
def server(app, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the libraries insist on TLS, also on this machine
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with live_server(app) as address:
        yield address


@pytest.fixture
def program(app):
    return make_program(app)


def endpoints(server):
    """Where everything is, as the metadata says, on the port that this test has."""
    metadata = requests.get(f"{server}/.well-known/oauth-authorization-server", timeout=10).json()
    return {name: str(value).replace("http://localhost", server) for name, value in metadata.items()}


@pytest.mark.parametrize("method", METHODS)
def test_T1_requests_oauthlib(server, program, method):
    urls = endpoints(server)
    session = OAuth2Session(client=BackendApplicationClient(client_id=program.id))
    kwargs = (
        {"auth": HTTPBasicAuth(program.id, program.secret)}
        if method == "client_secret_basic"
        else {"client_id": program.id, "client_secret": program.secret, "include_client_id": True}
    )

    token = session.fetch_token(urls["token_endpoint"], timeout=10, **kwargs)

    assert claims_of(token["access_token"])["sub"] == program.id
    with requests.Session() as plain:
        plain.auth = (program.id, program.secret)
        body = {"token": token["access_token"]}
        assert plain.post(urls["introspection_endpoint"], data=body, timeout=10).json()["active"]
        assert plain.post(urls["revocation_endpoint"], data=body, timeout=10).status_code == 200
        assert not plain.post(urls["introspection_endpoint"], data=body, timeout=10).json()["active"]
    session.close()


def test_T1_requests_oauthlib_understands_a_refusal(server, program):
    wrong = HTTPBasicAuth(program.id, "pcs_wrong")

    with (
        OAuth2Session(client=BackendApplicationClient(client_id=program.id)) as session,
        pytest.raises(InvalidClientError),
    ):
        session.fetch_token(f"{server}/oauth/token", auth=wrong, timeout=10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("library", [AuthlibSession, OAuth2Client])
def test_T1_authlib_on_requests_and_on_httpx(server, program, library, method):
    urls = endpoints(server)
    kwargs = {"trust_env": False} if library is OAuth2Client else {}
    scope = program.request.products[0].scope_names[0]

    with library(program.id, program.secret, token_endpoint_auth_method=method, scope=scope, **kwargs) as session:
        token = session.fetch_token(urls["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == claims_of(token["access_token"])["scope"] == scope

        text = token["access_token"]
        assert session.introspect_token(urls["introspection_endpoint"], token=text).json()["active"]
        assert session.revoke_token(urls["revocation_endpoint"], token=text).status_code == 200
        assert not session.introspect_token(urls["introspection_endpoint"], token=text).json()["active"]


def test_T1_the_samples_of_an_app_s_page_work_as_they_are(server, program):
    from portal.credentials import samples_for

    code = dict(samples_for(program.request.credential, server, []))["Python"]
    code = code.replace("YOUR_CLIENT_SECRET", program.secret).rpartition("\nprint(")[0]
    names: dict[str, object] = {}

    exec(code, names)

    assert names["session"].token["token_type"] == "Bearer"  # type: ignore[attr-defined]
    names["session"].close()  # type: ignore[attr-defined]


def test_T19_forty_tokens_by_eight_clients_at_once(app, server):
    plan = make_plan(auto_approve=True)
    programs = [make_program(app, make_product(plans=[plan]), plan=plan) for _ in range(8)]

    def fetch(number):
        program = programs[number % 8]
        answer = httpx.post(
            f"{server}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(program.id, program.secret),
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return program, answer.json()["access_token"]

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(fetch, range(40)))

    assert len({claims_of(token)["jti"] for _, token in results}) == 40
    for program, token in results:
        assert claims_of(token)["client_id"] == program.id
        assert claims_of(token)["aud"] == [program.request.products[0].audience]
        assert program.introspect(token)["active"]
