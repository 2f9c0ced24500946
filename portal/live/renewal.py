"""Renewing access that ends soon: one page with everything filled in, and one button (C75)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, apps, credentials, forms
from portal.access import CartRejected, Category, Renewal
from portal.accounts import Right
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Conflict, NotAllowed
from portal.forms import Ask, Weighed
from portal.live import asking, outlook
from portal.live.asking import Given
from portal.web import current_person, done, found, key_of, render, requires

bp = Blueprint("renewal", __name__)


@bp.get("/apps/<key:app_id>/credentials/<key:credential_id>/renew")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int, credential_id: int) -> ResponseReturnValue:
    """What would be asked for, as it was answered last time, and who would decide; nothing is sent yet."""
    return _show(_credential(app_id, credential_id))


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/renew")
@requires(Right.REQUEST_ACCESS)
def submit(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Ask for the renewal."""
    credential = _credential(app_id, credential_id)
    renewal = access.renewal_of(credential, days=notice_days())
    given = asking.given_by(request, access.form_of_renewal(renewal)) if renewal.items else Given()
    if given.files:
        with transaction():
            asking.keep_files(given, by=current_person())
    if given.refused:
        return _show(_credential(app_id, credential_id), given, status=422)
    try:
        with transaction():
            asked = access.renew(
                _credential(app_id, credential_id),
                by=current_person(),
                days=notice_days(),
                reason=request.form.get("reason", ""),
                answers=given.raw,
                form_ids=[key for text in request.form.get("forms_seen", "").split(",") if (key := key_of(text))],
                seen=request.form.get("seen", ""),
            )
            number, told = asked.number, _told(asked)
    except CartRejected as rejected:
        return _show(_credential(app_id, credential_id), given, rejected, status=422)
    except Conflict as refusal:
        return _show(_credential(app_id, credential_id), given, refusal, status=409)
    return done(url_for("live.requests.show", number=number), told)


def notice_days() -> tuple[int, ...]:
    """How many days before access ends its owner hears of it; from the first on it can be renewed."""
    days: tuple[int, ...] = current_app.config["PORTICO"].notice_days
    return days


def _show(
    credential: Credential,
    given: Given | None = None,
    refused: CartRejected | Conflict | None = None,
    *,
    status: int = 200,
) -> ResponseReturnValue:
    renewal, person = access.renewal_of(credential, days=notice_days()), current_person()
    context: dict[str, Any] = {"foreseen": None, "asked": None, "new_fields": [], "old_fields": []}
    if renewal.items:
        asked = access.form_of_renewal(renewal)
        given = given or Given(dict(renewal.answers))
        weighed = forms.weigh_answers(asked, given.raw, by=person)
        look = access.foresee_renewal(renewal, by=person, form_ids=asked.form_ids, answers=weighed.answers)
        context = asking.page_context(asked, given, weighed if status == 422 else None, by=person)
        context |= _split(asked, weighed, renewal)
        context["foreseen"] = outlook.in_words("", look)
    reason = request.form.get("reason") if request.method == "POST" else None
    return render(
        "live/renewal/show.html",
        status=status,
        app=credential.app,
        credential=credential,
        renewal=renewal,
        reason=(renewal.previous.reason if renewal.previous else "") if reason is None else reason,
        problems=_problems(refused),
        reason_wrong=[p.message for p in _of(refused, Category.REASON)],
        **context,
    )


def _split(asked: Ask, weighed: Weighed, renewal: Renewal) -> dict[str, Any]:
    """What still needs an answer or was not asked before, and what was answered already."""
    before = {number for grant in renewal.grants for number in grant.request.form_ids}
    known = {field.key for field in forms.ask(forms.forms_by_id(sorted(before))).fields} if before else set()
    new = [each for each in asked.own_fields if each.key in weighed.errors or each.key not in known]
    return {"new_fields": new, "old_fields": [each for each in asked.own_fields if each not in new]}


def _problems(refused: CartRejected | Conflict | None) -> list[str]:
    """What is said at the top of the page; what is wrong in a field stands at the field."""
    if isinstance(refused, CartRejected):
        return [problem.message for problem in refused.problems]
    return [refused.message] if refused is not None else []


def _of(refused: CartRejected | Conflict | None, category: Category) -> list[Any]:
    found_in = refused.problems if isinstance(refused, CartRejected) else ()
    return [problem for problem in found_in if problem.category is category]


def _told(asked: access.AccessRequest) -> str:
    if not asked.is_pending:
        return f"{asked.number} has been submitted and {asked.status} at once."
    names = [access.awaited(stage) for stage in asked.open_stages]
    return (
        f"{asked.number} has been submitted and awaits {' and '.join(names)}. Your access goes on to its end meanwhile."
    )


def _credential(app_id: int, credential_id: int) -> Credential:
    """A credential of the person's own app: 404 for an app they cannot see, 403 for one that a colleague shares."""
    person = current_person()
    app = found(apps.find_app(app_id, seen_by=person))
    found(app if app.is_visible_to(person) else None)
    if not app.is_editable_by(person):
        raise NotAllowed(f"Only {app.owner.display_name}, who owns this app, can do that.")
    return found(credentials.find_credential(credential_id, app=app))
