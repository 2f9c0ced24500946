"""Request forms: what consumers fill in beside the plain cart, in versions, edited row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Request, abort, request, url_for
from flask.typing import ResponseReturnValue

from admin.choosing import OWN
from portal import access, catalog, forms
from portal.accounts import Right
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.forms import BadFields, Feed, FieldType, FormDefinition
from portal.policies import stage_templates
from portal.web import current_person, done, found, key_of, render, requires

bp = Blueprint("forms", __name__)
MOST_ROWS = 60
PLAIN = ("key", "label", "type", "help", "min_length", "max_length", "least", "most", "feeds", "one_of")


@bp.get("/forms")
@requires(Right.SEE_CATALOGUE)
def index() -> ResponseReturnValue:
    """All forms: which version is asked, by how many products and plans, and which are being edited."""
    return render(
        "admin/forms/index.html",
        rows=forms.newest_forms(),
        active=forms.active_versions(),
        uses=forms.uses_by_key(),
        standard_key=forms.STANDARD_KEY,
        may_make=current_person().may(Right.EDIT_PLANS),
    )


@bp.get("/forms/new")
@requires(Right.EDIT_PLANS)
def new() -> ResponseReturnValue:
    """Name and starting point of a form for all products and plans; own forms are begun on their pages."""
    return _new()


@bp.post("/forms/new")
@requires(Right.EDIT_PLANS)
def create() -> ResponseReturnValue:
    """Make a form, as a draft."""
    start = forms.STANDARD_FIELDS if request.form.get("start") == forms.STANDARD_KEY else []
    try:
        with transaction():
            form = forms.create_form(request.form.get("name", ""), start, by=current_person())
    except Invalid as refusal:
        return _new(refusal.message, status=422)
    return done(_page(form.id), "The form is made, as a draft. Nobody is asked it before it is activated.")


@bp.get("/forms/<key:form_id>")
@requires(Right.SEE_CATALOGUE)
def show(form_id: int) -> ResponseReturnValue:
    """One version of a form: to edit while it is a draft, to read afterwards."""
    form = _find(form_id)
    return _show(form, form.name, _rows_of(form))


@bp.post("/forms/<key:form_id>")
@requires(Right.EDIT_PLANS)
def save(form_id: int) -> ResponseReturnValue:
    """Keep the draft. What nobody could fill in is refused, at its place, and nothing typed is lost."""
    form, name, rows = _find(form_id), request.form.get("name", ""), _typed_rows(request)
    if nowhere := _unknown_stages(rows):
        return _show(form, name, rows, errors=nowhere, status=422)
    try:
        with transaction():
            forms.change_form(form, name, rows, by=current_person(), revision=_revision())
    except BadFields as bad:
        return _show(_find(form_id), name, rows, errors=bad.errors, status=422)
    except Invalid as refusal:
        return _show(_find(form_id), name, rows, problem=refusal.message, status=422)
    except Conflict as stale:
        return _show(_find(form_id), name, rows, problem=stale.message, status=409)
    return done(_page(form_id), "The draft is saved.")


@bp.post("/forms/<key:form_id>/rows")
@requires(Right.EDIT_PLANS)
def arrange(form_id: int) -> ResponseReturnValue:
    """Add, move or take away a field on the page; nothing is stored before the draft is saved."""
    form, rows = _editable(form_id), _typed_rows(request)
    deed, _, place = request.form.get("do", "").partition("-")
    rows, focus = _arranged(rows, deed, int(place) if place.isascii() and place.isdigit() and len(place) < 4 else 0)
    return _show(form, request.form.get("name", ""), rows, unsaved=True, focus=focus)


@bp.get("/forms/<key:form_id>/preview")
@requires(Right.SEE_CATALOGUE)
def preview(form_id: int) -> ResponseReturnValue:
    """The form as consumers would see it."""
    form = _find(form_id)
    asked = forms.ask([form])
    return render(
        "admin/forms/preview.html",
        form=form,
        asked=asked,
        controls=forms.conditions_of(asked.fields),
        environments=list(Environment),
        accepted=forms.ACCEPTED,
        most_files=forms.MOST_FILES,
        reviews=access.reviews_named(key for field in asked.fields for key in field.needed_by),
    )


@bp.post("/forms/<key:form_id>/activate")
@requires(Right.EDIT_PLANS)
def activate(form_id: int) -> ResponseReturnValue:
    """Ask this version from now on."""
    form = _find(form_id)
    try:
        with transaction():
            label = forms.activate_form(form, by=current_person(), revision=_revision()).label
    except (Conflict, Invalid) as refusal:
        status = 409 if isinstance(refusal, Conflict) else 422
        form = _find(form_id)
        return _show(form, form.name, _rows_of(form), problem=refusal.message, status=status)
    return done(_page(form_id), f"{label} is asked from now on.")


@bp.post("/forms/<key:form_id>/new-version")
@requires(Right.EDIT_PLANS)
def edit(form_id: int) -> ResponseReturnValue:
    """A draft of the next version, or the one that somebody has begun."""
    with transaction():
        draft = forms.new_version(_find(form_id), by=current_person())
    return done(_page(draft.id), f"{draft.label} is a draft. What is asked now stays until you activate it.")


@bp.post("/forms/<key:form_id>/discard")
@requires(Right.EDIT_PLANS)
def discard(form_id: int) -> ResponseReturnValue:
    """Throw a draft away."""
    form = _find(form_id)
    label = form.label
    with transaction():
        forms.discard_form(form, by=current_person())
    return done(url_for("admin.forms.index"), f"{label} is thrown away.")


@bp.post("/products/<key:product_id>/form")
@requires(Right.EDIT_PRODUCTS)
def choose_for_product(product_id: int) -> ResponseReturnValue:
    """Choose the form that a product asks."""
    product = found(catalog.find_product(product_id))
    return _choose(product, url_for("admin.products.show", product_id=product_id))


@bp.post("/plans/<key:plan_id>/form")
@requires(Right.EDIT_PLANS)
def choose_for_plan(plan_id: int) -> ResponseReturnValue:
    """Choose the form that is asked on a plan."""
    return _choose(found(catalog.find_plan(plan_id)), url_for("admin.plans.show", plan_id=plan_id))


def _choose(thing: ApiProduct | Plan, back: str) -> ResponseReturnValue:
    """Put the choice in force. Choosing an own form for the first time begins it, and leads to its editor."""
    wanted, own = request.form.get("form", ""), None
    with transaction():
        person = current_person()
        if wanted == OWN:
            own = forms.own_form(thing) or _begin_own(thing)
            wanted = own.key
        forms.choose_form(thing, wanted or None, by=person)
        to_edit = own.id if own is not None and own.is_draft else None
    if to_edit is not None:
        return done(_page(to_edit), "This form is a draft. Nothing more is asked before you activate it.")
    return done(back, "The form is chosen.")


def _begin_own(thing: ApiProduct | Plan) -> FormDefinition:
    """An own form, which begins as the standard one."""
    person, standard = current_person(), forms.STANDARD_FIELDS
    if isinstance(thing, ApiProduct):
        return forms.create_form(f"Request form of {thing.name}"[:120], standard, by=person, product=thing)
    return forms.create_form(f"Request form of {thing.display_name}"[:120], standard, by=person, plan=thing)


def _typed_rows(sent: Request) -> list[dict[str, Any]]:
    """The fields as they stand on the page, in their order."""
    places = [place for place in sent.form.getlist("row") if place.isascii() and place.isdigit()]
    if len(places) > MOST_ROWS + 1:
        abort(422)
    return [_typed_row(sent, f"row-{place}-") for place in dict.fromkeys(places)]


def _typed_row(sent: Request, prefix: str) -> dict[str, Any]:
    typed = {name: sent.form.get(prefix + name, "") for name in PLAIN}
    asked = [word.strip() for word in sent.form.get(f"{prefix}shown_is", "").split(",") if word.strip()]
    stages = [word.strip() for word in sent.form.get(f"{prefix}needed_by", "").split(",") if word.strip()]
    return {
        **typed,
        "required": f"{prefix}required" in sent.form,
        "again": f"{prefix}again" in sent.form,
        "choices": [_typed_choice(line) for line in sent.form.get(f"{prefix}choices", "").splitlines() if line.strip()],
        "shown_if": {"field": sent.form.get(f"{prefix}shown_field", ""), "is": asked},
        "needed_by": stages,
    }


def _typed_choice(line: str) -> dict[str, str]:
    value, is_there, label = line.partition("=")
    if not is_there:
        return {"value": forms.key_from(line), "label": line.strip()}
    return {"value": value.strip(), "label": label.strip() or value.strip()}


def _arranged(rows: list[dict[str, Any]], deed: str, place: int) -> tuple[list[dict[str, Any]], int]:
    """The fields after one press of a button, and which of them to look at."""
    if deed == "add" and len(rows) < MOST_ROWS:
        return [*rows, {"type": FieldType.TEXT.value}], len(rows)
    if not 0 <= place < len(rows):
        return rows, 0
    moved = rows.copy()
    row = moved.pop(place)
    if deed == "remove":
        return moved, max(place - 1, 0)
    target = max(place - 1, 0) if deed == "up" else min(place + 1, len(moved)) if deed == "down" else place
    moved.insert(target, row)
    return moved, target


def _rows_of(form: FormDefinition) -> list[dict[str, Any]]:
    return [dict(row) for row in form.fields]


def _new(problem: str = "", *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/forms/new.html",
        status=status,
        problem=problem,
        name=request.form.get("name", ""),
        start=request.form.get("start", forms.STANDARD_KEY),
        standard=(forms.STANDARD_KEY, forms.STANDARD_NAME),
    )


def _show(
    form: FormDefinition,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    errors: Mapping[tuple[int, str], str] | None = None,
    problem: str = "",
    unsaved: bool = False,
    focus: int | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    versions = forms.versions_of_form(form)
    return render(
        "admin/forms/show.html",
        status=status,
        form=form,
        name=name,
        rows=rows,
        errors=errors or {},
        problem=problem,
        unsaved=unsaved,
        focus=focus,
        versions=versions,
        uses=forms.uses_by_key().get(form.key, 0),
        may_edit=forms.may_edit_form(form, current_person()),
        kinds=list(FieldType),
        feeds=list(Feed),
        conditions=_conditions(rows),
    )


def _conditions(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What a condition can refer to: the choices and yes-or-nos of this page, and the environment of the request."""
    kinds = {FieldType.CHOICE, FieldType.YES_NO}
    asked = [(_key_of_row(row), str(row.get("label", ""))) for row in rows if row.get("type") in kinds]
    own = [(key, label) for key, label in asked if key]
    known = {key for key, _ in own}
    return own if Feed.ENVIRONMENT in known else [(Feed.ENVIRONMENT.value, "Environment"), *own]


def _unknown_stages(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], str]:
    """Fields that name a stage that does not exist: a slip there would let the stage be approved without the answer."""
    known = stage_templates()
    return {
        (place, "needed_by"): f"There is no review stage “{wrong[0]}”. There are: {', '.join(sorted(known))}."
        for place, row in enumerate(rows)
        if (wrong := [key for key in row["needed_by"] if key not in known])
    }


def _key_of_row(row: Mapping[str, Any]) -> str:
    """The key that a field has, or will get when it is saved; a field just added can be a condition at once."""
    label = str(row.get("label") or "")
    return str(row.get("key") or "") or (forms.key_from(label) if label else "")


def _editable(form_id: int) -> FormDefinition:
    form = _find(form_id)
    if not forms.may_edit_form(form, current_person()):
        raise NotAllowed("You cannot change this form.")
    return form


def _revision() -> int:
    """The revision that was on the screen; 0, which is never the present one, when the page does not say."""
    return key_of(request.form.get("revision", "")) or 0


def _page(form_id: int) -> str:
    return url_for("admin.forms.show", form_id=form_id)


def _find(form_id: int) -> FormDefinition:
    return found(forms.find_form(form_id))
