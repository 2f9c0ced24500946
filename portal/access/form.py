"""The request form of a cart: no request enters a review with it incomplete, whichever way it came (C56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from portal import forms
from portal.access.models import AccessRequest, CartItem
from portal.access.rules import Category, Problem
from portal.accounts import User
from portal.catalog import Environment
from portal.errors import Conflict

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
    return found.answers, [_problem(fault) for fault in forms.faults(asked, found)]


def _problem(fault: forms.Fault) -> Problem:
    return Problem(Category.FORM, fault.message, field=fault.field)


def form_again(request: AccessRequest) -> forms.Ask:
    """The form of a request as it was asked then: in the versions that it was filled with, for its own method."""
    asked = forms.ask(forms.forms_by_id(request.form_ids), environment=str(request.environment))
    method = {forms.Feed.AUTH_METHOD: {request.auth_method.value}}
    return replace(asked, fields=tuple(forms.narrowed(asked.fields, method)))


def revised_answers(request: AccessRequest, answers: Mapping[str, Any], *, by: User) -> dict[str, Any]:
    """Other answers to the form of a request, checked as the first were. Raises FormErrors.

    Files that were handed in stay: an answer may add one, or name a newer version, and never leave one out.
    """
    if not request.form_ids:
        return dict(answers)
    asked = form_again(request)
    found = forms.weigh_answers(asked, _with_old_links(answers, request.answers), by=by)
    if found.errors:
        raise forms.FormErrors(found.errors)
    if not forms.keeps_files(request.answers, found.answers, among=found.shown):
        raise Conflict("A file that was handed in with a request stays with it. Replace it instead.")
    forms.seal(forms.attachment_ids(found.answers), by=by)
    return found.answers


def _with_old_links(answers: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A link that was not changed keeps the time at which it was given, so that it is no change."""

    def same(old: Any, new: Any) -> bool:
        return isinstance(old, Mapping) and isinstance(new, Mapping) and _link(old) == _link(new) != ("", "")

    return {key: before[key] if same(before.get(key), value) else value for key, value in answers.items()}


def _link(parts: Mapping[str, Any]) -> tuple[str, str]:
    return str(parts.get("url", "")).strip(), str(parts.get("title", "")).strip()


def keep_answers(answers: Mapping[str, Any], *, by: User) -> None:
    """Bind the files to the request, and throw the draft away that it came from."""
    forms.seal(forms.attachment_ids(answers), by=by)
    forms.forget_draft(by)
