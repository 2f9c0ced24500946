"""Renewing access that ends soon: one page with everything filled in, and one button (C75)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, forms, policies
from portal.access import CartRejected, Renewal
from portal.accounts import Right
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Conflict
from portal.forms import Ask, Weighed
from portal.live import asking, outlook, used_again
from portal.live.asking import Given
from portal.live.mine import own_credential
from portal.live.used_again import Shown
from portal.web import current_person, done, render, requires

bp = Blueprint("renewal", __name__)


@bp.get("/apps/<key:app_id>/credentials/<key:credential_id>/renew")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int, credential_id: int) -> ResponseReturnValue:
    """What would be asked for, as it was answered last time, and who would decide; nothing is sent yet."""
    return _show(own_credential(app_id, credential_id))


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/renew")
@requires(Right.REQUEST_ACCESS)
def submit(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Ask for the renewal."""
    credential = own_credential(app_id, credential_id)
    renewal = access.renewal_of(credential, days=notice_days())
    given = asking.given_by(request, access.form_of_renewal(renewal)) if renewal.items else Given()
    if given.files:
        with transaction():
            asking.keep_files(given, by=current_person())
    if given.refused:
        return _show(own_credential(app_id, credential_id), given, status=422)
    if renewal.items and _fill_in(credential, given, access.form_of_renewal(renewal)):
        return _show(credential, given, used_again.refusal(), status=422)
    _look_up(renewal)
    try:
        with transaction():
            asked = access.renew(
                own_credential(app_id, credential_id),
                by=current_person(),
                days=notice_days(),
                reason=request.form.get("reason", ""),
                answers=given.raw,
                form_ids=asking.forms_seen(request.form.get("forms_seen", "")),
                seen=request.form.get("seen", ""),
            )
            number, told = asked.number, _told(asked)
    except CartRejected as rejected:
        return _show(own_credential(app_id, credential_id), given, rejected, status=422)
    except Conflict as refusal:
        return _show(own_credential(app_id, credential_id), given, refusal, status=409)
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
        _look_up(renewal)
        asked = access.form_of_renewal(renewal)
        given = given or Given(access.answers_now(renewal.answers, {}, asked))
        _fill_in(credential, given, asked)
        weighed = forms.weigh_answers(asked, given.raw, by=person)
        look = access.foresee_renewal(renewal, by=person, form_ids=asked.form_ids, answers=weighed.answers)
        context = asking.page_context(asked, given, weighed if status == 422 else None, by=person)
        context |= _split(asked, weighed, renewal)
        context["foreseen"] = outlook.in_words("", look)
        context["used_again"] = used_again.mark_of(given, credential.app)
    reason = request.form.get("reason") if request.method == "POST" else None
    return render(
        "live/renewal/show.html",
        status=status,
        app=credential.app,
        credential=credential,
        renewal=renewal,
        reason=(renewal.previous.reason if renewal.previous else "") if reason is None else reason,
        problems=asking.problems_of(refused),
        reason_wrong=asking.reason_faults(refused),
        **context,
    )


def _fill_in(credential: Credential, given: Given, asked: Ask) -> bool:
    shown = Shown.read(request.form.get("used_again", ""))
    return used_again.fill_in(given, asked, credential.app, shown, by=current_person())


def _look_up(renewal: Renewal) -> None:
    """Ask the systems outside, as the cart does: a decision takes what they have told."""
    credential, products = renewal.credential, [grant.product for grant in renewal.grants]
    policies.look_up(credential.app, products, str(credential.environment))


def _split(asked: Ask, weighed: Weighed, renewal: Renewal) -> dict[str, Any]:
    """What still needs an answer, was not asked before or was answered too long ago; and what was answered already."""
    before = {number for grant in renewal.grants for number in grant.request.form_ids}
    known = {field.key for field in forms.ask(forms.forms_by_id(sorted(before))).fields} if before else set()
    aged = {each.key for each in asked.own_fields if each.again} & renewal.answers.keys() - weighed.answers.keys()
    wanted = weighed.errors.keys() | aged
    new = [each for each in asked.own_fields if each.key in wanted or each.key not in known]
    return {"new_fields": new, "old_fields": [each for each in asked.own_fields if each not in new]}


def _told(asked: access.AccessRequest) -> str:
    if not asked.is_pending:
        return f"{asked.number} has been submitted and {asked.status} at once."
    names = policies.joined([access.awaited_by_name(stage) for stage in asked.open_stages], "and")
    return f"{asked.number} has been submitted and awaits {names}. Your access goes on to its end meanwhile."
