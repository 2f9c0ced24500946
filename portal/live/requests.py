"""My requests: everything that was asked for, in every state, with its path and history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import Length

from portal import access, forms, policies
from portal.access import AccessRequest, QuestionState, RequestStatus, StageState
from portal.accounts import Right
from portal.db import now, transaction
from portal.errors import Conflict, Invalid
from portal.forms import Weighed
from portal.live import asking
from portal.live.asking import Given
from portal.live.outlook import waiting_in_words
from portal.web import (
    Said,
    chosen,
    current_person,
    done,
    found,
    is_htmx,
    kept_file,
    key_in_url,
    page_of,
    polled_until,
    render,
    requires,
)

bp = Blueprint("requests", __name__)
PAGE_SIZE = 25


class AnswerForm(FlaskForm):
    """The answer to a reviewer's question."""

    answer = TextAreaField("Answer", [Said("Write an answer."), Length(max=access.LONGEST_COMMENT)])


@bp.get("/requests")
@requires(Right.REQUEST_ACCESS)
def index() -> ResponseReturnValue:
    """The person's own requests, the newest first, by status if asked."""
    person, wanted = current_person(), chosen("status", set(RequestStatus))
    asked = access.requests_of(person, status=wanted, before_id=key_in_url("before"), size=PAGE_SIZE + 1)
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "live/requests/index.html",
        rows=rows,
        more=more,
        wanted=wanted,
        waits_for=access.awaited,
        counts=access.own_counts_by_status(person),
    )


@bp.get("/requests/<number:number>")
@requires(Right.REQUEST_ACCESS)
def show(number: str) -> ResponseReturnValue:
    """One request: what was asked, on which terms, who is awaited, and what has happened."""
    return _show(_own(number))


@bp.get("/requests/<number:number>/progress")
@requires(Right.REQUEST_ACCESS)
def progress(number: str) -> ResponseReturnValue:
    """What has changed on the page since ``seen``, by which it stays live without being loaded anew (C10)."""
    asked = _own(number)
    if not is_htmx():
        return _show(asked)
    if request.args.get("seen") == access.mark_of(asked) and polled_until() > now().timestamp():
        return Response(status=204)
    return _show(asked, fragment="live/requests/_changed.html")


@bp.post("/requests/<number:number>/questions/<key:question_id>/answer")
@requires(Right.REQUEST_ACCESS)
def answer(number: str, question_id: int) -> ResponseReturnValue:
    """Answer a reviewer's question; the review goes on."""
    asked, form = _own(number), AnswerForm()
    question = found(access.find_question(question_id, request=asked))
    if not form.validate():
        return _show(asked, answering=(question_id, form), status=422)
    try:
        with transaction():
            access.answer(question, by=current_person(), text=form.answer.data or "")
            asker = question.asked_by.display_name
    except Conflict as stale:
        flash(stale.message, "warning")
        return _show(_own(number), answering=(question_id, form), status=409)
    return done(url_for("live.requests.show", number=number), f"Your answer is with {asker}, who is told by mail.")


@bp.get("/requests/<number:number>/edit")
@requires(Right.REQUEST_ACCESS)
def edit(number: str) -> ResponseReturnValue:
    """Reason and answers of one's own request while it is reviewed, to change."""
    asked = _own(number)
    if not asked.is_pending:
        raise Conflict(f"{number} has already been {asked.status}, so it can no longer be changed.")
    return _edit(asked, Given(dict(asked.answers)), asked.reason)


@bp.post("/requests/<number:number>/edit")
@requires(Right.REQUEST_ACCESS)
def save(number: str) -> ResponseReturnValue:
    """Put the change in force. Reviewers whose answer it touches are asked again."""
    asked, reason = _own(number), request.form.get("reason", "")
    form = access.form_again(asked)
    given = asking.given_again(request, form, asked.answers)
    found = asking.looks_complete(form, given)
    if len(reason) > access.LONGEST_REASON:
        given.refused["reason"] = f"The reason is longer than {access.LONGEST_REASON} characters."
    if given.refused or found.errors:
        return _edit(asked, given, reason, found, status=422)
    before = asked.revision
    policies.look_up(asked.app, asked.products, str(asked.environment))
    try:
        with transaction():
            person = current_person()
            asking.put_files(given, by=person)
            told = _what_follows(access.edit(_own(number), by=person, reason=reason, answers=given.raw), before)
    except Invalid as refusal:
        given.refused[refusal.field or "reason"] = refusal.message
        return _edit(_own(number), given, reason, found, status=422)
    except Conflict as stale:
        flash(stale.message, "warning")
        return _show(_own(number), status=409)
    return done(url_for("live.requests.show", number=number), told)


