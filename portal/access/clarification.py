"""A reviewer's question to the requester as it is kept. It ends with the stage that asked it, if not before."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import User
from portal.db import Base, now, pk, words
from portal.errors import Conflict

if TYPE_CHECKING:
    from portal.access.models import AccessRequest
    from portal.access.review import ReviewStage


class QuestionState(StrEnum):
    """Where a question stands."""

    OPEN = "open"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Clarification(Base):
    """A reviewer's question to the requester, and the answer."""

    __tablename__ = "clarification"

    id: Mapped[pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), index=True)
    stage_id: Mapped[int] = mapped_column(ForeignKey("review_stage.id"))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    question: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    closed_at: Mapped[datetime | None]
    state: Mapped[QuestionState] = mapped_column(words(QuestionState), default=QuestionState.OPEN)

    request: Mapped[AccessRequest] = relationship()
    stage: Mapped[ReviewStage] = relationship(back_populates="questions")
    asked_by: Mapped[User] = relationship(foreign_keys=[asked_by_id])
    answered_by: Mapped[User | None] = relationship(foreign_keys=[answered_by_id])

    __table_args__ = (
        Index(
            "uq_clarification_open",
            "stage_id",
            "asked_by_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    @property
    def label(self) -> str:
        """How records call this question."""
        return f"{self.request.number}, question of {self.asked_by.email}"

    @property
    def is_open(self) -> bool:
        """Whether it waits for the requester."""
        return self.state is QuestionState.OPEN

    def close(self, state: QuestionState) -> None:
        """End the question. Raises Conflict when it is not open any more."""
        if not self.is_open:
            raise Conflict(f"This question has already been {self.state}.")
        self.state, self.closed_at = state, now()
