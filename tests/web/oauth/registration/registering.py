"""Registering a client and managing it, as programs do, and what an answer must be like."""

import json
import time

import jwt

from portal import credentials
from portal.db import transaction
from tests.support.programs import post, send
from tests.web.oauth.answers import GRANT, stored

REGISTER = "/oauth/register"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def allowed(program):
    """A token of the app's owner."""
    credential = stored(program)
    with transaction():
        return credentials.allow_registration(credential, by=program.request.requester).token


def call(program, method, path, token, content=None, **kwargs):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = {} if content is None else {"data": json.dumps(content)}
    return send(program.app, method, path, headers=headers, content_type="application/json", **body, **kwargs)


def register(program, token=None, /, **metadata):
    return call(program, "POST", REGISTER, token if token is not None else allowed(program), metadata)


def manage(program, client, method, content=None, token=None):
    path = client["registration_client_uri"].removeprefix("http://localhost")
    return call(program, method, path, token or client["registration_access_token"], content)


def token_of(program, client):
    return post(program.app, "/oauth/token", GRANT, auth=(client["client_id"], client["client_secret"]))


def inspect(program, token):
    """What a gateway is told."""
    with transaction():
        gateway = credentials.add_gateway(f"Edge {time.time_ns()}", by=None)
    return post(program.app, "/oauth/introspect", {"token": token}, auth=(gateway.client_id, gateway.secret)).json


def error_of(answer, *, bearer=False):
    """The error, in the form of RFC 7591, section 3.2.2, or of RFC 6750, section 3."""
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert set(answer.json) <= {"error", "error_description"}
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Portico"')
    return answer.json["error"]


def refused(answer):
    return (answer.status_code, error_of(answer)) == (401, "invalid_token")


def keys_of(key):
    return {"keys": [key.as_dict(private=False)]}


def signed(client, key, alg="ES256"):
    moment = int(time.time())
    claims = {
        "iss": client["client_id"],
        "sub": client["client_id"],
        "aud": "http://localhost",
        "jti": str(time.time_ns()),
    }
    return jwt.encode({**claims, "exp": moment + 60}, key.as_pem(private=True), algorithm=alg)
