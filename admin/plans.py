"""Plans: the terms on which products can be used, and whether a request for one needs a decision."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from admin.choosing import choice_context
from admin.fields import EditForm, Lines, WholeNumber
from portal import access, catalog, events
from portal.accounts import Right
from portal.catalog import PERIODS, Plan, PlanState
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("plans", __name__)


class PlanForm(EditForm):
    """The terms of a plan (T17)."""

    name = StringField("Name", [InputRequired("Enter a name.")])
    display_name = StringField("Display name")
    description = TextAreaField("Description")
    quota_requests = WholeNumber("Quota")
    quota_period = SelectField(
        "Quota period",
        choices=[SelectChoice(period, f"{'an' if period == 'hour' else 'a'} {period}") for period in PERIODS],
        default="month",
    )
    rate_requests = WholeNumber("Rate limit")
    rate_seconds = WholeNumber("Rate limit seconds", [InputRequired("Enter a number of seconds.")], default=1)
    credential_lifetime_days = WholeNumber("Credential lifetime")
    token_lifetime_seconds = WholeNumber("Token lifetime", [InputRequired("Enter a number of seconds.")], default=3600)
    scopes = Lines("Scopes")
    auto_approve = BooleanField("Auto approve access request")
    reason_required = BooleanField("A reason is required")
    allowance_requests = WholeNumber("Access request allowance")
    allowance_days = WholeNumber("Allowance interval", [InputRequired("Enter a number of days.")], default=30)
    state = RadioField(
        "State", choices=[SelectChoice(s.value, s.value.capitalize()) for s in PlanState], default=PlanState.ACTIVE
    )
    sure = BooleanField("Yes, retire this plan")

    def keep_approval(self, auto_approve: bool) -> None:
        """For people who may not set it, the box is closed and not sent: what is stored stays."""
        if "auto_approve" not in request.form:
            self.auto_approve.data = auto_approve

    @property
    def terms(self) -> dict[str, Any]:
        """What is in the fields."""
        return {name: value for name, value in self.data.items() if name in TERMS}


TERMS = frozenset(column.key for column in Plan.__table__.columns) & frozenset(vars(PlanForm))


@bp.get("/plans")
@requires(Right.SEE_CATALOGUE)
def index() -> ResponseReturnValue:
    """All plans with their terms, and on how many products each stands."""
    return render("admin/plans/index.html", plans=catalog.plans(), products=catalog.products_on_plans())


@bp.get("/plans/new")
@requires(Right.EDIT_PLANS)
def new() -> ResponseReturnValue:
    """An empty form."""
    return _new(PlanForm(formdata=None))


@bp.post("/plans/new")
@requires(Right.EDIT_PLANS)
def create() -> ResponseReturnValue:
    """Make a plan. It is offered once it stands in a catalogue."""
    form = PlanForm()
    if not form.validate():
        return _new(form, status=422)
    try:
        with transaction():
            plan = catalog.create_plan(form.terms, by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _new(form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(url_for("admin.plans.show", plan_id=plan.id), "The plan is made. Put it into a catalogue to offer it.")


@bp.get("/plans/<key:plan_id>")
@requires(Right.SEE_CATALOGUE)
def show(plan_id: int) -> ResponseReturnValue:
    """One plan, to read or to change."""
    plan = _find(plan_id)
    return _show(plan, _filled(plan))


@bp.post("/plans/<key:plan_id>")
@requires(Right.EDIT_PLANS)
def save(plan_id: int) -> ResponseReturnValue:
    """Put what was typed in force. Automatic approval is about later requests only (T76)."""
    plan = _find(plan_id)
    form = PlanForm(data=_terms_of(plan))
    if not current_person().may(Right.SET_AUTO_APPROVE):
        form.keep_approval(plan.auto_approve)
    if not form.validate() or _must_be_sure(plan, form):
        return _show(plan, form, status=422)
    try:
        with transaction():
            values = {name: value for name, value in form.terms.items() if name in form.touched()}
            catalog.change_plan(plan, values, by=current_person(), version=form.seen_version)
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(plan_id), form, status=422)
    except Conflict as stale:
        return _show(_find(plan_id), form, problem=stale.message, status=409)
    return done(url_for("admin.plans.show", plan_id=plan_id), "The changes are saved.")


def _new(form: PlanForm, *, status: int = 200) -> ResponseReturnValue:
    may_approve = current_person().may(Right.SET_AUTO_APPROVE)
    return render("admin/plans/new.html", status=status, form=form, may_approve=may_approve, plan=None, app_count=0)


def _show(plan: Plan, form: PlanForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    person = current_person()
    if problem:
        form.meet(_filled(plan), plan.version)
    return render(
        "admin/plans/show.html",
        status=status,
        plan=plan,
        form=form,
        problem=problem,
        last=events.subject_history(plan)[-1:] if problem else None,
        catalogues=catalog.catalogues_with(plan),
        product_count=catalog.products_on_plans().get(plan.id, 0),
        app_count=access.apps_with_access_to(plan),
        may_edit=person.may(Right.EDIT_PLANS),
        may_approve=person.may(Right.SET_AUTO_APPROVE),
        **choice_context(plan, by=person),
    )


def _must_be_sure(plan: Plan, form: PlanForm) -> bool:
    """Whether to ask once more, since apps would lose what they have."""
    ends_access = form.state.data == PlanState.RETIRED and plan.state is not PlanState.RETIRED
    if not ends_access or form.sure.data or not (losing := access.apps_with_access_to(plan)):
        return False
    apps = "1 app loses" if losing == 1 else f"{losing} apps lose"
    form.sure.errors = [f"{apps} access at once when this plan is retired. Tick this box if that is what you want."]
    return True


def _filled(plan: Plan) -> PlanForm:
    form = PlanForm(formdata=None, data=_terms_of(plan))
    form.show(plan.version)
    return form


def _terms_of(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in TERMS}


def _find(plan_id: int) -> Plan:
    return found(catalog.find_plan(plan_id))
