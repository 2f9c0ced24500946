"""The queue of access requests, and the page on which one is decided."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from portal import access, forms
from portal.access import MOST_AT_ONCE, AccessRequest, Outcome, RequestStatus
from portal.accounts import Right, User
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import (
    chosen,
    current_person,
    done,
    found,
    is_htmx,
    kept_file,
    key_in_url,
    page_of,
    render,
    requires,
    searched,
)

bp = Blueprint("access_requests", __name__)
PAGE_SIZE = 50
ALL = "all"
TABS = {
    "Pending": RequestStatus.PENDING.value,
    "Approved": RequestStatus.APPROVED.value,
    "Rejected": RequestStatus.REJECTED.value,
    "Withdrawn": RequestStatus.WITHDRAWN.value,
    "All": ALL,
}


class ApproveForm(FlaskForm):
    """A reviewer's yes; ``seen`` is the content that was on the screen."""

    comment = TextAreaField("Comment", validators=[Length(max=access.LONGEST_COMMENT)])
    seen = StringField()


class RejectForm(FlaskForm):
    """A reviewer's no, which needs a reason; ``seen`` is the content that was on the screen."""

    reason = TextAreaField(
        "Reason",
        validators=[DataRequired("Give a reason: the requester will read it."), Length(max=access.LONGEST_COMMENT)],
    )
    seen = StringField()


class BulkForm(FlaskForm):
    """One answer to several requests."""

    request = SelectMultipleField("Requests", validate_choice=False)
    comment = TextAreaField("Comment or reason", validators=[Length(max=access.LONGEST_COMMENT)])


@bp.get("/access-requests")
@requires(Right.SEE_REQUESTS)
def index() -> ResponseReturnValue:
    """The requests this person may see: those that are pending, unless the URL asks for others."""
    return _index()


@bp.get("/access-requests/<number:number>")
@requires(Right.SEE_REQUESTS)
def show(number: str) -> ResponseReturnValue:
    """Everything that is needed to decide one request, and its history."""
    return _show(_find(number))


@bp.get("/access-requests/<number:number>/files/<key:file_id>")
@requires(Right.SEE_REQUESTS)
def file(number: str, file_id: int) -> Response:
    """A file that was handed in with a request that this person may see, in any of its versions, to be kept."""
    attachment = found(forms.find_file(file_id, _find(number).answers))
    return kept_file(attachment.name, attachment.media_type, forms.content_of(attachment))


@bp.post("/access-requests/<number:number>/approve")
@requires(Right.DECIDE_REQUESTS)
def approve(number: str) -> ResponseReturnValue:
    """Give this reviewer's yes; the answer is the row, or the request's page."""
    asked, form = _find(number), ApproveForm()
    if not form.validate():
        return _asked_again(form) if is_htmx() else _show(asked, approving=form, status=422)
    try:
        with transaction():
            access.approve(asked, by=current_person(), comment=form.comment.data or "", seen=form.seen.data or "")
    except Conflict as stale:
        return _stale(number, stale)
    return _decided(number, _told(_find(number)))


@bp.post("/access-requests/<number:number>/reject")
@requires(Right.DECIDE_REQUESTS)
def reject(number: str) -> ResponseReturnValue:
    """Give this reviewer's no, with the reason that the requester will read."""
    asked, form = _find(number), RejectForm()
    if not form.validate():
        return _asked_again(form) if is_htmx() else _show(asked, rejecting=form, status=422)
    try:
        with transaction():
            access.reject(asked, by=current_person(), reason=form.reason.data or "", seen=form.seen.data or "")
    except Conflict as stale:
        return _stale(number, stale)
    return _decided(number, f"{number} has been rejected.")


@bp.post("/access-requests/approve-selected")
@requires(Right.DECIDE_REQUESTS)
def approve_selected() -> ResponseReturnValue:
    """Approve up to a hundred requests, each judged alone; the page says what became of each."""
    return _decide_selected(lambda chosen, text: access.approve_many(chosen, by=current_person(), comment=text))


@bp.post("/access-requests/reject-selected")
@requires(Right.DECIDE_REQUESTS)
def reject_selected() -> ResponseReturnValue:
    """Reject up to a hundred requests with one reason, each judged alone."""
    return _decide_selected(lambda chosen, text: access.reject_many(chosen, by=current_person(), reason=text))


