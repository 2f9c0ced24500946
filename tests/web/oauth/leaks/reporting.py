"""Reports of leaked secrets, signed as GitHub signs them, and what they lead to."""

import base64
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from portal.catalog import LeakAction
from portal.db import db
from portal.events import OutboxMessage
from portal.oauth import leaks
from tests.support.builders import make_plan, make_product
from tests.support.programs import make_program, post

PATH = "/oauth/leaked-secrets"
KEY_ID = "9f3a1c"
KEY = ec.generate_private_key(ec.SECP256R1())
WHERE = "https://code.example.com/acme/planner/blob/main/.env"


def public_pem(key):
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def signature(body, key=KEY):
    return base64.b64encode(key.sign(body, ec.ECDSA(hashes.SHA256()))).decode()


def send_report(app, body, *, key=KEY, key_id=KEY_ID, headers=None):
    signed = {leaks.KEY_ID_HEADER: key_id, leaks.SIGNATURE_HEADER: signature(body, key)}
    sent = signed if headers is None else headers
    return post(app, PATH, body, headers=sent, content_type="application/json")


def report(app, *tokens, url=WHERE, **kwargs):
    finds = [{"token": token, "type": "portico", "url": url, "source": "content"} for token in tokens]
    return send_report(app, json.dumps(finds).encode(), **kwargs)


def labels(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return [each["label"] for each in answer.json]


def mails(kind="leaked"):
    return db.session.scalars(select(OutboxMessage).where(OutboxMessage.kind == kind)).all()


def leaky(app, action=LeakAction.ROTATE, **kwargs):
    """A program on a plan that does this with leaked secrets."""
    plan = make_plan(auto_approve=True, leak_action=action)
    return make_program(app, make_product(plans=[plan], **kwargs), plan=plan)
