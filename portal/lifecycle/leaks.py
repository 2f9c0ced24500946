"""Secrets that were found where everybody can read them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.catalog import LeakAction
from portal.credentials import Credential
from portal.db import Base, now, pk, words


class LeakReport(Base):
    """That a credential's secret was found in public, by whom, where, and what was done about it.

    The secret itself is not kept; ``secret_hash`` makes a report that comes twice one report.
    """

    __tablename__ = "leak_report"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    secret_hash: Mapped[str] = mapped_column(String(64))
    reporter: Mapped[str] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(String(60), default="")
    url: Mapped[str] = mapped_column(String(2000), default="")
    action: Mapped[LeakAction] = mapped_column(words(LeakAction))
    reported_at: Mapped[datetime] = mapped_column(default=now)

    credential: Mapped[Credential] = relationship()

    __table_args__ = (UniqueConstraint("credential_id", "secret_hash"),)
