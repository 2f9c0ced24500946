"""T1, T19: programs over a real socket: our own samples, and many clients at once. Others' libraries: tests/e2e."""

import os
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.builders import make_plan, make_product
from tests.support.programs import claims_of, make_program
from tests.support.server import live_server


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
