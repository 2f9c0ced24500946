"""Clients that register themselves (RFC 7591) under an approved credential, and manage their registration (RFC 7592).

A registered client is a credential whose ``parent_id`` names the one that was approved: it opens what that one opens,
and ends with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import User
from portal.credentials.models import Credential
from portal.db import Base, now, pk


class InitialAccessToken(Base):
    """A token that lets one client register itself under a credential; only its hash is kept."""

    __tablename__ = "initial_access_token"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    token_hint: Mapped[str] = mapped_column(String(12), default="")
    made_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    made_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    credential: Mapped[Credential] = relationship()
    made_by: Mapped[User] = relationship()


class RegisteredClient(Base):
    """What a client said of itself when it registered, and the hash of the token by which it changes that."""

    __tablename__ = "registered_client"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64))
    auth_method: Mapped[str] = mapped_column(String(40), default="client_secret_basic")
    registered_at: Mapped[datetime] = mapped_column(default=now)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)

    credential: Mapped[Credential] = relationship()
