"""Credentials: what an app proves itself with. A secret never stands here, only its hash."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.apps import DeveloperApp
from portal.catalog import AuthMethod, Environment, Plan
from portal.db import Base, now, pk, words
from portal.errors import Conflict


class CredentialState(StrEnum):
    """Where a credential stands in its life."""

    PENDING_REVEAL = "pending_reveal"
    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"


CREDENTIAL_MOVES: dict[CredentialState, frozenset[CredentialState]] = {
    CredentialState.PENDING_REVEAL: frozenset(
        {CredentialState.ACTIVE, CredentialState.REVOKED, CredentialState.EXPIRED}
    ),
    CredentialState.ACTIVE: frozenset({CredentialState.REVOKED, CredentialState.EXPIRED}),
    CredentialState.REVOKED: frozenset(),
    CredentialState.EXPIRED: frozenset(),
}
LIVE_STATES = (CredentialState.PENDING_REVEAL, CredentialState.ACTIVE)
QUIET_AFTER = timedelta(hours=48)


class Credential(Base):
    """A client id and the hash of its secret, for one app on one plan (T41)."""

    __tablename__ = "credential"

    id: Mapped[pk]
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), index=True)
    auth_method: Mapped[AuthMethod] = mapped_column(words(AuthMethod))
    environment: Mapped[Environment] = mapped_column(words(Environment), default=Environment.TEST)
    name: Mapped[str] = mapped_column(String(120))
    client_id: Mapped[str] = mapped_column(String(60), unique=True)
    secret_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    secret_hint: Mapped[str] = mapped_column(String(12), default="")
    secret_made_at: Mapped[datetime | None]
    secret_used_at: Mapped[datetime | None]
    retiring_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    retiring_hint: Mapped[str] = mapped_column(String(12), default="")
    retiring_until: Mapped[datetime | None]
    retiring_used_at: Mapped[datetime | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("credential.id"), index=True)
    state: Mapped[CredentialState] = mapped_column(words(CredentialState), default=CredentialState.PENDING_REVEAL)
    created_at: Mapped[datetime] = mapped_column(default=now)
    revealed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)

    app: Mapped[DeveloperApp] = relationship()
    plan: Mapped[Plan] = relationship()

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The client id, which is not secret, by which records call this credential."""
        return self.client_id

    @property
    def is_live(self) -> bool:
        """Whether the credential may still be used, or claimed, now."""
        return self.state in LIVE_STATES and (self.expires_at is None or now() < self.expires_at)

    @property
    def is_over(self) -> bool:
        """Whether its time is over, worker or not; what was revoked is not over but ended."""
        is_late = self.expires_at is not None and self.expires_at <= now()
        return self.state is CredentialState.EXPIRED or (self.state in LIVE_STATES and is_late)

    @property
    def status(self) -> str:
        """The state as people read it; an expired credential is expired the second it ends, worker or not."""
        if self.state in LIVE_STATES and not self.is_live:
            return "Expired"
        return {CredentialState.PENDING_REVEAL: "Ready to reveal"}.get(self.state, self.state.value.capitalize())

    @property
    def has_old_secret(self) -> bool:
        """Whether the secret before the present one is still good; it stops at its time, worker or not."""
        return self.retiring_hash is not None and self.retiring_until is not None and now() < self.retiring_until

    @property
    def is_use_known(self) -> bool:
        """Whether its use can be seen here: that of an API key is, once a gateway has asked about it."""
        return self.auth_method is AuthMethod.OAUTH2 or self.last_used_at is not None

    @property
    def old_secret_is_quiet(self) -> bool:
        """Whether nobody is known to have used the old secret for so long that it can be ended without harm."""
        last = self.retiring_used_at or self.secret_made_at
        return self.is_use_known and self.has_old_secret and last is not None and last <= now() - QUIET_AFTER

    @property
    def lost_its_secret(self) -> bool:
        """Whether its secret was stopped before its time, so that only a rotation gives it another."""
        had_one = self.secret_made_at is not None and self.parent_id is None
        return self.state is CredentialState.ACTIVE and self.secret_hash is None and had_one

    @property
    def rotate_by(self) -> datetime | None:
        """When its secret is to be replaced, by the plan's schedule; None without one, or when it ends before that."""
        if self.secret_made_at is None or self.plan.rotate_every_days is None:
            return None
        due_at = self.secret_made_at + timedelta(days=self.plan.rotate_every_days)
        return due_at if self.expires_at is None or due_at < self.expires_at else None

    @property
    def is_rotation_overdue(self) -> bool:
        """Whether its secret should have been replaced by now. It works all the same."""
        return self.rotate_by is not None and self.rotate_by <= now()

    def move_to(self, state: CredentialState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``CREDENTIAL_MOVES``."""
        if state not in CREDENTIAL_MOVES[self.state]:
            raise Conflict(f"This credential is {self.status.lower()}.")
        self.state = state


class RevokedToken(Base):
    """An access token that was revoked before it expired (RFC 7009), by its ``jti``."""

    __tablename__ = "revoked_token"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(60))
    revoked_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_revoked_token_expires_at", "expires_at"),)
