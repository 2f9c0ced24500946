"""The request form of a cart: no request enters a review with it incomplete, whichever way it came (C56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from portal import forms
from portal.access.models import CartItem
from portal.access.rules import Category, Problem
from portal.accounts import User
from portal.catalog import Environment

CHANGED = "The request form has changed since this page was shown. Look at it again; your answers are still there."


def form_of(items: Sequence[CartItem], environment: Environment | str) -> forms.Ask:
    """What the forms of these products and of their plans ask, as one form."""
    products = [item.product for item in items]
    plans = {item.plan_id: item.plan for item in items}
    return forms.ask(forms.forms_for(products, plans.values()), products, environment=str(environment))


def judged_answers(
    items: Sequence[CartItem],
    answers: Mapping[str, Any],
    form_ids: Sequence[int],
    *,
    environment: Environment,
    by: User,
) -> tuple[dict[str, Any], list[Problem]]:
    """The answers as they are stored with the request, and what is missing or wrong in them."""
    asked = form_of(items, environment)
    if sorted(form_ids) != sorted(asked.form_ids):
        return {}, [Problem(Category.FORM, CHANGED)]
    found = forms.weigh_answers(asked, answers, by=by)
    return found.answers, [Problem(Category.FORM, fault.message) for fault in forms.faults(asked, found)]


def keep_answers(answers: Mapping[str, Any], *, by: User) -> None:
    """Bind the files to the request, and throw the draft away that it came from."""
    forms.seal(forms.attachment_ids(answers), by=by)
    forms.forget_draft(by)
