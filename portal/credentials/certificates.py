"""Client certificates of apps: a client that shows one at the TLS connection needs to send no secret (RFC 8705)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now, pk


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
