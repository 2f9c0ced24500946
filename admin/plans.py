"""Plans: the terms on which products can be used, and whether a request for one needs a decision."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from admin.changes import WAITS, four_eyes
from admin.choosing import choice_context
from admin.fields import EditForm, Lines
from portal import access, catalog, events, lifecycle, proposals
from portal.accounts import Right
from portal.catalog import PERIODS, LeakAction, Plan, PlanState
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.proposals import ProposedChange
from portal.web import WholeNumber, blame, current_person, done, found, render, requires

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
    credential_lifetime_days = WholeNumber("Credential lifetime", default=365)
    token_lifetime_seconds = WholeNumber("Token lifetime", [InputRequired("Enter a number of seconds.")], default=3600)
    rotate_every_days = WholeNumber("Rotate secrets every")
    overlap_days = WholeNumber("Overlap", default=7)
    leak_action = SelectField(
        "When a secret leaks",
        choices=[
            SelectChoice(LeakAction.REVOKE.value, "revoke the credential with its access"),
            SelectChoice(LeakAction.ROTATE.value, "stop the secret, its owner makes a new one"),
        ],
        default=LeakAction.REVOKE.value,
    )
    scopes = Lines("Scopes")
    auto_approve = BooleanField("Auto approve access request")
    reason_required = BooleanField("A reason is required")
    allowance_requests = WholeNumber("Access request allowance")
    allowance_days = WholeNumber("Allowance interval", [InputRequired("Enter a number of days.")], default=30)
    state = RadioField(
        "State", choices=[SelectChoice(s.value, s.value.capitalize()) for s in PlanState], default=PlanState.ACTIVE
    )
    sure = BooleanField("Yes, retire this plan")
    shown = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.overlap_days.flags.required = True  # the room says so; a form that does not send it keeps what is stored

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
            plan, waits = proposals.create_plan(form.terms, by=current_person(), four_eyes=four_eyes())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _new(form, status=409 if isinstance(refusal, Conflict) else 422)
    told = f"The plan is made. Put it into a catalogue to offer it.{_that_waits(waits)}"
    return done(url_for("admin.plans.show", plan_id=plan.id), told)


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
            was = plan.state
            changed, waits = proposals.change_plan(
                plan, values, by=current_person(), version=form.seen_version, four_eyes=four_eyes()
            )
            if changed.state is PlanState.RETIRED and was is not PlanState.RETIRED:
                access.refuse_unseen(changed, form.shown.data or "")
                lifecycle.tell_plan_ended(changed, by=current_person())
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(plan_id), form, status=422)
    except Conflict as stale:
        return _show(_find(plan_id), form, problem=stale.message, status=409)
    return done(url_for("admin.plans.show", plan_id=plan_id), f"The changes are saved.{_that_waits(waits)}")


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
        change=proposals.waiting_about(plan),
        catalogues=catalog.catalogues_with(plan),
        product_count=catalog.products_on_plans().get(plan.id, 0),
        app_count=access.apps_with_access_to(plan),
        may_edit=person.may(Right.EDIT_PLANS),
        may_approve=person.may(Right.SET_AUTO_APPROVE),
        **choice_context(plan, by=person),
    )


def _that_waits(change: ProposedChange | None) -> str:
    return f" It does not approve by itself yet. {WAITS}" if change is not None else ""


def _must_be_sure(plan: Plan, form: PlanForm) -> bool:
    """Whether to ask once more, since apps would lose what they have; the form brings back what was shown of that."""
    ends_access = form.state.data == PlanState.RETIRED and plan.state is not PlanState.RETIRED
    impact = access.impact_of(plan) if ends_access else None
    if impact is None or not impact.touches or (form.sure.data and form.shown.data == impact.mark):
        return False
    changed = bool(form.sure.data)
    form.shown.data, form.sure.data = impact.mark, False
    said = "This has changed meanwhile. " if changed else ""
    loses = f"{access.many(impact.apps, 'app')} {'loses' if impact.apps == 1 else 'lose'} access at once when this plan"
    form.sure.errors = [f"{said}{impact.in_words} {loses} is retired. Tick this box if that is what you want."]
    return True


def _filled(plan: Plan) -> PlanForm:
    form = PlanForm(formdata=None, data=_terms_of(plan))
    form.show(plan.version)
    return form


def _terms_of(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in TERMS}


def _find(plan_id: int) -> Plan:
    return found(catalog.find_plan(plan_id))
