"""Nothing that a client sends is ever fetched, and the server has no way to call out but those that are listed (S)."""

import ast
import json
import socket
from pathlib import Path

import jwt

import portal
from portal import credentials
from portal.db import transaction
from tests.support.programs import post
from tests.web.oauth.answers import stored
from tests.web.oauth.attacks.forging import proved

ADDRESSES = (
    "http://127.0.0.1:9/", "http://[::1]/", "http://0/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd",
    "http://localhost:6379/", "gopher://127.0.0.1:25/", "http://2130706433/", "http://127.1/", "//evil.example/",
    "https://evil.example/jwks.json", "ftp://evil.example/", "unix:///var/run/docker.sock", "http://metadata.google.internal/",
)  # fmt: skip


def test_S1_S3_S4_S5_no_address_that_a_client_sends_is_ever_called(app, program, key, monkeypatch):
    """There is no server-side request at all, so no redirect, no port and no endless answer either."""
    called, credential = [], stored(program)
    with transaction():
        token = credentials.allow_registration(credential, by=program.request.requester).token
    program.token()
    with monkeypatch.context() as watched:
        watched.setattr(socket.socket, "connect", lambda _self, address: called.append(address))
        watched.setattr(socket, "getaddrinfo", lambda *address, **_: called.append(address))
        for address in ADDRESSES:
            program.token(resource=address)
            headers = {"jku": address, "x5u": address, "jwk": {"kty": "EC"}, "kid": address}
            forged = jwt.encode({"sub": program.id, "iss": address}, key.as_pem(private=True), "ES256", headers=headers)
            proved(app, forged)
            program.introspect(forged)
            body = json.dumps({"jwks_uri": address, "logo_uri": address, "redirect_uris": [address]})
            bearer = {"Authorization": f"Bearer {token}"}
            post(app, "/oauth/register", body, headers=bearer, content_type="application/json")

    assert called == []


WAYS_OUT = {"requests", "httpx", "aiohttp", "urllib3", "http.client", "urllib.request", "ftplib", "socket", "smtplib"}
WITH_A_REASON = {
    "portal/mail/delivery.py",  # mails, to the server of the settings
    "portal/policies/provider_http.py",  # facts for policies, from hosts of the operator's list alone
    "portal/serving.py",  # asks itself whether it is up
    "portal/worker.py",  # wants to know the machine's name
}


def test_S7_the_server_has_no_other_way_to_call_out():
    """Whoever adds one adds its allow list, limits and tests with it (S1 to S7)."""
    root = Path(portal.__file__).parent.parent
    found = set()
    for file in [*(root / "portal").rglob("*.py"), *(root / "admin").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {str(file.relative_to(root)) for name in names if name in WAYS_OUT}

    assert found <= WITH_A_REASON
