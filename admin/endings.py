"""Before a product or plan ends: whom it touches, from when on, and what takes its place; then the deed itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, HiddenField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from admin.fields import EditForm
from portal import access, accounts, catalog, lifecycle
from portal.access import Impact
from portal.accounts import Right, User
from portal.catalog import ApiProduct, Plan, PlanState, ProductState
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.lifecycle import End
from portal.web import (
    blame,
    current_person,
    done,
    found,
    key_of,
    name_and_key_in_url,
    page_of,
    page_url,
    render,
    requires,
)

bp = Blueprint("endings", __name__)
FEW, PAGE_SIZE, MOST_CHOICES = 20, 50, 1000
CLOSE, ON_DAY, AT_ONCE = "close", "on_day", "at_once"


class EndForm(EditForm):
    """When something ends, what takes its place, and why; with the impact that was on the screen."""

    retires_on = DateField("Last day is before", [Optional()])
    successor = SelectField("Successor", choices=[], default="")
    reason = TextAreaField("Reason", [Length(max=2000)])
    shown = HiddenField()

    def end(self, find: Callable[[int], Any]) -> End:
        """What was typed."""
        chosen = key_of(self.successor.data or "")
        successor = find(chosen) if chosen is not None else None
        return End(self.retires_on.data, successor, self.reason.data or "")


class RetireForm(EditForm):
    """Why something ends now; with the impact that was on the screen."""

    reason = TextAreaField("Reason", [Length(max=2000)])
    shown = HiddenField()


KEEP_CLOSED = SelectChoice(CLOSE, "Leave it closed, as it is: no new requests. Those who have access keep it.")


class PlanEndForm(EndForm):
    """How a plan ends."""

    how = RadioField(
        "What is to happen",
        choices=[
            SelectChoice(CLOSE, "Close it: no new requests. Those who have access keep it."),
            SelectChoice(ON_DAY, "Retire it on a day: no new requests from now on, and access ends then."),
            SelectChoice(AT_ONCE, "Retire it now: all access on it stops at once."),
        ],
        default=CLOSE,
    )


@bp.get("/products/<key:product_id>/deprecate")
@requires(Right.EDIT_PRODUCTS)
def deprecation(product_id: int) -> ResponseReturnValue:
    """Whom the end of a product will touch, and the form that announces it."""
    product = _editable(product_id)
    form = EndForm(formdata=None, reason="", retires_on=product.retires_on, successor=str(product.successor_id or ""))
    return _product_page("admin/endings/deprecate.html", product, _offering(form, product))


@bp.post("/products/<key:product_id>/deprecate")
@requires(Right.EDIT_PRODUCTS)
def deprecate(product_id: int) -> ResponseReturnValue:
    """Tell consumers that the product will go, on its day if there is one; it works as before until then."""
    product = _editable(product_id)
    form = _offering(EndForm(), product)
    return _do(
        form,
        lambda: lifecycle.deprecate(
            product,
            form.end(catalog.find_product),
            by=current_person(),
            seen=form.shown.data or "",
            version=form.seen_version,
        ),
        lambda **more: _product_page("admin/endings/deprecate.html", _find(product_id), form, **more),
        lambda: done(_page(product_id), _announced(_find(product_id))),
    )


@bp.get("/products/<key:product_id>/retire")
@requires(Right.EDIT_PRODUCTS)
def retirement(product_id: int) -> ResponseReturnValue:
    """Whom the end of a product touches, and the form that ends it."""
    product = _editable(product_id)
    if product.state is ProductState.RETIRED:
        return done(_page(product_id), f"{product.name} is retired already. Nobody can use it.", "info")
    return _product_page("admin/endings/retire.html", product, RetireForm(formdata=None))


@bp.post("/products/<key:product_id>/retire")
@requires(Right.EDIT_PRODUCTS)
def retire(product_id: int) -> ResponseReturnValue:
    """Hide the product and stop all access to it, at once."""
    product, form = _editable(product_id), RetireForm()
    return _do(
        form,
        lambda: lifecycle.retire(
            product,
            by=current_person(),
            reason=form.reason.data or "",
            seen=form.shown.data or "",
            version=form.seen_version,
        ),
        lambda **more: _product_page("admin/endings/retire.html", _find(product_id), form, **more),
        lambda: done(_page(product_id), f"{_find(product_id).name} is retired. Nobody can use it any more."),
    )


@bp.get("/plans/<key:plan_id>/end")
@requires(Right.EDIT_PLANS)
def plan_end(plan_id: int) -> ResponseReturnValue:
    """Whom the end of a plan touches, and the form that ends it."""
    plan = found(catalog.find_plan(plan_id))
    how = ON_DAY if plan.retires_on else CLOSE
    form = PlanEndForm(
        formdata=None, how=how, retires_on=plan.retires_on, successor=str(plan.successor_id or ""), reason=""
    )
    return _plan_page(plan, form)


@bp.post("/plans/<key:plan_id>/end")
@requires(Right.EDIT_PLANS)
def end_plan(plan_id: int) -> ResponseReturnValue:
    """Close a plan, or retire it on a day or now."""
    plan = found(catalog.find_plan(plan_id))
    form = _offering(PlanEndForm(), plan)
    return _do(
        form,
        lambda: _end(plan, form),
        lambda **more: _plan_page(found(catalog.find_plan(plan_id)), form, **more),
        lambda: done(url_for("admin.plans.show", plan_id=plan_id), _told(found(catalog.find_plan(plan_id)))),
    )


@bp.get("/products/<key:product_id>/apps")
@requires(Right.SEE_APPS)
def product_apps(product_id: int) -> ResponseReturnValue:
    """Every app that has access to a product."""
    return _apps(_find(product_id), ("Products", url_for("admin.products.index")), _page(product_id))


@bp.get("/plans/<key:plan_id>/apps")
@requires(Right.SEE_APPS)
def plan_apps(plan_id: int) -> ResponseReturnValue:
    """Every app that has access on a plan."""
    plan = found(catalog.find_plan(plan_id))
    return _apps(plan, ("Plans", url_for("admin.plans.index")), url_for("admin.plans.show", plan_id=plan_id))


@bp.get("/users/<key:user_id>/apps")
@requires(Right.SEE_USERS)
def user_apps(user_id: int) -> ResponseReturnValue:
    """Every app with access that a person owns."""
    person = found(accounts.find_person(user_id))
    return _apps(person, ("Users", url_for("admin.users.index")), url_for("admin.users.show", user_id=user_id))


def _do(
    form: EndForm | RetireForm,
    act: Callable[[], object],
    again: Callable[..., ResponseReturnValue],
    after: Callable[[], ResponseReturnValue],
) -> ResponseReturnValue:
    """Act, and say what came of it: the page again with what is wrong (422), or with what is true now (409)."""
    if not form.validate():
        return again(status=422)
    try:
        with transaction():
            act()
    except Invalid as refusal:
        blame(form, refusal)
        return again(status=422)
    except Conflict as stale:
        return again(status=409, problem=stale.message)
    return after()


def _end(plan: Plan, form: PlanEndForm) -> Plan:
    end, seen = form.end(catalog.find_plan), form.shown.data or ""
    if form.how.data == AT_ONCE:
        return lifecycle.retire_plan(plan, by=current_person(), reason=end.reason, seen=seen, version=form.seen_version)
    if form.how.data == ON_DAY and end.on is None:
        raise Invalid("Choose the day.", field="retires_on")
    if form.how.data == CLOSE:
        end = End(None, end.successor, end.reason)
    return lifecycle.close_plan(plan, end, by=current_person(), seen=seen, version=form.seen_version)


def _product_page(
    page: str, product: ApiProduct, form: EndForm | RetireForm, *, problem: str = "", status: int = 200
) -> ResponseReturnValue:
    impact = _shown(form, product)
    if isinstance(form, RetireForm) and impact["impact"].apps:
        form.reason.flags.required = True
    return render(page, status=status, product=product, form=form, problem=problem, **impact)


def _plan_page(plan: Plan, form: PlanEndForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    _offering(form, plan)
    return render("admin/endings/plan.html", status=status, plan=plan, form=form, problem=problem, **_shown(form, plan))


def _shown(form: EndForm | RetireForm, thing: ApiProduct | Plan) -> dict[str, Any]:
    """What the page says of the impact, which the form brings back as it was shown."""
    impact = access.impact_of(thing)
    form.shown.data = impact.mark
    form.show(thing.version)
    return impact_context(impact, thing)


def impact_context(impact: Impact, thing: ApiProduct | Plan | User) -> dict[str, Any]:
    """The numbers, the first apps, and whether there are more than those."""
    return {
        "impact": impact,
        "touched": access.touched_by(thing, size=FEW),
        "may_see_apps": current_person().may(Right.SEE_APPS),
    }


def _offering(form: Any, thing: ApiProduct | Plan) -> Any:
    """The form with what may take the place of this."""
    nothing = [SelectChoice("", "Nothing is named")]
    if isinstance(thing, Plan):
        if thing.state is PlanState.CLOSED:
            form.how.choices = [KEEP_CLOSED, *form.how.choices[1:]]
        others = [(plan.id, plan.display_name) for plan in catalog.plans() if plan.state is PlanState.ACTIVE]
    else:
        open_ones = {ProductState.PUBLISHED, ProductState.DEPRECATED}
        others = [(p.id, p.name) for p in catalog.product_choices(most=MOST_CHOICES) if p.state in open_ones]
    form.successor.choices = nothing + [SelectChoice(str(key), name) for key, name in others if key != thing.id]
    return form


def _apps(thing: ApiProduct | Plan | User, family: tuple[str, str], back: str) -> ResponseReturnValue:
    after = name_and_key_in_url("after")
    rows, more = page_of(access.touched_by(thing, after=after, size=PAGE_SIZE + 1), PAGE_SIZE)
    next_url = page_url(after_name=rows[-1].app.name, after=rows[-1].app.id) if more else None
    name = thing.display_name if isinstance(thing, User) else thing.label
    return render(
        "admin/endings/apps.html",
        name=name,
        family=family,
        back=back,
        touched=rows,
        impact=access.impact_of(thing),
        next_url=next_url,
        may_see_apps=current_person().may(Right.SEE_APPS),
    )


def _announced(product: ApiProduct) -> str:
    if product.retires_on is None:
        return f"{product.name} is deprecated. Consumers are told on its page."
    day = f"{product.retires_on:%d %B %Y}"
    return f"{product.name} is deprecated, and retired on {day}. The owners of its apps are told by mail."


def _told(plan: Plan) -> str:
    if plan.state is PlanState.RETIRED:
        return f"{plan.display_name} is retired. All access on it has stopped."
    if plan.retires_on is None:
        return f"{plan.display_name} is closed: there are no new requests for it."
    day = f"{plan.retires_on:%d %B %Y}"
    return f"{plan.display_name} is closed, and retired on {day}. The owners of its apps are told by mail."


def _editable(product_id: int) -> ApiProduct:
    product = _find(product_id)
    if not catalog.may_edit_product(product, current_person()):
        raise NotAllowed("Only the owners of a product and administrators can change it.")
    return product


def _find(product_id: int) -> ApiProduct:
    return found(catalog.find_product(product_id))


def _page(product_id: int) -> str:
    return url_for("admin.products.show", product_id=product_id)