def _decide_selected(decide: Any) -> ResponseReturnValue:
    form = BulkForm()
    numbers = list(dict.fromkeys(form.request.data or []))
    if not form.validate():
        return _index(form, status=422)
    if not numbers:
        return _index(form, problem="Select at least one request first.", status=422)
    if len(numbers) > MOST_AT_ONCE:
        return _index(form, problem=f"At most {MOST_AT_ONCE} requests can be decided at once.", status=422)
    try:
        with transaction():
            outcomes = decide(access.requests_numbered(numbers, seen_by=current_person()), form.comment.data or "")
    except Invalid as refusal:
        return _index(form, problem=refusal.message, status=422)
    known = {outcome.number for outcome in outcomes}
    outcomes += [Outcome(n, "There is no such request.", done=False) for n in numbers if n not in known]
    return render("admin/access_requests/outcomes.html", outcomes=outcomes)


def _index(form: BulkForm | None = None, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    person, wanted = current_person(), chosen("status", {ALL, *RequestStatus}, default=RequestStatus.PENDING.value)
    rows, more = page_of(
        access.queue(
            seen_by=person,
            status="" if wanted == ALL else wanted,
            search=searched(),
            mine="mine" in request.args,
            after_id=key_in_url("after"),
            before_id=key_in_url("before"),
            size=PAGE_SIZE + 1,
        ),
        PAGE_SIZE,
    )
    return render(
        "admin/access_requests/index.html",
        status=status,
        rows=rows,
        deciders=access.decidable(rows, person),
        tabs=TABS,
        wanted=wanted,
        counts=access.counts_by_status(seen_by=person),
        next_key=_next_key(rows, wanted) if more else None,
        form=form or BulkForm(formdata=None),
        problem=problem,
    )


def _next_key(rows: list[AccessRequest], wanted: str) -> dict[str, int]:
    return {"after" if wanted == RequestStatus.PENDING else "before": rows[-1].id}


def _show(
    asked: AccessRequest,
    *,
    approving: ApproveForm | None = None,
    rejecting: RejectForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    person = current_person()
    return render(
        "admin/access_requests/show.html",
        status=status,
        asked=asked,
        approving=approving or ApproveForm(formdata=None),
        rejecting=rejecting or RejectForm(formdata=None),
        may_decide=access.may_decide(asked, person),
        path=access.path_of(asked),
        turn=access.who_can_act(asked),
        history=access.history_of(asked),
        filled=forms.filled(asked.form_ids, asked.answers, environment=asked.environment),
        earlier=access.earlier_requests(asked, seen_by=person),
    )


def _decided(number: str, message: str) -> ResponseReturnValue:
    """The fragment of the row in its new state, or the request's page (303)."""
    if is_htmx():
        flash(message, "success")
        return _row(number)
    return done(url_for("admin.access_requests.show", number=number), message)


def _told(asked: AccessRequest) -> str:
    """What an approval has led to, for the reviewer who gave it."""
    if not asked.is_pending:
        return f"{asked.number} is approved: the app {asked.app.name} has its access. The requester is told by mail."
    names = " and ".join(name for stage in asked.open_stages if (name := access.awaited(stage))) or "another answer"
    return f"Your approval of {asked.number} is kept. It now awaits {names}."


def _asked_again(form: FlaskForm) -> ResponseReturnValue:
    """422 for the queue: what is wrong with the answer, above the list; the row stays as it is."""
    flash(" ".join(message for errors in form.errors.values() for message in errors), "error")
    answer = render("layouts/_messages.html", status=422)
    answer.headers.update({"HX-Retarget": "#messages", "HX-Reswap": "outerHTML"})
    return answer


def _row(number: str) -> ResponseReturnValue:
    asked, person = _find(number), current_person()
    return render(
        "admin/access_requests/_answer.html",
        row=asked,
        deciders={asked.id} if access.may_decide(asked, person) else set(),
        tabs=TABS,
        counts=access.counts_by_status(seen_by=person),
        waiting=access.count_waiting_for(person),
    )


def _stale(number: str, stale: Conflict) -> ResponseReturnValue:
    """409: what happened meanwhile, on the page of the request as it is now, or in a sentence above the queue."""
    if is_htmx():
        raise stale
    flash(stale.message, "warning")
    return _show(_find(number), status=409)


def _find(number: str) -> AccessRequest:
    person: User = current_person()
    return found(access.find_request(number, seen_by=person))
