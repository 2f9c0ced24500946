"""A change that somebody has asked for and that a second person has not confirmed yet."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import RoleName, User
from portal.catalog import Plan
from portal.db import Base, now, pk, words
from portal.errors import Conflict


def _roles(names: Any) -> str:
    known = [RoleName(name).label for name in names or () if name in set(RoleName)]
    return ", ".join(known) or "no role"


class ChangeKind(StrEnum):
    """What would be changed."""

    AUTO_APPROVE = "auto_approve"
    ROLES = "roles"


class ChangeState(StrEnum):
    """Where a proposed change stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    TAKEN_BACK = "taken_back"


class ProposedChange(Base):
    """A critical change that waits for a second person: of a plan's automatic approval, or of somebody's roles.

    ``wanted`` is what would be true of it then. At most one waits for each plan and each person.
    """

    __tablename__ = "proposed_change"

    id: Mapped[pk]
    kind: Mapped[ChangeKind] = mapped_column(words(ChangeKind))
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    wanted: Mapped[dict[str, Any]] = mapped_column(default=dict)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    state: Mapped[ChangeState] = mapped_column(words(ChangeState), default=ChangeState.WAITING)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    answered_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text, default="")

    plan: Mapped[Plan | None] = relationship()
    user: Mapped[User | None] = relationship(foreign_keys=[user_id])
    asked_by: Mapped[User] = relationship(foreign_keys=[asked_by_id])
    answered_by: Mapped[User | None] = relationship(foreign_keys=[answered_by_id])

    __table_args__ = tuple(
        Index(
            f"uq_proposed_change_waiting_{subject}",
            f"{subject}_id",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        )
        for subject in ("plan", "user")
    )

    @property
    def label(self) -> str:
        """How records call this change."""
        if self.plan is not None:
            return f"Automatic approval of {self.plan.label}"
        return f"Roles of {self.user.email}" if self.user is not None else "A change"

    @property
    def waits(self) -> bool:
        """Whether nobody has answered yet."""
        return self.state is ChangeState.WAITING

    @property
    def in_words(self) -> str:
        """What would be true then, and what is true now."""
        if self.kind is ChangeKind.AUTO_APPROVE:
            return "Requests on this plan are approved at once, without anybody’s decision."
        return f"{_roles(self.wanted.get('roles'))} (until now: {_roles(self.wanted.get('seen'))})."

    def close(self, state: ChangeState, *, by: User, reason: str = "") -> None:
        """Answer the change. Raises Conflict when somebody has."""
        if not self.waits:
            raise Conflict("This change has been answered meanwhile. Nothing was changed.")
        self.state, self.answered_by, self.answered_at, self.reason = state, by, now(), reason
