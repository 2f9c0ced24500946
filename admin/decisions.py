"""A reviewer's yes and no."""

from __future__ import annotations

from flask import Blueprint, flash
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from admin import request_page as page
from admin.access_requests import row_of
from admin.review_forms import ApproveForm, RejectForm
from portal import access, policies
from portal.access import AccessRequest, Approval, StageState
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, is_htmx, render, requires, step_up

bp = Blueprint("decisions", __name__)


@bp.post("/access-requests/<number:number>/approve")
@requires(Right.DECIDE_REQUESTS)
def approve(number: str) -> ResponseReturnValue:
    """Give this reviewer's yes, to all or to less; the answer is the row, or the request's page."""
    asked, form = page.find_to_answer(number), ApproveForm()
    if not form.validate():
        return _asked_again(form) if is_htmx() else page.draw(asked, approving=form, status=422)
    try:
        saying = _saying(asked, form)
        with transaction():
            access.approve(asked, by=current_person(), seen=form.seen.data or "", saying=saying)
    except Invalid as refusal:
        blame(form, refusal)
        return _asked_again(form) if is_htmx() else page.draw(page.find(number), approving=form, status=422)
    except Conflict as stale:
        return page.changed_meanwhile(number, stale, approving=form)
    return _decided(number, _told(page.find(number)))


@bp.post("/access-requests/<number:number>/reject")
@requires(Right.DECIDE_REQUESTS)
def reject(number: str) -> ResponseReturnValue:
    """Give this reviewer's no, with the reason that the requester will read."""
    asked, form = page.find_to_answer(number), RejectForm()
    if not form.validate():
        return _asked_again(form) if is_htmx() else page.draw(asked, rejecting=form, status=422)
    try:
        with transaction():
            access.reject(
                asked,
                by=current_person(),
                reason=form.reason.data or "",
                seen=form.seen.data or "",
                stage_id=form.stage_id,
            )
    except Conflict as stale:
        return page.changed_meanwhile(number, stale, rejecting=form)
    return _decided(number, f"{number} has been rejected.")


def _saying(asked: AccessRequest, form: ApproveForm) -> Approval:
    """What the reviewer says with the yes. Raises Invalid when the password is given and wrong."""
    proof = ""
    if form.password.data:
        proof = step_up(current_person(), form.password.data, purpose=f"the approval of {asked.number}")
    return Approval(
        comment=form.comment.data or "",
        conditions=(form.conditions.data or "").splitlines(),
        less=form.less(asked),
        checklist=form.checklist.data or (),
        step_up=proof,
        stage_id=form.stage_id,
    )


def _decided(number: str, message: str) -> ResponseReturnValue:
    """The fragment of the row in its new state, or the request's page (303)."""
    if is_htmx():
        flash(message, "success")
        return row_of(number)
    return done(page.page_of(number), message)


def _told(asked: AccessRequest) -> str:
    """What an approval has led to, for the reviewer who gave it."""
    if not asked.is_pending:
        return f"{asked.number} is approved: the app {asked.app.name} has its access. The requester is told by mail."
    awaited = [name for stage in asked.open_stages if (name := access.awaited_by_name(stage))]
    if any(stage.state is StageState.PAUSED for stage in asked.stages):
        awaited.append(f"what {asked.requester.display_name} was asked")
    return f"Your approval of {asked.number} is kept. It now awaits {policies.joined(awaited, 'and')}."


def _asked_again(form: FlaskForm) -> ResponseReturnValue:
    """422 for the queue: what is wrong with the answer, above the list; the row stays as it is."""
    wrong = [*form.form_errors, *(message for errors in form.errors.values() for message in errors)]
    flash(" ".join(dict.fromkeys(map(str, wrong))), "error")
    answer = render("layouts/_messages.html", status=422)
    answer.headers.update({"HX-Retarget": "#messages", "HX-Reswap": "outerHTML"})
    return answer
