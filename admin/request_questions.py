"""Asking the requester, and taking a question back."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from admin import request_page as page
from admin.review_forms import AskForm
from portal import access
from portal.access import AccessRequest
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.web import current_person, done, found, requires

bp = Blueprint("request_questions", __name__)


@bp.post("/access-requests/<number:number>/ask")
@requires(Right.DECIDE_REQUESTS)
def ask(number: str) -> ResponseReturnValue:
    """Ask the requester something; the stage waits until it is answered."""
    return page.act(number, "asking", _ask)


@bp.post("/access-requests/<number:number>/questions/<key:question_id>/take-back")
@requires(Right.DECIDE_REQUESTS)
def take_back(number: str, question_id: int) -> ResponseReturnValue:
    """Withdraw a question that one asked; the stage goes on."""
    question = found(access.find_question(question_id, request=page.find(number)))
    try:
        with transaction():
            access.take_back(question, by=current_person())
    except Conflict as stale:
        return page.changed_meanwhile(number, stale)
    return done(page.page_of(number), "Your question is taken back. The review goes on.")


def _ask(asked: AccessRequest, form: AskForm) -> str:
    access.ask(asked, by=current_person(), question=form.question.data or "", stage_id=form.stage_id)
    return f"{asked.requester.display_name} is asked, and told by mail. Until then the clock stands still."
