"""Another plan for a credential: which there are, what would change, and asking for it (T48-T50)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from portal import access, forms, policies
from portal.access import CartRejected
from portal.accounts import Right
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Conflict
from portal.forms import Ask
from portal.live import asking, outlook, used_again
from portal.live.asking import Given
from portal.live.mine import own_credential
from portal.live.used_again import Shown
from portal.web import current_person, done, key_in_url, key_of, render, requires

bp = Blueprint("plan_change", __name__)


@bp.get("/apps/<key:app_id>/credentials/<key:credential_id>/plan")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int, credential_id: int) -> ResponseReturnValue:
    """The plans that the credential can go to; for the one in the URL, what would change and who would decide."""
    return _show(own_credential(app_id, credential_id), key_in_url("plan"))


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/plan")
@requires(Right.REQUEST_ACCESS)
def submit(app_id: int, credential_id: int) -> ResponseReturnValue:
    """Ask for the plan. The old terms stay in force until it is approved."""
    credential, wanted = own_credential(app_id, credential_id), key_of(request.form.get("plan", ""))
    change = access.plan_change_of(credential)
    plan = change.plan_with(wanted)
    if plan is None:
        refusal = Conflict(change.refusal or "This plan is not offered for everything that this credential opens.")
        return _show(credential, None, refused=refusal, status=409)
    given = asking.given_by(request, access.form_of_change(change, plan))
    if given.files:
        with transaction():
            asking.keep_files(given, by=current_person())
    if given.refused:
        return _show(own_credential(app_id, credential_id), wanted, given, status=422)
    if _fill_in(credential, given, access.form_of_change(change, plan)):
        return _show(credential, wanted, given, used_again.refusal(), status=422)
    policies.look_up(change.credential.app, change.products, str(change.credential.environment))
    try:
        with transaction():
            asked = access.ask_plan_change(
                own_credential(app_id, credential_id),
                plan,
                by=current_person(),
                reason=request.form.get("reason", ""),
                answers=given.raw,
                form_ids=asking.forms_seen(request.form.get("forms_seen", "")),
            )
            number, told = asked.number, _told(asked)
    except CartRejected as rejected:
        return _show(own_credential(app_id, credential_id), wanted, given, rejected, status=422)
    except Conflict as refusal:
        return _show(own_credential(app_id, credential_id), wanted, given, refusal, status=409)
    return done(url_for("live.requests.show", number=number), told)


def _show(
    credential: Credential,
    wanted: int | None,
    given: Given | None = None,
    refused: CartRejected | Conflict | None = None,
    *,
    status: int = 200,
) -> ResponseReturnValue:
    change, person = access.plan_change_of(credential), current_person()
    plan = change.plan_with(wanted) or (change.plans[0] if len(change.plans) == 1 else None)
    context: dict[str, Any] = {"faults": {}}
    if plan is not None:
        policies.look_up(credential.app, change.products, str(credential.environment))
        asked = access.form_of_change(change, plan)
        given = given or Given(access.answers_now(change.answers, {}, asked))
        _fill_in(credential, given, asked)
        weighed = forms.weigh_answers(asked, given.raw, by=person)
        look = access.foresee_change(change, plan, form_ids=asked.form_ids, answers=weighed.answers)
        context = asking.page_context(asked, given, weighed if status == 422 else None, by=person)
        context["foreseen"] = outlook.in_words("", look)
        context["used_again"] = used_again.mark_of(given, credential.app)
        context["scopes"] = {grant.id: access.scopes_after(grant, plan) for grant in change.grants}
    return render(
        "live/plan_change/show.html",
        status=status,
        app=credential.app,
        credential=credential,
        change=change,
        plan=plan,
        reason=request.form.get("reason", ""),
        problems=asking.problems_of(refused),
        reason_wrong=asking.reason_faults(refused),
        **context,
    )


def _fill_in(credential: Credential, given: Given, asked: Ask) -> bool:
    shown = Shown.read(request.form.get("used_again", ""))
    return used_again.fill_in(given, asked, credential.app, shown, by=current_person())


def _told(asked: access.AccessRequest) -> str:
    if not asked.is_pending:
        return f"{asked.number} has been submitted and {asked.status} at once. The secret stays as it is."
    names = [access.awaited_by_name(stage) for stage in asked.open_stages]
    return (
        f"{asked.number} has been submitted and awaits {policies.joined(names, 'and')}. The old plan holds until then."
    )
