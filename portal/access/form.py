"""The request form of a cart: no request enters a review with it incomplete, whichever way it came (C56)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal import forms, policies
from portal.access.earlier import Origins, good_answers, origins_after, origins_of
from portal.access.models import AccessRequest, CartItem
from portal.access.rules import Category, Problem
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import Environment
from portal.errors import Conflict

CHANGED = "The request form has changed since this page was shown. Look at it again; your answers are still there."


@dataclass(frozen=True)
class Judged:
    """Answers as they are stored with a request, since when they stand, and what is missing or wrong in them."""

    answers: dict[str, Any]
    origins: Origins
    problems: list[Problem]


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
    app: DeveloperApp,
    by: User,
) -> Judged:
    """The answers as they are stored with a request for this app, with what is known here of since when they stand."""
    asked = form_of(items, environment)
    if sorted(form_ids) != sorted(asked.form_ids):
        return Judged({}, {}, [Problem(Category.FORM, CHANGED)])
    earlier = good_answers(app, asked, by=by)
    found = forms.weigh_answers(asked, _with_old_links(answers, {k: each.value for k, each in earlier.items()}), by=by)
    origins = origins_of(found.answers, earlier, asked)
    return Judged(found.answers, origins, [_problem(fault) for fault in forms.faults(asked, found)])


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


def revised_origins(request: AccessRequest, answers: Mapping[str, Any]) -> Origins:
    """Since when the answers of a request stand once it is changed to these."""
    return origins_after(request, answers, form_again(request)) if request.form_ids else {}


def _with_old_links(answers: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A link that was not changed keeps the time at which it was given, so that it is no change."""

    def same(old: Any, new: Any) -> bool:
        return isinstance(old, Mapping) and isinstance(new, Mapping) and _link(old) == _link(new) != ("", "")

    return {key: before[key] if same(before.get(key), value) else value for key, value in answers.items()}


def _link(parts: Mapping[str, Any]) -> tuple[str, str]:
    return str(parts.get("url", "")).strip(), str(parts.get("title", "")).strip()


def reviews_named(keys: Iterable[str]) -> dict[str, str]:
    """How these review stages are called in the middle of a sentence: "security review". Unknown ones are left out."""
    wanted = set(keys)
    templates = policies.stage_templates() if wanted else {}
    return {key: _review(templates[key].name) for key in wanted & templates.keys()}


def _review(name: str) -> str:
    plain = name if name[:2].isupper() else name[:1].lower() + name[1:]
    return plain if plain.endswith(" review") else f"{plain} review"


def keep_answers(answers: Mapping[str, Any], *, by: User) -> None:
    """Bind the files to the request, and throw the draft away that it came from."""
    forms.seal(forms.attachment_ids(answers), by=by)
    forms.forget_draft(by)
