"""Asking the requester: a question pauses the stage until it is answered or taken back (C58)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, select, text
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.access.decide import LONGEST_COMMENT, Voice, as_now, voices_in
from portal.access.locking import lock_request
from portal.access.models import AccessRequest
from portal.access.review import ReviewStage, StageState
from portal.accounts import User
from portal.db import Base, db, lock, now, pk, words
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record


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
    stage: Mapped[ReviewStage] = relationship()
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

    def close(self, state: QuestionState) -> None:
        """End the question. Raises Conflict when it is not open any more."""
        if self.state is not QuestionState.OPEN:
            raise Conflict(f"This question has already been {self.state}.")
        self.state, self.closed_at = state, now()


def ask(request: AccessRequest, *, by: User, question: str, stage_id: int | None = None) -> Clarification:
    """Ask the requester something; the stage that this person would answer waits, and its clock stands still.

    ``stage_id`` names it for those who are asked in several.
    """
    text_ = _said(question, "question", "Write what you want to know.")
    locked = lock_request(request)
    voice = _voice(locked, by, stage_id)
    voice.stage.move_to(StageState.PAUSED)
    asked = Clarification(request=locked, stage=voice.stage, asked_by=by, question=text_)
    db.session.add(asked)
    record(EventKind.INFORMATION_REQUESTED, subject=locked, by=by, reason=text_, after={"stage": voice.stage.name})
    return asked


def answer(question: Clarification, *, by: User, text: str) -> Clarification:
    """Answer as the requester; the stage goes on when nothing else is open there."""
    said = _said(text, "answer", "Write an answer.")
    locked, mine = _locked(question)
    if locked.requester_id != by.id:
        raise NotAllowed("Only the person who made the request can answer.")
    mine.close(QuestionState.ANSWERED)
    mine.answer, mine.answered_by = said, by
    record(EventKind.INFORMATION_GIVEN, subject=locked, by=by, reason=said, after={"stage": mine.stage.name})
    _go_on(mine.stage)
    return mine


def take_back(question: Clarification, *, by: User) -> Clarification:
    """Withdraw a question that one asked."""
    locked, mine = _locked(question)
    if mine.asked_by_id != by.id:
        raise NotAllowed("Only the person who asked can take the question back.")
    mine.close(QuestionState.WITHDRAWN)
    record(EventKind.QUESTION_WITHDRAWN, subject=locked, by=by, after={"stage": mine.stage.name})
    _go_on(mine.stage)
    return mine


def questions_about(request: AccessRequest) -> Sequence[Clarification]:
    """Everything that was asked about a request, in the order of asking."""
    query = select(Clarification).where(Clarification.request_id == request.id).order_by(Clarification.id)
    people = (
        joinedload(Clarification.asked_by),
        joinedload(Clarification.answered_by),
        joinedload(Clarification.stage),
    )
    return db.session.scalars(query.options(*people)).unique().all()


def find_question(question_id: int, *, request: AccessRequest) -> Clarification | None:
    """This question about this request."""
    found = db.session.get(Clarification, question_id)
    return found if found is not None and found.request_id == request.id else None


def _locked(question: Clarification) -> tuple[AccessRequest, Clarification]:
    locked = lock_request(question.request)
    mine = lock(Clarification, question.id)
    if mine is None or not locked.is_pending:
        raise Conflict(f"{locked.number} has already been {locked.status}. Nothing was changed.")
    return locked, mine


def _voice(locked: AccessRequest, by: User, stage_id: int | None) -> Voice:
    if not locked.is_pending:
        raise Conflict(f"{locked.number} has already been {locked.status}. Nothing was changed.")
    voices = [voice for voice in voices_in(locked, as_now(by)) if stage_id in (None, voice.stage.id)]
    if not voices:
        raise NotAllowed(f"{locked.number} does not wait for your answer.")
    return voices[0]


def _go_on(stage: ReviewStage) -> None:
    """Let the stage go on, with the working time that was left to it, unless another question is open."""
    still = select(Clarification.id).where(
        Clarification.stage_id == stage.id, Clarification.state == QuestionState.OPEN
    )
    db.session.flush()
    if db.session.scalar(still) or stage.state is not StageState.PAUSED:
        return
    stage.open()


def _said(text_: str, field: str, when_empty: str) -> str:
    said = text_.strip()
    if not said:
        raise Invalid(when_empty, field=field)
    if len(said) > LONGEST_COMMENT:
        raise Invalid(f"The text is longer than {LONGEST_COMMENT} characters.", field=field)
    return said
