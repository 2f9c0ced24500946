"""The page on which one request is decided, as every form on it shows it again: whole, with what was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import TextAreaField

from admin.review_forms import AddStageForm, ApproveForm, AskForm, PassOnForm, RejectForm, StageForm, StepBackForm
from portal import access, accounts, catalog, forms
from portal.access import AccessRequest, RequestKind, ReviewStage, Suggestion, Voice
from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.db import now, transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, is_htmx, key_in_url, polled_until, render

FORMS: dict[str, type[StageForm]] = {
    "approving": ApproveForm,
    "rejecting": RejectForm,
    "asking": AskForm,
    "adding": AddStageForm,
    "stepping_back": StepBackForm,
    "passing_on": PassOnForm,
}
SUGGESTED = 200


def find(number: str) -> AccessRequest:
    """The request as this person may see it, or 404."""
    return found(access.find_request(number, seen_by=current_person()))


def find_to_answer(number: str) -> AccessRequest:
    """The same for who means to answer: 409 tells those whose stage comes later that it has not begun (C36)."""
    asked = access.find_request(number, seen_by=current_person())
    if asked is None:
        access.refuse_early_at(number, current_person())
    return found(asked)


def page_of(number: str) -> str:
    """Where the request is."""
    return url_for("admin.access_requests.show", number=number)


def draw(asked: AccessRequest, *, status: int = 200, **given: StageForm) -> ResponseReturnValue:
    """The whole page. ``given`` are the forms that came back, by their names in ``FORMS``."""
    person = current_person()
    voices = access.voices_in(asked, person) if access.may_decide(asked, person) else []
    wanted = next((form.stage_id for form in given.values() if form.stage_id), None) or key_in_url("stage")
    voice = next((each for each in voices if each.stage.id == wanted), next(iter(voices), None))
    in_hand = _in_hand(asked, person, voice, wanted)
    shown = {name: given.get(name) or kind(formdata=None) for name, kind in FORMS.items()}
    _prepare(asked, voice, in_hand, shown)
    return render(
        "admin/access_requests/show.html",
        status=status,
        asked=asked,
        voices=voices,
        voice=voice,
        in_hand=in_hand,
        came_back=next(iter(given), ""),
        typed=[] if voice or (in_hand and "passing_on" in given) else _typed(given.values()),
        **shown,
        **_facts(asked, person, voice, in_hand),
        next_up=None if voices else _next_up(asked, person),
    )


def draw_progress(asked: AccessRequest) -> ResponseReturnValue:
    """What of the page moves by itself: none of its forms is among it."""
    return render("admin/access_requests/_changed.html", asked=asked, **_course(asked, request.args.get("drawn", "")))


def act(number: str, name: str, do: Callable[[AccessRequest, Any], str], **called: str) -> ResponseReturnValue:
    """What a form on the page does, and its endings: done, the same page with what is wrong, or what has changed.

    ``called`` names the fields that the form calls otherwise than the room.
    """
    asked, form = find_to_answer(number), FORMS[name]()
    if not form.validate():
        return draw(asked, status=422, **{name: form})
    try:
        with transaction():
            message = do(asked, form)
    except Invalid as refusal:
        blame(form, refusal, **called)
        return draw(find(number), status=422, **{name: form})
    except Conflict as stale:
        return changed_meanwhile(number, stale, **{name: form})
    return done(page_of(number), message)


def changed_meanwhile(number: str, stale: Conflict, **given: StageForm) -> ResponseReturnValue:
    """409: what happened meanwhile, on the page of the request as it is now, or in a sentence above the queue."""
    if is_htmx():
        raise stale
    flash(stale.message, "warning")
    return draw(find(number), status=409, **given)


def reviewer_named(email: str) -> User:
    """The person with this address. Raises Invalid when there is none who could review."""
    person = accounts.find_person_by_email(email)
    if person is None or not person.may(Right.DECIDE_REQUESTS):
        raise Invalid("Nobody with this address can review.", field="to")
    return person


def reviewers() -> list[User]:
    """People who can review, by name, to be suggested."""
    people = accounts.people_with_right(Right.DECIDE_REQUESTS)
    return sorted(people, key=lambda person: person.display_name.casefold())[:SUGGESTED]


def _typed(forms_back: Iterable[StageForm]) -> list[tuple[str, str]]:
    """The texts of forms for which the page has no place any more, by their labels."""
    fields = [field for form in forms_back for field in form if isinstance(field, TextAreaField)]
    return [(field.label.text, field.data) for field in fields if not is_blank(field.data or "")]


def _in_hand(asked: AccessRequest, person: User, voice: Voice | None, wanted: int | None) -> ReviewStage | None:
    """The stage that this person may pass on: their own, or any open one for who looks after people."""
    if voice is not None:
        return voice.stage
    open_ = asked.open_stages if asked.is_pending and person.may(Right.EDIT_USERS) else []
    return next((stage for stage in open_ if stage.id == wanted), next(iter(open_), None))


def _prepare(
    asked: AccessRequest, voice: Voice | None, in_hand: ReviewStage | None, shown: dict[str, StageForm]
) -> None:
    if in_hand is not None:
        for form in shown.values():
            form.stage.data = str(in_hand.id)
    approving, adding = shown["approving"], shown["adding"]
    if isinstance(approving, ApproveForm) and voice is not None:
        approving.prepare(asked, voice.stage)
    if isinstance(adding, AddStageForm):
        addable = access.addable_stages(asked) if voice is not None else []
        adding.added.choices = {"": "Choose", **{template.key: template.name for template in addable}}


def _facts(asked: AccessRequest, person: User, voice: Voice | None, in_hand: ReviewStage | None) -> dict[str, Any]:
    stage = voice.stage if voice is not None else None
    statements = access.statements_of(asked)
    mine = {a.stage_id for s in asked.stages for a in s.active_assignees if a.user_id == person.id}
    return {
        **_course(asked),
        "questions": access.questions_about(asked),
        **_answered(asked, person),
        "earlier": access.earlier_requests(asked, seen_by=person),
        "missing": access.missing_answers(stage) if stage is not None else [],
        "is_own": stage is not None and stage.id in mine,
        "may_pass_on": (stage is not None and stage.id in mine) or person.may(Right.EDIT_USERS),
        "may_release": lambda each: each.claimed_by_id == person.id or person.may(Right.EDIT_USERS),
        "reviewers": _suggested(in_hand),
        "conditions": access.conditions_of(asked),
        "signals": access.signals_of(asked),
        "statements": statements,
        "seen": access.seen_by_reviewer(asked, statements),
        "weighs": any(access.weighs_data(each) for each in ([stage] if stage is not None else asked.open_stages)),
        "markdown": catalog.render,
        "likes": access.similar_decisions(asked, seen_by=person),
        "renewed": access.grants_renewed_by(asked),
        "given": access.grants_from(asked) if asked.kind is RequestKind.BREAK_GLASS else [],
    }


def _answered(asked: AccessRequest, person: User) -> dict[str, Any]:
    """What was answered, with the requests that it was used again from, and how the reviews that need it are called."""
    origins = asked.answer_origins
    filled = forms.filled(asked.form_ids, asked.answers, environment=asked.environment, origins=origins)
    answers = filled.answers if filled else ()
    return {
        "filled": filled,
        "linked": access.numbers_seen((each.number for each in answers if each.number), seen_by=person),
        "reviews": access.reviews_named(key for each in answers for key in each.needed_by),
    }


def _suggested(in_hand: ReviewStage | None) -> list[Suggestion]:
    """To whom the stage could be passed on, who has least to do and knows the products best first."""
    if in_hand is None:
        return []
    products = in_hand.product_ids or [product.id for product in in_hand.request.products]
    return access.suggested(access.people_for(in_hand, reviewers()), product_ids=products)


def _course(asked: AccessRequest, drawn: str | None = None) -> dict[str, Any]:
    """Where the request stands. ``drawn`` is the mark with which a page that asks for news was loaded."""
    until, mark = polled_until(anew=drawn is None), access.mark_of(asked)
    return {
        "path": access.path_of(asked),
        "turn": access.who_can_act(asked),
        "standings": access.standings_of(asked),
        "history": access.history_of(asked, inside=True),
        "course": mark,
        "until": until if asked.is_pending and until > now().timestamp() else None,
        "drawn": drawn or mark,
    }


def _next_up(asked: AccessRequest, person: User) -> AccessRequest | None:
    if not person.may(Right.DECIDE_REQUESTS) or request.method != "GET":
        return None
    return access.next_for(person, but=asked)
