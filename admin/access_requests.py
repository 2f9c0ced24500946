"""The queue of access requests, and the page on which one is decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, TextAreaField
from wtforms.validators import Length

from admin import request_page as page
from portal import access, forms
from portal.access import MOST_AT_ONCE, AccessRequest, Outcome, QueueFilters, RequestStatus, ReviewStage
from portal.accounts import Right, User
from portal.db import now, transaction
from portal.errors import Invalid
from portal.web import (
    chosen,
    current_person,
    found,
    is_htmx,
    kept_file,
    key_in_url,
    page_of,
    polled_until,
    render,
    requires,
    searched,
)

bp = Blueprint("access_requests", __name__)
PAGE_SIZE = 50
ALL = "all"
IN_TIME = "in_time"  # in the address of a page that is past those which are late
FILTERS = ("q", "mine", "stage", "overdue", "older")
AGES = {"2": "2 days", "7": "7 days", "30": "30 days"}
SAVED = ("status", *FILTERS)
TABS = {
    "Pending": RequestStatus.PENDING.value,
    "Approved": RequestStatus.APPROVED.value,
    "Rejected": RequestStatus.REJECTED.value,
    "Withdrawn": RequestStatus.WITHDRAWN.value,
    "Expired": RequestStatus.EXPIRED.value,
    "Denied": RequestStatus.DENIED.value,
    "All": ALL,
}


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
    return page.draw(page.find(number))


@bp.get("/access-requests/<number:number>/progress")
@requires(Right.SEE_REQUESTS)
def progress(number: str) -> ResponseReturnValue:
    """What has changed on the page since ``seen``: its path, state and history. What is being typed stays (C10)."""
    asked = page.find(number)
    if not is_htmx():
        return page.draw(asked)
    if request.args.get("seen") == access.mark_of(asked) and polled_until() > now().timestamp():
        return Response(status=204)
    return page.draw_progress(asked)


@bp.get("/access-requests/<number:number>/files/<key:file_id>")
@requires(Right.SEE_REQUESTS)
def file(number: str, file_id: int) -> Response:
    """A file that was handed in with a request that this person may see, in any of its versions, to be kept."""
    asked = page.find(number)
    attachment = found(forms.find_file(file_id, asked.answers, also=access.files_reviewed(asked)))
    return kept_file(attachment.name, attachment.media_type, forms.content_of(attachment))


@bp.post("/access-requests/approve-selected")
@requires(Right.DECIDE_REQUESTS)
def approve_selected() -> ResponseReturnValue:
    """Approve up to a hundred requests, each judged alone; the page says what became of each."""
    return _decide_selected(partial(access.approve_many, by=current_person()), "comment")


@bp.post("/access-requests/reject-selected")
@requires(Right.DECIDE_REQUESTS)
def reject_selected() -> ResponseReturnValue:
    """Reject up to a hundred requests with one reason, each judged alone."""
    return _decide_selected(partial(access.reject_many, by=current_person()), "reason")


def _decide_selected(decide: Any, text: str) -> ResponseReturnValue:
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
            selected = access.requests_numbered(numbers, seen_by=current_person())
            outcomes = decide(selected, seen=_seen(), **{text: form.comment.data or ""})
    except Invalid as refusal:
        return _index(form, problem=refusal.message, status=422)
    known = {outcome.number for outcome in outcomes}
    outcomes += [Outcome(n, "There is no such request.", done=False) for n in numbers if n not in known]
    return render("admin/access_requests/outcomes.html", outcomes=outcomes)


def _seen() -> dict[str, str]:
    """What was on the screen: the content hash of each row, by number (I6)."""
    return dict(pair.split(" ", 1) for pair in request.form.getlist("seen") if " " in pair)


def row_of(number: str) -> ResponseReturnValue:
    """The row of a request in the queue as it is now, and the counts beside it."""
    asked, person = page.find(number), current_person()
    return render(
        "admin/access_requests/_answer.html",
        row=asked,
        **answers_of([asked], person),
        tabs=TABS,
        counts=access.counts_by_status(seen_by=person),
        waiting=access.count_waiting_for(person),
    )


def _index(form: BulkForm | None = None, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    person, wanted = current_person(), chosen("status", {ALL, *RequestStatus}, default=RequestStatus.PENDING.value)
    stages = access.stages_in_queue()
    stage = chosen("stage", {key for key, _ in stages})
    wanted_rows = _filters(wanted, stage)
    rows, more = page_of(_rows(wanted_rows), PAGE_SIZE)
    filtered = any(request.args.get(name) for name in FILTERS)
    return render(
        "admin/access_requests/index.html",
        status=status,
        rows=rows,
        **answers_of(rows, person),
        tabs=TABS,
        wanted=wanted,
        stages=stages,
        stage=stage,
        ages=AGES,
        filtered=filtered,
        matching=access.count_in_queue(**wanted_rows, seen_by=person) if filtered else None,
        kept=access.filters_of(person),
        kept_query=urlencode({name: text for name, text in request.args.items() if name in SAVED and text}),
        counts=access.counts_by_status(seen_by=person),
        next_key=_next_key(rows, wanted) if more else None,
        form=form or BulkForm(formdata=None),
        problem=problem,
        emergencies=access.emergencies(seen_by=person),
    )


def _filters(wanted: str, stage: str) -> QueueFilters:
    """What the URL narrows the queue to. Only what is pending waits, so only there its age is asked for."""
    older = chosen("older", AGES)
    return {
        "status": "" if wanted == ALL else wanted,
        "search": searched(),
        "mine": "mine" in request.args,
        "stage": stage,
        "overdue": True if "overdue" in request.args else None,
        "older_than": timedelta(days=int(older)) if older and wanted == RequestStatus.PENDING else None,
    }


def _rows(filters: QueueFilters) -> list[AccessRequest]:
    """One page and one row more. Of the pending ones those that are late come first, then the oldest."""
    find = partial(access.queue, seen_by=current_person())
    after, size = key_in_url("after"), PAGE_SIZE + 1
    if filters["overdue"] or filters["status"] != RequestStatus.PENDING:
        return list(find(**filters, after_id=after, before_id=key_in_url("before"), size=size))
    is_late: QueueFilters = {**filters, "overdue": True}
    in_time: QueueFilters = {**filters, "overdue": False}
    past_late = IN_TIME in request.args
    rows = [] if past_late else list(find(**is_late, after_id=after, size=size))
    if len(rows) < size:
        rows += find(**in_time, after_id=after if past_late else None, size=size - len(rows))
    return rows


def answers_of(rows: Sequence[AccessRequest], person: User) -> dict[str, Any]:
    """Which of these the person may answer, and which of those ask for more than a comment."""
    principals = access.stands_in_for(person)
    voices = {
        row.id: access.voices_in(row, person, principals) for row in rows if access.may_decide(row, person, principals)
    }
    demanding = {key for key, found in voices.items() if any(_asks_for_more(voice.stage) for voice in found)}
    return {"deciders": set(voices), "demanding": demanding}


def _asks_for_more(stage: ReviewStage) -> bool:
    """Whether a yes to this stage needs what only the request's page asks for."""
    return any(stage.template.get(name) for name in ("step_up", "checklist", "reason_required", "required_fields"))


def _next_key(rows: list[AccessRequest], wanted: str) -> dict[str, Any]:
    if wanted != RequestStatus.PENDING:
        return {"before": rows[-1].id}
    in_time = "overdue" not in request.args and not rows[-1].is_overdue
    return {"after": rows[-1].id, IN_TIME: 1 if in_time else None}
