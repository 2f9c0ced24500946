"""On a portal without TLS, as `make run` starts it, the Python sample runs as it is pasted."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from portal.catalog import ApiProduct, AuthMethod
from portal.credentials import Credential, samples_for


class Answer(BaseHTTPRequestHandler):
    """A token endpoint and an API in one."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._say({"access_token": "t0k3n", "token_type": "Bearer", "expires_in": 3600})

    def do_GET(self) -> None:
        self._say({"called_with": self.headers["Authorization"]})

    def _say(self, words: dict[str, object]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(words).encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def plain_http():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def python_sample(portal: str, api: str) -> str:
    credential = Credential(client_id="pci_abc", auth_method=AuthMethod.OAUTH2)
    return dict(samples_for(credential, portal, [ApiProduct(name="Payments", base_url=api)]))["Python"]


def test_the_python_sample_runs_without_tls(plain_http):
    ran = subprocess.run(
        [sys.executable, "-c", python_sample(plain_http, f"{plain_http}/api")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"called_with": "Bearer t0k3n"}


def test_nothing_is_said_about_tls_where_it_is():
    assert "INSECURE" not in python_sample("https://portal.example", "https://api.example")