@bp.post("/requests/<number:number>/withdraw")
@requires(Right.REQUEST_ACCESS)
def withdraw(number: str) -> ResponseReturnValue:
    """Take back one's own request while nobody has decided it; else 409 says what happened."""
    asked = _own(number)
    with transaction():
        access.withdraw(asked, by=current_person())
    return done(url_for("live.requests.show", number=number), f"Your request {number} has been withdrawn.")


@bp.get("/requests/<number:number>/files/<key:file_id>")
@requires(Right.REQUEST_ACCESS)
def file(number: str, file_id: int) -> Response:
    """A file that was handed in with one's own request, in any of its versions, to be kept."""
    asked = _own(number)
    attachment = found(forms.find_file(file_id, asked.answers, also=access.files_reviewed(asked)))
    return kept_file(attachment.name, attachment.media_type, forms.content_of(attachment))


def _own(number: str) -> AccessRequest:
    """The person's own request; somebody else's is the same 404 as one that never was, whatever other roles say."""
    person = current_person()
    asked = found(access.find_request(number, seen_by=person))
    return found(asked if asked.requester_id == person.id else None)


def _answer_by(asked: AccessRequest) -> datetime | None:
    """When the request runs out if the person does not answer what reviewers want to know."""
    ends = (access.expires_at(stage) for stage in asked.stages if stage.state is StageState.PAUSED)
    return min((end for end in ends if end is not None), default=None)


def _answered(asked: AccessRequest) -> dict[str, Any]:
    """What was answered, with the requests that it was used again from, and how the reviews that need it are called."""
    origins, person = asked.answer_origins, current_person()
    filled = forms.filled(asked.form_ids, asked.answers, environment=asked.environment, origins=origins)
    answers = filled.answers if filled else ()
    return {
        "filled": filled,
        "linked": access.numbers_seen((each.number for each in answers if each.number), seen_by=person, own=True),
        "reviews": access.reviews_named(key for each in answers for key in each.needed_by),
    }


def _what_follows(changed: AccessRequest, before: int) -> str:
    """What an edit came to: who is asked again, or what else."""
    if changed.revision == before:
        return "Nothing was changed."
    if not changed.is_pending:
        return f"Your request is changed, and {changed.status_text.lower()}."
    void = [
        stage.name for stage in changed.stages if any(r.voided_by_revision == changed.revision for r in stage.reviews)
    ]
    told = f" {policies.joined(void, 'and')} had answered already and must look at it again." if void else ""
    return f"Your request is changed.{told or ' No answer that was given is lost.'}"


def _edit(
    asked: AccessRequest, given: Given, reason: str, found: Weighed | None = None, *, status: int = 200
) -> ResponseReturnValue:
    form = access.form_again(asked)
    return render(
        "live/requests/edit.html",
        status=status,
        access_request=asked,
        reason=reason,
        **asking.page_context(form, given, found, by=current_person()),
    )


def _show(
    asked: AccessRequest,
    *,
    fragment: str | None = None,
    answering: tuple[int, AnswerForm] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    questions = access.questions_about(asked)
    open_now = sum(each.state is QuestionState.OPEN for each in questions) if asked.is_pending else 0
    until = polled_until(anew=not fragment)
    return render(
        "live/requests/show.html",
        fragment=fragment,
        status=status,
        access_request=asked,
        asked=asked,
        steps=access.path_of(asked),
        history=access.history_of(asked),
        waits_for=access.awaited_by_name,
        usually=waiting_in_words(access.waiting_ahead(asked)),
        grants=access.grants_from(asked),
        conditions=access.conditions_of(asked),
        **_answered(asked),
        questions=questions,
        to_answer=open_now,
        answer_by=_answer_by(asked) if open_now else None,
        answering=answering,
        course=access.mark_of(asked),
        until=until if asked.is_pending and until > now().timestamp() else None,
        had_questions=key_in_url("asked") is not None,
    )
