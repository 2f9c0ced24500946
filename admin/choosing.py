"""Which request form a product or plan asks: what both of their pages offer."""

from __future__ import annotations

from typing import Any

from flask import url_for

from portal import forms
from portal.accounts import User
from portal.catalog import ApiProduct, Plan
from portal.forms import FormDefinition

NONE = ""
OWN = "own"


def choice_context(thing: ApiProduct | Plan, *, by: User) -> dict[str, Any]:
    """What the choice of a form needs to be drawn: the offers, what is chosen, and the own form with its editor."""
    use, own = forms.use_of(thing), forms.own_form(thing)
    of_product = isinstance(thing, ApiProduct)
    return {
        "form_choice": {
            "offers": _offers(own),
            "chosen": OWN if use and own and use.form_key == own.key else use.form_key if use else NONE,
            "own": own,
            "is_asked": bool(
                forms.forms_for([thing], []) if isinstance(thing, ApiProduct) else forms.forms_for([], [thing])
            ),
            "may_choose": forms.may_choose_form(thing, by),
            "target": _target(thing),
            "word": "product" if of_product else "plan",
        }
    }


def _target(thing: ApiProduct | Plan) -> str:
    if isinstance(thing, ApiProduct):
        return url_for("admin.forms.choose_for_product", product_id=thing.id)
    return url_for("admin.forms.choose_for_plan", plan_id=thing.id)


def _offers(own: FormDefinition | None) -> list[tuple[str, str]]:
    """The forms that can be chosen: none, the standard one, others for all, and one of the thing's own."""
    active = forms.active_versions()
    shared = [f for f in forms.newest_forms() if f.product_id is None and f.plan_id is None]
    others = [(f.key, f.name) for f in shared if f.key in active and f.key != forms.STANDARD_KEY]
    return [
        (NONE, "No extra form"),
        (forms.STANDARD_KEY, forms.STANDARD_NAME),
        *others,
        (OWN, f"Its own form: {own.name}" if own else "A form of its own"),
    ]
