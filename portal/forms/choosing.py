"""Which form a product or plan asks: none, the standard one, another that is offered to all, or one of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, func, select

from portal.accounts import Right, User
from portal.catalog import ApiProduct, Plan, may_edit_product
from portal.db import db, lock
from portal.errors import Invalid, NotAllowed, NotFound
from portal.events import EventKind, record
from portal.forms.definitions import ensure_standard, in_force
from portal.forms.models import FormDefinition, FormUse
from portal.forms.standard import STANDARD_KEY

Thing = ApiProduct | Plan
_USES = select(FormUse).where(
    FormUse.product_id.in_(bindparam("products", expanding=True))
    | FormUse.plan_id.in_(bindparam("plans", expanding=True))
)


def may_choose_form(thing: Thing, person: User) -> bool:
    """Whether this person decides which form is asked for this product or on this plan."""
    return may_edit_product(thing, person) if isinstance(thing, ApiProduct) else person.may(Right.EDIT_PLANS)


def use_of(thing: Thing) -> FormUse | None:
    """Which form was chosen for a product or plan; None for no form."""
    return db.session.scalar(select(FormUse).where(_column(thing) == thing.id))


def own_form(thing: Thing) -> FormDefinition | None:
    """The newest version of the form that belongs to this product or plan."""
    column = FormDefinition.product_id if isinstance(thing, ApiProduct) else FormDefinition.plan_id
    query = select(FormDefinition).where(column == thing.id).order_by(FormDefinition.id.desc()).limit(1)
    return db.session.scalar(query)


def choose_form(thing: Thing, key: str | None, *, by: User | None) -> None:
    """Ask this form, in its active version, for a product or on a plan; None asks nothing more than the plain cart."""
    locked = lock(type(thing), thing.id)
    if locked is None:
        raise NotFound("This is no longer there.")
    if by is not None and not may_choose_form(locked, by):
        raise NotAllowed("You cannot choose the form here.")
    if key == STANDARD_KEY:
        ensure_standard()
    if key is not None and not _may_be_used(key, locked):
        raise Invalid("Choose one of the forms that are offered.", field="form")
    use = use_of(locked)
    before = use.form_key if use else None
    if before == key:
        return
    if key is None and use is not None:
        db.session.delete(use)
    elif use is not None and key is not None:
        use.form_key = key
    elif key is not None:
        names = {"product_id": locked.id} if isinstance(locked, ApiProduct) else {"plan_id": locked.id}
        db.session.add(FormUse(form_key=key, **names))
    db.session.flush()
    record(EventKind.FORM_CHOSEN, subject=locked, by=by, before={"form": _called(before)}, after={"form": _called(key)})


def forms_for(products: Iterable[ApiProduct], plans: Iterable[Plan]) -> list[FormDefinition]:
    """The forms in force that this cart has to fill in: those of the products in their order, then the plan's."""
    product_ids, plan_ids = [p.id for p in products], [p.id for p in plans]
    if not product_ids and not plan_ids:
        return []
    uses = db.session.scalars(_USES, {"products": product_ids, "plans": plan_ids}).all()
    if not uses:
        return []
    of_product = {use.product_id: use.form_key for use in uses if use.product_id is not None}
    of_plan = {use.plan_id: use.form_key for use in uses if use.plan_id is not None}
    keys = [of_product.get(n) for n in product_ids] + [of_plan.get(n) for n in plan_ids]
    standing = in_force([key for key in dict.fromkeys(keys) if key is not None])
    return [standing[key] for key in dict.fromkeys(keys) if key is not None and key in standing]


def uses_by_key() -> dict[str, int]:
    """On how many products and plans each form is asked."""
    query = select(FormUse.form_key, func.count().label("uses")).group_by(FormUse.form_key)
    return {row.form_key: row.uses for row in db.session.execute(query)}


def _column(thing: Thing) -> Any:
    return FormUse.product_id if isinstance(thing, ApiProduct) else FormUse.plan_id


def _may_be_used(key: str, thing: Thing) -> bool:
    form = db.session.scalar(select(FormDefinition).where(FormDefinition.key == key).limit(1))
    if form is None:
        return False
    mine = form.product_id if isinstance(thing, ApiProduct) else form.plan_id
    return mine == thing.id or (form.product_id is None and form.plan_id is None)


def _called(key: str | None) -> str:
    if key is None:
        return "none"
    query = select(FormDefinition.name).where(FormDefinition.key == key).order_by(FormDefinition.version.desc())
    return db.session.scalar(query.limit(1)) or key
