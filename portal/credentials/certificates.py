"""Client certificates of apps: a client that shows one at the TLS connection needs to send no secret (RFC 8705).

Each is known by its SHA-256 thumbprint and by nothing that stands in it: whoever holds the key of a registered
certificate is one of the app's programs, whoever issued it (``self_signed_tls_client_auth``).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_pem_x509_certificates
from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts import User
from portal.apps import DeveloperApp
from portal.credentials.keys import RSA_BITS
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record

MOST_CERTIFICATES = 5
LONGEST_NAME = 120
LONGEST_SUBJECT = 500
LONGEST_TEXT = 20_000
EC_BITS = 256
_UNUSABLE = (
    "This is no certificate that can be used here. Paste one X.509 certificate as PEM (BEGIN CERTIFICATE), with an EC "
    f"or Ed25519 key, or an RSA key of {RSA_BITS} bits or more."
)


class AppCertificate(Base):
    """A certificate with which an app's clients prove themselves, known by its SHA-256 thumbprint."""

    __tablename__ = "app_certificate"

    id: Mapped[pk]
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"))
    thumbprint: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(120))
    subject: Mapped[str] = mapped_column(String(500), default="")
    not_after: Mapped[datetime]
    pem: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("app_id", "thumbprint"),)

    @property
    def is_over(self) -> bool:
        """Whether its time is over: it proves nobody any more."""
        return self.not_after <= now()


def thumbprint_of(der: bytes) -> str:
    """The SHA-256 thumbprint of a certificate, as ``x5t#S256`` writes it (RFC 8705, section 3.1)."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def certificates_of(app_id: int) -> Sequence[AppCertificate]:
    """The certificates of an app, the oldest first."""
    query = select(AppCertificate).where(AppCertificate.app_id == app_id).order_by(AppCertificate.id)
    return db.session.scalars(query).all()


def proves_app(app_id: int, thumbprint: str) -> bool:
    """Whether this certificate is registered for the app, and its time is not over."""
    return any(each.thumbprint == thumbprint and not each.is_over for each in certificates_of(app_id))


def add_app_certificate(app: DeveloperApp, text: str, *, name: str = "", by: User) -> AppCertificate:
    """Let the app's clients prove themselves with this certificate. Raises NotAllowed, Invalid or Conflict."""
    locked = _locked_for_owner(app, by)
    certificate = _certificate(text)
    name = name.strip()
    if len(name) > LONGEST_NAME or not (name.isprintable() or not name):
        raise Invalid(f"The name has at most {LONGEST_NAME} characters.")
    if certificate.not_valid_after_utc <= now():
        raise Invalid(f"This certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}. Use a newer one.")
    if certificate.not_valid_before_utc > now():
        raise Invalid(f"This certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC.")
    thumbprint = thumbprint_of(certificate.public_bytes(Encoding.DER))
    held = certificates_of(locked.id)
    if any(each.thumbprint == thumbprint for each in held):
        raise Conflict("This certificate is registered already.")
    if len(held) >= MOST_CERTIFICATES:
        raise Conflict(f"An app has at most {MOST_CERTIFICATES} certificates. Remove one first.")
    made = AppCertificate(
        app_id=locked.id,
        thumbprint=thumbprint,
        name=name or f"Certificate of {now():%Y-%m-%d}",
        subject=_subject_of(certificate),
        not_after=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(Encoding.PEM).decode(),
    )
    db.session.add(made)
    after = {"certificate": thumbprint, "not_after": made.not_after}
    record(EventKind.APP_CERTIFICATE_ADDED, subject=locked, by=by, after=after)
    return made


def remove_app_certificate(app: DeveloperApp, certificate_id: int, *, by: User) -> AppCertificate:
    """Take a certificate away: nobody proves anything with it from now on. Raises NotAllowed or NotFound."""
    locked = _locked_for_owner(app, by)
    gone = next((each for each in certificates_of(locked.id) if each.id == certificate_id), None)
    if gone is None:
        raise NotFound("There is no such certificate.")
    db.session.delete(gone)
    record(EventKind.APP_CERTIFICATE_REMOVED, subject=locked, by=by, before={"certificate": gone.thumbprint})
    return gone


def _locked_for_owner(app: DeveloperApp, by: User) -> DeveloperApp:
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can change its certificates.")
    return locked


def _certificate(text: str) -> Certificate:
    """The one certificate in a text. Raises Invalid, in words that tell who pasted a private key with it."""
    if "PRIVATE KEY" in text:
        raise Invalid("This holds a private key. Keep it to yourself, and paste the certificate alone.")
    if len(text) > LONGEST_TEXT:
        raise Invalid(_UNUSABLE)
    try:
        (certificate,) = load_pem_x509_certificates(text.strip().encode())
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid(_UNUSABLE) from None
    strong = (
        isinstance(key, Ed25519PublicKey)
        or (isinstance(key, EllipticCurvePublicKey) and key.key_size >= EC_BITS)
        or (isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS)
    )
    if not strong:
        raise Invalid(_UNUSABLE)
    return certificate


def _subject_of(certificate: Certificate) -> str:
    """The subject as people read it; what cannot be printed is left out."""
    try:
        subject = certificate.subject.rfc4514_string()
    except (ValueError, TypeError):
        return ""
    return "".join(sign for sign in subject if sign.isprintable())[:LONGEST_SUBJECT]
