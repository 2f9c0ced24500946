"""Programs that call the authorization server: issued clients, and posts as a stranger would write them."""

from __future__ import annotations

import base64
import contextvars
import json
from dataclasses import dataclass
from typing import Any

from flask import Flask

from portal import credentials
from portal.access import AccessRequest
from portal.accounts import User
from portal.catalog import ApiProduct, Plan
from portal.db import db, transaction
from tests.support.builders import make_plan, make_product, make_request, make_user

FORM = "application/x-www-form-urlencoded"


@dataclass
class Program:
    """An app's credential with the secret that its owner was shown."""

    app: Flask
    request: AccessRequest
    id: str
    secret: str

    def token(self, **fields: Any) -> Any:
        """Ask for a token with the secret in the header."""
        return self.post("/oauth/token", {"grant_type": "client_credentials", **fields})

    def access_token(self, **fields: Any) -> str:
        """A token."""
        answer = self.token(**fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json["access_token"])

    def introspect(self, token: str, **fields: Any) -> dict[str, Any]:
        """What the server says of a token."""
        answer = self.post("/oauth/introspect", {"token": token, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def revoke(self, token: str, **fields: Any) -> Any:
        """End a token."""
        return self.post("/oauth/revoke", {"token": token, **fields})

    def post(self, path: str, fields: Any) -> Any:
        """Post a form with the secret in the header."""
        return post(self.app, path, fields, auth=(self.id, self.secret))


def make_program(
    app: Flask,
    *products: ApiProduct,
    owner: User | None = None,
    plan: Plan | None = None,
    **kwargs: Any,
) -> Program:
    """A program with access to these products (one is made when none is named), approved and revealed."""
    plan = plan or make_plan(auto_approve=True, **kwargs)
    owner = owner or make_user()
    request = make_request(owner, *(products or (make_product(plans=[plan]),)), plan=plan)
    assert request.credential is not None
    with transaction():
        revealed = credentials.reveal(request.credential, by=owner)
    return Program(app, request, revealed.client_id, revealed.secret)


def post(app: Flask, path: str, data: Any = None, *, auth: tuple[str, str] | None = None, **kwargs: Any) -> Any:
    """Post as a program does, in a context of its own; what the test has read is given back first."""
    return send(app, "POST", path, data=data, auth=auth, **kwargs)


def send(app: Flask, method: str, path: str, **kwargs: Any) -> Any:
    """Any request, in a context of its own."""
    db.session.rollback()
    kwargs.setdefault("content_type", FORM if method == "POST" else None)
    return contextvars.Context().run(app.test_client().open, path, method=method, **kwargs)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of a client that encodes nothing."""
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    return dict(json.loads(_part(token, 1)))


def header_of(token: str) -> dict[str, Any]:
    """A token's header."""
    return dict(json.loads(_part(token, 0)))


def encoded(content: Any) -> str:
    """A part of a token with this content."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _part(token: str, number: int) -> bytes:
    text = token.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
