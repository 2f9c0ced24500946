"""Catalogues: which products and plans are published together."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired

from admin.fields import EditForm, TickList
from portal import catalog, events
from portal.accounts import Right
from portal.catalog import Catalogue, PlanState, ProductState
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("catalogues", __name__)
MOST_CHOICES = 1000


class CatalogueForm(EditForm):
    """What a catalogue is called and what stands in it."""

    name = StringField("Name", [InputRequired("Enter a name.")])
    slug = StringField("URL name")
    description = TextAreaField("Description")
    products = TickList("Products")
    plans = TickList("Plans")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = catalog.product_choices(most=MOST_CHOICES + 1)
        self.too_many = len(offered) > MOST_CHOICES
        if self.too_many:  # then each product's own page says where it stands
            del self.products
        else:
            self.products.offer((product.id, _named(product.name, product.state)) for product in offered)
        self.plans.offer((plan.id, _named(plan.display_name, plan.state)) for plan in catalog.plans())

    def values(self) -> dict[str, Any]:
        """What the person has changed, with products and plans as they are now."""
        values = {name: value for name, value in self.data.items() if name in self.touched() & FIELDS}
        if "products" in values:
            values["products"] = catalog.products_with(self.products.chosen)
        if "plans" in values:
            values["plans"] = [plan for plan in catalog.plans() if plan.id in self.plans.chosen]
        return values


FIELDS = frozenset({"name", "slug", "description", "products", "plans"})


@bp.get("/catalogues")
@requires(Right.SEE_CATALOGUE)
def index() -> ResponseReturnValue:
    """All catalogues, with how much stands in each."""
    return render("admin/catalogues/index.html", catalogues=catalog.catalogues(), holdings=catalog.holdings())


@bp.get("/catalogues/new")
@requires(Right.EDIT_PRODUCTS)
def new() -> ResponseReturnValue:
    """An empty form."""
    return _new(CatalogueForm(formdata=None))


@bp.post("/catalogues/new")
@requires(Right.EDIT_PRODUCTS)
def create() -> ResponseReturnValue:
    """Make a catalogue; consumers see it at once."""
    form = CatalogueForm()
    if not form.validate():
        return _new(form, status=422)
    try:
        with transaction():
            catalogue = catalog.create_catalogue(form.values(), by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _new(form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(_page(catalogue.id), "The catalogue is made. Consumers see it now.")


@bp.get("/catalogues/<key:catalogue_id>")
@requires(Right.SEE_CATALOGUE)
def show(catalogue_id: int) -> ResponseReturnValue:
    """One catalogue, to read or to change."""
    catalogue = _find(catalogue_id)
    return _show(catalogue, _filled(catalogue))


@bp.post("/catalogues/<key:catalogue_id>")
@requires(Right.EDIT_PRODUCTS)
def save(catalogue_id: int) -> ResponseReturnValue:
    """Put what was typed and ticked in force, at once."""
    catalogue = _find(catalogue_id)
    form = CatalogueForm(data=_values_of(catalogue))
    if not form.validate():
        return _show(catalogue, form, status=422)
    try:
        with transaction():
            catalog.change_catalogue(catalogue, form.values(), by=current_person(), version=form.seen_version)
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(catalogue_id), form, status=422)
    except Conflict as stale:
        return _show(_find(catalogue_id), form, problem=stale.message, status=409)
    return done(_page(catalogue_id), "The changes are saved. Consumers see them now.")


@bp.post("/catalogues/<key:catalogue_id>/delete")
@requires(Right.EDIT_PRODUCTS)
def delete(catalogue_id: int) -> ResponseReturnValue:
    """Take the catalogue away (T10)."""
    catalogue = _find(catalogue_id)
    name = catalogue.name
    try:
        with transaction():
            catalog.delete_catalogue(catalogue, by=current_person(), version=EditForm().seen_version)
    except Conflict as stale:
        return _show(_find(catalogue_id), _filled(_find(catalogue_id)), problem=stale.message, status=409)
    return done(url_for("admin.catalogues.index"), f"The catalogue {name} is deleted.")


def _new(form: CatalogueForm, *, status: int = 200) -> ResponseReturnValue:
    return render("admin/catalogues/new.html", status=status, form=form, catalogue=None)


def _show(catalogue: Catalogue, form: CatalogueForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    if problem:
        form.meet(_filled(catalogue), catalogue.version)
    return render(
        "admin/catalogues/show.html",
        status=status,
        catalogue=catalogue,
        form=form,
        problem=problem,
        last=events.subject_history(catalogue)[-1:] if problem else None,
        holding=catalog.holdings().get(catalogue.id, catalog.Holding()),
        vanishing=catalog.only_in(catalogue),
        may_edit=current_person().may(Right.EDIT_PRODUCTS),
    )


def _filled(catalogue: Catalogue) -> CatalogueForm:
    form = CatalogueForm(formdata=None, data=_values_of(catalogue))
    form.show(catalogue.version)
    return form


def _values_of(catalogue: Catalogue) -> dict[str, Any]:
    return {
        "name": catalogue.name,
        "slug": catalogue.slug,
        "description": catalogue.description,
        "products": sorted(catalog.ids_in(catalogue)),
        "plans": [plan.id for plan in catalogue.plans],
    }


def _named(name: str, state: ProductState | PlanState) -> str:
    """A name in a list of choices, with the state where the thing is not simply on offer."""
    return name if state in {ProductState.PUBLISHED, PlanState.ACTIVE} else f"{name} ({state})"


def _page(catalogue_id: int) -> str:
    return url_for("admin.catalogues.show", catalogue_id=catalogue_id)


def _find(catalogue_id: int) -> Catalogue:
    return found(catalog.find_catalogue(catalogue_id))
