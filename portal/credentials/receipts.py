"""Receipts: who accepted which version of a product's terms of use for which credential, and when (C72)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import User
from portal.catalog import TermsOfUse
from portal.credentials.models import Credential
from portal.db import Base, now, pk


class TermsReceipt(Base):
    """That a person accepted these terms for this credential; never changed, never taken away."""

    __tablename__ = "terms_receipt"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    terms_id: Mapped[int] = mapped_column(ForeignKey("terms_of_use.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    accepted_at: Mapped[datetime] = mapped_column(default=now)

    credential: Mapped[Credential] = relationship()
    terms: Mapped[TermsOfUse] = relationship()
    person: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("credential_id", "terms_id"),)
