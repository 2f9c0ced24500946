"""The review of a request: its stages, the people who are asked, and what each of them said."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.access import timing
from portal.access.clarification import Clarification, QuestionState
from portal.accounts import User
from portal.db import Base, now, pk, words
from portal.errors import Conflict

if TYPE_CHECKING:
    from portal.access.models import AccessRequest


class StageState(StrEnum):
    """Where a review stage stands."""

    WAITING = "waiting"
    OPEN = "open"
    PAUSED = "paused"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


STAGE_MOVES: dict[StageState, frozenset[StageState]] = {
    StageState.WAITING: frozenset({StageState.OPEN, StageState.CANCELLED, StageState.SKIPPED}),
    StageState.OPEN: frozenset(
        {
            StageState.WAITING,  # only when an edit opens an earlier one again
            StageState.PAUSED,
            StageState.APPROVED,
            StageState.REJECTED,
            StageState.EXPIRED,
            StageState.CANCELLED,
            StageState.SKIPPED,
        }
    ),
    StageState.PAUSED: frozenset(
        {StageState.WAITING, StageState.OPEN, StageState.EXPIRED, StageState.CANCELLED, StageState.SKIPPED}
    ),
    StageState.APPROVED: frozenset({StageState.WAITING}),  # only when an edit touches what it approved
    StageState.REJECTED: frozenset(),
    StageState.EXPIRED: frozenset(),
    StageState.CANCELLED: frozenset(),
    StageState.SKIPPED: frozenset(),
}
_IN_WORDS = {StageState.OPEN: "open", StageState.WAITING: "not open yet", StageState.PAUSED: "waiting for an answer"}
UNANSWERED = frozenset({StageState.WAITING, StageState.OPEN, StageState.PAUSED})


class StageKind(StrEnum):
    """Whether a stage is answered with yes or no, or is work to be done."""

    APPROVAL = "approval"
    TASK = "task"


class Verdict(StrEnum):
    """What a reviewer said."""

    APPROVE = "approve"
    REJECT = "reject"


class ReviewStage(Base):
    """One answer that a request needs. Stages of the same position are open side by side.

    ``template`` is the stage's set-up as it was at submission (who staffs it, quorum, times); later edits of the
    set-up do not change requests under way. ``product_ids`` are the products that an owner's stage answers for.
    """

    __tablename__ = "review_stage"

    id: Mapped[pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), index=True)
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(120))
    because: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[StageKind] = mapped_column(words(StageKind), default=StageKind.APPROVAL)
    template: Mapped[dict[str, Any]] = mapped_column(default=dict)
    product_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    position: Mapped[int] = mapped_column(default=1)
    state: Mapped[StageState] = mapped_column(words(StageState), default=StageState.WAITING)
    opened_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    alarm: Mapped[str] = mapped_column(String(300), default="")
    decided_at: Mapped[datetime | None]
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"), index=True)
    claimed_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    comment: Mapped[str] = mapped_column(Text, default="")

    request: Mapped[AccessRequest] = relationship(back_populates="stages")
    reviewer: Mapped[User | None] = relationship(foreign_keys=[reviewer_id])
    claimed_by: Mapped[User | None] = relationship(foreign_keys=[claimed_by_id])
    added_by: Mapped[User | None] = relationship(foreign_keys=[added_by_id])
    assignees: Mapped[list[StageAssignee]] = relationship(back_populates="stage", order_by="StageAssignee.id")
    reviews: Mapped[list[Review]] = relationship(back_populates="stage", order_by="Review.id")
    questions: Mapped[list[Clarification]] = relationship(back_populates="stage", order_by=Clarification.id)

    __table_args__ = (
        Index("ix_review_stage_state_request_id", "state", "request_id"),
        Index(
            "ix_review_stage_open_due_at",
            "due_at",
            "request_id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_review_stage_alarm", "id", sqlite_where=text("alarm <> ''"), postgresql_where=text("alarm <> ''")),
    )

    @property
    def label(self) -> str:
        """How records call this stage."""
        return f"{self.request.number}, {self.what_it_gives}"

    @property
    def is_task(self) -> bool:
        """Whether this is work to be done, not a yes or no."""
        return self.kind is StageKind.TASK

    @property
    def what_it_gives(self) -> str:
        """What the request gets here, in the middle of a sentence: "security approval", "IT delivery"."""
        name = self.name if self.name[:2].isupper() else self.name[:1].lower() + self.name[1:]
        return name if self.is_task or name.endswith(" review") else f"{name} approval"

    @property
    def active_assignees(self) -> list[StageAssignee]:
        """The people who are asked and have not stepped back."""
        return [assignee for assignee in self.assignees if assignee.state is AssigneeState.ACTIVE]

    @property
    def live_reviews(self) -> list[Review]:
        """The answers that still count."""
        return [review for review in self.reviews if review.voided_at is None]

    @property
    def answered_by(self) -> set[int]:
        """Whose vote is used up here: of those who answered, and of those for whom they did (I5)."""
        return {key for review in self.live_reviews for key in (review.reviewer_id, review.principal_id)}

    @property
    def is_overdue(self) -> bool:
        """Whether an answer was due and has not come."""
        return self.state is StageState.OPEN and self.due_at is not None and self.due_at < now()

    @property
    def is_moot(self) -> bool:
        """Whether every product that it is about was declined, so that nobody has to answer it."""
        standing = {item.product_id for item in self.request.standing_items}
        return bool(self.product_ids) and standing.isdisjoint(self.product_ids)

    def ask_again(self) -> None:
        """Let the stage wait for exactly those who are asked and have not answered, as long as it is open."""
        answered = self.answered_by
        for assignee in self.assignees:
            still = assignee.state is AssigneeState.ACTIVE and assignee.user_id not in answered
            assignee.waits = still and self.state is StageState.OPEN

    def move_to(self, state: StageState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``STAGE_MOVES``."""
        if state not in STAGE_MOVES[self.state]:
            raise Conflict(f"This stage is {_IN_WORDS.get(self.state, 'decided already')}.")
        before, self.state = self.state, state
        if before is StageState.PAUSED and state not in UNANSWERED:
            self._drop_questions()
        self.ask_again()
        timing.follow(self, before)

    def _drop_questions(self) -> None:
        """What was asked here needs no answer any more: the stage has ended without one."""
        ended = QuestionState.EXPIRED if self.state is StageState.EXPIRED else QuestionState.WITHDRAWN
        for question in self.questions:
            if question.is_open:
                question.close(ended)

    def open(self) -> None:
        """Let the reviewers of this stage answer."""
        self.opened_at = self.opened_at or now()  # before the state: they go to the database together
        self.move_to(StageState.OPEN)

    def close(self, verdict: StageState, *, by: User | None, comment: str) -> None:
        """Record how a stage ended, and whose answer ended it. Raises Conflict when it is not open."""
        if self.state is not StageState.OPEN:
            raise Conflict("This stage has already been decided.")
        self.reviewer, self.comment, self.decided_at = by, comment, now()
        self.move_to(verdict)


