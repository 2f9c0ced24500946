"""What reviewers do with a stage beside deciding: take it up, pass it on, step back from it, ask for another one."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from admin import request_page as page
from admin.review_forms import AddStageForm, PassOnForm, StepBackForm
from portal import access
from portal.access import AccessRequest
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.web import current_person, done, found, key_of, requires

bp = Blueprint("request_stages", __name__)


@bp.post("/access-requests/<number:number>/add-stage")
@requires(Right.DECIDE_REQUESTS)
def add(number: str) -> ResponseReturnValue:
    """Ask for one more stage, which opens beside those that are open now."""
    return page.act(number, "adding", _add, stage="added")


@bp.post("/access-requests/<number:number>/step-back")
@requires(Right.DECIDE_REQUESTS)
def step_back(number: str) -> ResponseReturnValue:
    """Recuse oneself from a stage, for good."""
    return page.act(number, "stepping_back", _step_back, reason="back_reason")


@bp.post("/access-requests/<number:number>/pass-on")
@requires(Right.DECIDE_REQUESTS)
def pass_on(number: str) -> ResponseReturnValue:
    """Give one's place in a stage to somebody else."""
    return page.act(number, "passing_on", _pass_on, reason="pass_reason")


@bp.post("/access-requests/<number:number>/claim")
@requires(Right.DECIDE_REQUESTS)
def claim(number: str) -> ResponseReturnValue:
    """Take a stage up, so that the others need not."""
    return _press(number, access.claim, "You have taken this up. The others see that they need not.")


@bp.post("/access-requests/<number:number>/release")
@requires(Right.DECIDE_REQUESTS)
def release(number: str) -> ResponseReturnValue:
    """Leave a stage to the others again."""
    return _press(number, access.release, "It is left to everybody who is asked again.")


def _press(number: str, act: Callable[..., None], message: str) -> ResponseReturnValue:
    """What a button without a form does to the stage that it names."""
    asked, stage_id = page.find_to_answer(number), found(key_of(request.form.get("stage", "")))
    try:
        with transaction():
            act(asked, by=current_person(), stage_id=stage_id)
    except Conflict as stale:
        return page.changed_meanwhile(number, stale)
    return done(page.page_of(number), message)


def _add(asked: AccessRequest, form: AddStageForm) -> str:
    added = access.add_stage(asked, form.added.data or "", by=current_person(), because=form.because.data or "")
    return f"{added.name} is asked as well: {access.awaited_by_name(added)}."


def _step_back(asked: AccessRequest, form: StepBackForm) -> str:
    access.recuse(asked, by=current_person(), stage_id=form.stage_id or 0, reason=form.back_reason.data or "")
    return "You have stepped back. You are not asked about this again."


def _pass_on(asked: AccessRequest, form: PassOnForm) -> str:
    to = page.reviewer_named(form.to.data or "")
    access.reassign(asked, to, by=current_person(), stage_id=form.stage_id or 0, reason=form.pass_reason.data or "")
    return f"{to.display_name} is asked now, and told by mail."
