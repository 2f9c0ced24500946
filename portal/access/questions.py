"""Asking the requester: a question pauses the stage until it is answered or taken back (C58)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.access.clarification import Clarification, QuestionState
from portal.access.decide import LONGEST_COMMENT, Voice, voices_in
from portal.access.later import refuse_early
from portal.access.locking import lock_request, lock_request_for
from portal.access.models import AccessRequest
from portal.access.review import UNANSWERED, ReviewStage, StageState
from portal.access.staffing import put_back
from portal.accounts import User
from portal.blanks import is_blank
from portal.db import db, lock
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record


def ask(request: AccessRequest, *, by: User, question: str, stage_id: int | None = None) -> Clarification:
    """Ask the requester something; the stage that this person would answer waits, and its clock stands still.

    ``stage_id`` names it for those who are asked in several.
    """
    text_ = _said(question, "question", "Write what you want to know.")
    locked, person = lock_request_for(request, by)
    voice = _voice(locked, person, stage_id)
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
    voices = [voice for voice in voices_in(locked, by) if stage_id in (None, voice.stage.id)]
    if not voices:
        refuse_early(locked, by, stage_id=stage_id)
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
    before = [s for s in stage.request.stages if s.position < stage.position and s.state in UNANSWERED]
    if before:  # an edit has opened an earlier stage again while the question waited
        put_back(stage)
    else:
        stage.open()


def _said(text_: str, field: str, when_empty: str) -> str:
    said = text_.strip()
    if is_blank(said):
        raise Invalid(when_empty, field=field)
    if len(said) > LONGEST_COMMENT:
        raise Invalid(f"The text is longer than {LONGEST_COMMENT} characters.", field=field)
    return said
