"""What an attacker makes: tokens and assertions with other claims, signed as they should be."""

import time

import jwt

from tests.support.programs import claims_of, encoded, post
from tests.web.oauth.answers import GRANT

METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = ("token", "introspect", "revoke")
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
INACTIVE = {"active": False}


def resigned(app, token, **claims):
    """The token with other claims, and our own signature over it: what a stolen key could make."""
    keys = app.extensions["portico.oauth"]["server"].keys
    changed = {name: value for name, value in {**claims_of(token), **claims}.items() if value is not ...}
    text = f"{token.partition('.')[0]}.{encoded(changed)}"
    return f"{text}.{encoded(keys._first.algorithm.sign(text.encode(), keys._first.key))}"


def assertion(program, key, **changes):
    moment = int(time.time())
    made = {
        "iss": program.id,
        "sub": program.id,
        "aud": "http://localhost",
        "exp": moment + 60,
        "jti": str(time.time_ns()),
    }
    return jwt.encode({**made, **changes}, key.as_pem(private=True), algorithm="ES256")


def proved(app, text, path="/oauth/token", **fields):
    return post(app, path, {**GRANT, "client_assertion_type": TYPE, "client_assertion": text, **fields})
