"""Certificates that clients sign for themselves, and the header in which a proxy passes them on."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from flask import Flask

from portal.config import Settings
from portal.db import now

HEADER = "X-Client-Certificate"


def make_certificate(name: str = "build.acme.example", *, days: int = 30, starts: int = -1, key: Any = None) -> Any:
    """A certificate that its holder signed, good from ``starts`` days on for ``days`` days from now."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + timedelta(days=starts))
        .not_valid_after(now() + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )


def pem(certificate: Any) -> str:
    """As people paste it."""
    return str(certificate.public_bytes(Encoding.PEM).decode())


def escaped(certificate: Any) -> str:
    """As nginx passes it on (``$ssl_client_escaped_cert``)."""
    return quote(pem(certificate), safe="")


def sequence(certificate: Any) -> str:
    """As RFC 9440 writes it."""
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


@contextmanager
def hearing_certificates(app: Flask, **changes: Any) -> Iterator[Settings]:
    """The application as if its proxy passed certificates on."""
    given = app.config["PORTICO"]
    settings = given.model_copy(update={"trusted_proxies": 1, "client_certificate_header": HEADER, **changes})
    app.config["PORTICO"] = settings
    try:
        yield settings
    finally:
        app.config["PORTICO"] = given
