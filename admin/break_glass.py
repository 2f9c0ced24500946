"""Break-glass: what may be had in an emergency, by whom, and who may not use it any more."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from admin.fields import EditForm, Lines
from portal import access, accounts, catalog, events
from portal.access import MOST_EMERGENCY_MINUTES, BreakGlassBar, Envelope, EnvelopeTerms
from portal.accounts import Right, User
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.web import WholeNumber, blame, current_person, done, found, key_of, render, requires

bp = Blueprint("break_glass", __name__)
MOST_CHOICES = 1000
MOST_PEOPLE = 50


class EnvelopeForm(EditForm):
    """What may be had of one product, by whom, and for how long at most."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=120)])
    plan = SelectField("Plan", [InputRequired("Choose a plan.")], coerce=int)
    environment = RadioField(
        "Environment", choices=[SelectChoice(e.value, e.label) for e in Environment], default=Environment.PROD.value
    )
    scopes = SelectMultipleField("Scopes", widget=ListWidget(), option_widget=CheckboxInput())
    most_minutes = WholeNumber("Minutes at most", [InputRequired("Enter a number of minutes.")], default=60)
    people = Lines("People", [InputRequired("Name at least one person.")])

    def __init__(self, product: ApiProduct, *args: Any, present: Plan | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product = product
        plans = {offer.plan.id: offer.plan for offer in catalog.offers_of(product)}
        self.plans = plans | ({present.id: present} if present is not None else {})
        self.plan.choices = [SelectChoice(plan.id, plan.display_name) for plan in self.plans.values()]
        self.scopes.choices = [SelectChoice(name, name) for name in product.scope_names]
        self.named: list[User] = []

    def validate_scopes(self, field: Any) -> None:
        """An empty choice would mean all of them: nobody gives that away by leaving boxes alone."""
        if field.choices and not field.data:
            raise ValidationError("Tick at least one scope.")

    def validate_people(self, field: Any) -> None:
        """Find the people behind the addresses."""
        addresses = list(dict.fromkeys(line.lower() for line in field.data or []))
        if len(addresses) > MOST_PEOPLE:
            raise ValidationError(f"Name at most {MOST_PEOPLE} people.")
        found_people = {address: accounts.find_person_by_email(address) for address in addresses}
        unknown = [address for address, person in found_people.items() if person is None or not person.active]
        if unknown:
            raise ValidationError(f"Nobody has an open account with this address: {', '.join(unknown)}.")
        self.named = [person for person in found_people.values() if person is not None]
        if apart := [person.email for person in self.named if not person.may(Right.REQUEST_ACCESS)]:
            raise ValidationError(f"They have no apps, since they are not consumers: {', '.join(apart)}.")

    @property
    def terms(self) -> EnvelopeTerms:
        """What is in the fields, as the room takes it."""
        return EnvelopeTerms(
            name=self.name.data or "",
            product=self.product,
            plan=self.plans[self.plan.data],
            environment=Environment(self.environment.data),
            scopes=self.scopes.data or [],
            most_minutes=self.most_minutes.data or 0,
            people=self.named,
        )


class LiftForm(FlaskForm):
    """Why somebody may use emergency access again."""

    reason = TextAreaField("Reason", [InputRequired("Say why."), Length(max=access.LONGEST_REASON)])


@bp.get("/break-glass")
@requires(Right.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """All envelopes, and everybody who is barred."""
    return render(
        "admin/break_glass/index.html",
        envelopes=access.envelopes(),
        bars=access.bars(),
        emergencies=access.emergencies(seen_by=current_person()),
        may_edit=current_person().may(Right.EDIT_POLICIES),
    )


@bp.get("/break-glass/new")
@requires(Right.EDIT_POLICIES)
def new() -> ResponseReturnValue:
    """An empty form for the product that the URL names; without one, the choice of a product."""
    product = _chosen_product()
    if product is None:
        choices = [
            choice
            for choice in catalog.product_choices(most=MOST_CHOICES)
            if choice.state in catalog.OPEN_PRODUCT_STATES
        ]
        return render("admin/break_glass/choose.html", products=choices, chosen="product" in request.args)
    return _new(product, EnvelopeForm(product, formdata=None))


@bp.post("/break-glass/new")
@requires(Right.EDIT_POLICIES)
def create() -> ResponseReturnValue:
    """Make an envelope; the people whom it names can use it at once."""
    product = found(_chosen_product())
    form = EnvelopeForm(product)
    if not form.validate():
        return _new(product, form, status=422)
    try:
        with transaction():
            envelope = access.set_envelope(form.terms, by=current_person())
    except Invalid as refusal:
        blame(form, refusal)
        return _new(_find_product(product.id), form, status=422)
    return done(_page(envelope.id), "The envelope is set. The people whom it names can use it from now on.")


@bp.get("/break-glass/<key:envelope_id>")
@requires(Right.SEE_POLICIES)
def show(envelope_id: int) -> ResponseReturnValue:
    """One envelope, to read or to change, with what has happened to it."""
    envelope = _find(envelope_id)
    return _show(envelope, _filled(envelope))


@bp.post("/break-glass/<key:envelope_id>")
@requires(Right.EDIT_POLICIES)
def save(envelope_id: int) -> ResponseReturnValue:
    """Put what was typed and ticked in force, for the next emergency."""
    envelope = _find(envelope_id)
    form = EnvelopeForm(envelope.product, present=envelope.plan, data=_values_of(envelope))
    if not form.validate():
        return _show(envelope, form, status=422)
    try:
        with transaction():
            access.change_envelope(envelope, form.terms, by=current_person(), version=form.seen_version)
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(envelope_id), form, status=422)
    except Conflict as stale:
        return _show(_find(envelope_id), form, problem=stale.message, status=409)
    return done(_page(envelope_id), "The changes are saved. They count from the next emergency on.")


@bp.post("/break-glass/<key:envelope_id>/close")
@requires(Right.EDIT_POLICIES)
def close(envelope_id: int) -> ResponseReturnValue:
    """Let nobody use this envelope any more."""
    envelope = _find(envelope_id)
    name = envelope.name
    with transaction():
        access.close_envelope(envelope, by=current_person())
    return done(url_for("admin.break_glass.index"), f"The envelope {name} is closed. What is under way goes on.")


@bp.get("/break-glass/bars/<key:bar_id>")
@requires(Right.EDIT_POLICIES)
def bar(bar_id: int) -> ResponseReturnValue:
    """Why somebody is barred, and the form with which that is lifted."""
    return _bar(_find_bar(bar_id), LiftForm(formdata=None))


@bp.post("/break-glass/bars/<key:bar_id>")
@requires(Right.EDIT_POLICIES)
def lift(bar_id: int) -> ResponseReturnValue:
    """Let somebody use emergency access again, with the reason that the record keeps."""
    barred, form = _find_bar(bar_id), LiftForm()
    if not form.validate():
        return _bar(barred, form, status=422)
    name = barred.user.display_name
    try:
        with transaction():
            access.lift_bar(barred, by=current_person(), reason=form.reason.data or "")
    except (Invalid, NotAllowed) as refusal:
        blame(form, refusal)
        return _bar(_find_bar(bar_id), form, status=403 if isinstance(refusal, NotAllowed) else 422)
    return done(url_for("admin.break_glass.index"), f"{name} may use emergency access again, and is told by mail.")


def _new(product: ApiProduct, form: EnvelopeForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/break_glass/new.html",
        status=status,
        product=product,
        form=form,
        envelope=None,
        most_minutes=MOST_EMERGENCY_MINUTES,
    )


def _show(envelope: Envelope, form: EnvelopeForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    if problem:
        form.meet(_filled(envelope), envelope.version)
    history = events.subject_history(envelope)
    return render(
        "admin/break_glass/show.html",
        status=status,
        envelope=envelope,
        product=envelope.product,
        form=form,
        problem=problem,
        last=history[-1:] if problem else None,
        barred={bar.user_id for bar in access.bars()},
        may_edit=current_person().may(Right.EDIT_POLICIES) and envelope.is_open,
        most_minutes=MOST_EMERGENCY_MINUTES,
    )


def _bar(barred: BreakGlassBar, form: LiftForm, *, status: int = 200) -> ResponseReturnValue:
    return render("admin/break_glass/bar.html", status=status, barred=barred, form=form)


def _filled(envelope: Envelope) -> EnvelopeForm:
    form = EnvelopeForm(envelope.product, present=envelope.plan, formdata=None, data=_values_of(envelope))
    form.show(envelope.version)
    return form


def _values_of(envelope: Envelope) -> dict[str, Any]:
    return {
        "name": envelope.name,
        "plan": envelope.plan_id,
        "environment": envelope.environment.value,
        "scopes": envelope.scopes,
        "most_minutes": envelope.most_minutes,
        "people": [person.email for person in envelope.people],
    }


def _chosen_product() -> ApiProduct | None:
    """The product that the URL or the form names, if access to it can be asked for."""
    product = catalog.find_product(key_of(request.values.get("product", "")) or 0)
    return product if product is not None and product.is_requestable else None


def _find_product(product_id: int) -> ApiProduct:
    return found(catalog.find_product(product_id))


def _find(envelope_id: int) -> Envelope:
    return found(access.find_envelope(envelope_id))


def _find_bar(bar_id: int) -> BreakGlassBar:
    """The bar while it stands; one that has been lifted is history."""
    barred = found(access.find_bar(bar_id))
    return found(barred if barred.lifted_at is None else None)


def _page(envelope_id: int) -> str:
    return url_for("admin.break_glass.show", envelope_id=envelope_id)
