"""Another plan for a credential, asked for by the owner of its products in place of the app's owner (T51)."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired, Length

from portal import access, policies, register
from portal.access import Grant
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.web import blame, current_person, done, found, key_in_url, key_of, render, requires

bp = Blueprint("plan_change", __name__)


class PlanForm(FlaskForm):
    """The plan that was chosen, and why; the app's people read it."""

    plan = HiddenField()
    reason = TextAreaField(
        "Reason",
        [InputRequired("Give a reason: the app’s people will read it."), Length(max=access.LONGEST_REASON)],
    )


@bp.get("/access/<key:grant_id>/plan")
@requires(Right.REVOKE_ACCESS)
def show(grant_id: int) -> ResponseReturnValue:
    """The plans that the credential of this access can go to, and for the one in the URL what would change."""
    return _show(_find(grant_id), PlanForm(formdata=None), key_in_url("plan"))


@bp.post("/access/<key:grant_id>/plan")
@requires(Right.REVOKE_ACCESS)
def submit(grant_id: int) -> ResponseReturnValue:
    """Ask for the plan. The policy judges the request as if the app's owner had made it; the answers are still open."""
    grant, form = _find(grant_id), PlanForm()
    wanted = key_of(form.plan.data or "")
    change = access.plan_change_of(grant.credential)
    plan = change.plan_with(wanted)
    if plan is None:
        raise Conflict("This plan cannot be had for the credential any more. Nothing was changed.")
    if not form.validate():
        return _show(grant, form, wanted, status=422)
    policies.look_up(grant.app, change.products, str(grant.environment))
    try:
        with transaction():
            asked = access.ask_plan_change(grant.credential, plan, by=current_person(), reason=form.reason.data or "")
            number, pending, at_once = asked.number, asked.is_pending, asked.auto_approved
            seen = access.find_request(number, seen_by=current_person()) is not None
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(grant_id), form, wanted, status=422)
    if pending and seen:
        told = f"{number} asks for it in the name of the app’s owner. It waits for its answers, as any request."
        return done(url_for("admin.access_requests.show", number=number), told)
    told = f"{number} has been submitted."
    if at_once:
        told = f"Approved at once: everything that the credential opens is on {plan.display_name} now."
        grant_id = (register.next_of(grant) or grant).id
    return done(url_for("admin.grants.show", grant_id=grant_id), told)


def _find(grant_id: int) -> Grant:
    person = current_person()
    grant = found(register.find_access(grant_id, seen_by=person))
    if not access.may_change_plan(grant.credential, person):
        raise NotAllowed("Only who owns every product of a credential can change its plan.")
    return grant


def _show(grant: Grant, form: PlanForm, wanted: int | None, *, status: int = 200) -> ResponseReturnValue:
    change = access.plan_change_of(grant.credential)
    plan = change.plan_with(wanted) or (change.plans[0] if len(change.plans) == 1 else None)
    form.plan.data = str(plan.id) if plan is not None else ""
    return render(
        "admin/plan_change/show.html",
        status=status,
        form=form,
        grant=grant,
        change=change,
        plan=plan,
        scopes={each.id: access.scopes_after(each, plan) for each in change.grants} if plan is not None else {},
    )
