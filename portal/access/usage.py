"""Which granted scopes are used, and when they last were (C78, C144)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now, pk


class ScopeUse(Base):
    """That a scope of a grant was in a token that was asked for, or introspected: first and last."""

    __tablename__ = "scope_use"

    id: Mapped[pk]
    grant_id: Mapped[int] = mapped_column(ForeignKey("access_grant.id"))
    scope: Mapped[str] = mapped_column(String(200))
    first_used_at: Mapped[datetime] = mapped_column(default=now)
    last_used_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("grant_id", "scope"),)