class AssigneeState(StrEnum):
    """Whether a person who was asked is still asked."""

    ACTIVE = "active"
    RECUSED = "recused"
    REASSIGNED = "reassigned"
    INELIGIBLE = "ineligible"


class StageAssignee(Base):
    """A person who was asked to answer a stage, and ``via`` what: as an owner, a member of a group, in a role.

    ``waits`` says that the stage waits for this very person now; it has an index of its own, so that a queue finds
    the few among the many.
    """

    __tablename__ = "stage_assignee"

    id: Mapped[pk]
    stage_id: Mapped[int] = mapped_column(ForeignKey("review_stage.id"))
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    via: Mapped[str] = mapped_column(Text, default="owners")
    state: Mapped[AssigneeState] = mapped_column(words(AssigneeState), default=AssigneeState.ACTIVE)
    waits: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(Text, default="")

    stage: Mapped[ReviewStage] = relationship(back_populates="assignees")
    user: Mapped[User] = relationship()

    @property
    def label(self) -> str:
        """How records call the one who is asked."""
        return f"{self.user.email}, {self.stage.label}"

    __table_args__ = (
        UniqueConstraint("stage_id", "user_id"),
        Index("ix_stage_assignee_user_id_stage_id", "user_id", "stage_id"),
        Index("ix_stage_assignee_user_id_request_id", "user_id", "request_id"),
        Index(
            "ix_stage_assignee_waits",
            "user_id",
            "waits",
            "request_id",
            sqlite_where=text("waits = 1"),  # as queries say it there, or SQLite passes over it
            postgresql_where=text("waits"),
        ),
    )


class Review(Base):
    """What one person said about a stage, bound to the hash of what was on the screen.

    Whoever answers for somebody else (a delegation) uses up both votes: ``principal`` is whose vote it is (I5).
    ``files`` are those that the request named then, each in the version that was seen (C24).
    """

    __tablename__ = "review"

    id: Mapped[pk]
    stage_id: Mapped[int] = mapped_column(ForeignKey("review_stage.id"))
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"), index=True)
    principal_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    verdict: Mapped[Verdict] = mapped_column(words(Verdict))
    reason: Mapped[str] = mapped_column(Text, default="")
    content_hash: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int] = mapped_column(default=1)
    conditions: Mapped[list[str]] = mapped_column(default=list)
    checklist: Mapped[list[str]] = mapped_column(default=list)
    files: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    step_up_method: Mapped[str] = mapped_column(String(20), default="")
    step_up_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    voided_at: Mapped[datetime | None]
    voided_by_revision: Mapped[int | None]

    stage: Mapped[ReviewStage] = relationship(back_populates="reviews")
    reviewer: Mapped[User] = relationship(foreign_keys=[reviewer_id])
    principal: Mapped[User] = relationship(foreign_keys=[principal_id])

    __table_args__ = tuple(
        Index(
            f"uq_review_live_{who}",
            "stage_id",
            f"{who}_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        )
        for who in ("reviewer", "principal")
    )


class PolicyDecision(Base):
    """What the policy said of one revision of a request, on what facts; never changed (I16)."""

    __tablename__ = "policy_decision"

    id: Mapped[pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"))
    revision: Mapped[int]
    policy_version: Mapped[str] = mapped_column(String(120), default="")
    facts: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    outcome: Mapped[str] = mapped_column(String(20))
    stages: Mapped[list[str]] = mapped_column(default=list)
    matched: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    errors: Mapped[list[str]] = mapped_column(default=list)
    decided_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("request_id", "revision"),)
