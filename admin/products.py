"""API products: what they are, who owns them and where they stand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from admin.choosing import choice_context
from admin.fields import CommaList, EditForm, ScopeLines, TickList
from portal import access, accounts, catalog, events
from portal.accounts import Right, RoleName
from portal.catalog import ApiProduct, AuthMethod, Classification, Environment, LegalBasis, ProductState
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.web import (
    blame,
    chosen,
    current_person,
    done,
    found,
    key_in_url,
    page_of,
    page_url,
    render,
    requires,
    searched,
)

bp = Blueprint("products", __name__)
PAGE_SIZE = 50
MOST_COUNTED = 1000


class Words(SelectMultipleField):
    """Words to tick. An empty one, which the page always sends, tells "none of them" from a page without the list."""

    widget = ListWidget()
    option_widget = CheckboxInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take what is ticked, and nothing where the list was not on the page."""
        if valuelist:
            self.data = [value for value in valuelist if value]


class ProductForm(EditForm):
    """What a product says about itself, whose it is, and where it stands."""

    name = StringField("Name", [InputRequired("Enter a name.")])
    slug = StringField("URL name")
    summary = StringField("Summary")
    description = TextAreaField("Description")
    category = StringField("Category")
    tags = CommaList("Tags")
    auth_method = RadioField(
        "Authentication method",
        choices=[SelectChoice(method.value, method.label) for method in AuthMethod],
        default=AuthMethod.OAUTH2.value,
    )
    base_url = StringField("Base URL")
    scopes = ScopeLines("Scopes")
    classification = SelectField(
        "Data classification",
        choices=[SelectChoice(each.value, each.value.capitalize()) for each in Classification],
        default=Classification.INTERNAL.value,
    )
    legal_basis = SelectField(
        "Legal basis",
        choices=[SelectChoice("", "Not stated"), *(SelectChoice(each.value, each.label) for each in LegalBasis)],
        default="",
    )
    regions = CommaList("Regions")
    environments = Words(
        "Environments",
        choices=[SelectChoice(each.value, each.label) for each in Environment],
        default=[each.value for each in Environment],
    )
    zone = StringField("Time zone", default="UTC")
    owners = TickList("Owners")
    featured = BooleanField("Featured on the home page")
    catalogues = TickList("Catalogues")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = accounts.people_with_role(RoleName.API_OWNER)
        self.owners.offer((person.id, f"{person.display_name} ({person.email})") for person in owners)
        self.catalogues.offer((catalogue.id, catalogue.name) for catalogue in catalog.catalogues())

    def values(self) -> dict[str, Any]:
        """What the person has changed, with owners and catalogues as they are now."""
        values = {name: value for name, value in self.data.items() if name in self.touched() & FIELDS}
        if "owners" in values:
            owners = accounts.people_with_role(RoleName.API_OWNER)
            values["owners"] = [person for person in owners if person.id in self.owners.chosen]
        if "catalogues" in values:
            values["catalogues"] = [c for c in catalog.catalogues() if c.id in self.catalogues.chosen]
        return values


PLAIN_FIELDS = (
    *("name", "summary", "description", "category", "tags", "auth_method", "base_url", "featured"),
    *("classification", "legal_basis", "regions", "environments", "zone"),
)
FIELDS = frozenset({*PLAIN_FIELDS, "slug", "scopes", "owners", "catalogues"})


class MoveForm(EditForm):
    """Why a product changes its state."""

    reason = TextAreaField("Reason", [Length(max=2000)])


@bp.get("/products")
@requires(Right.SEE_CATALOGUE)
def index() -> ResponseReturnValue:
    """Products in every state by name, searched and filtered by what stands in the URL."""
    wanted = chosen("state", set(ProductState))
    rows, more = page_of(
        catalog.products_page(searched(), wanted, after=key_in_url("after"), size=PAGE_SIZE + 1), PAGE_SIZE
    )
    return render(
        "admin/products/index.html",
        rows=rows,
        wanted=wanted,
        states=list(ProductState),
        counts=catalog.product_counts(most=MOST_COUNTED),
        most=MOST_COUNTED,
        next_url=page_url(after=rows[-1].id) if more else None,
        may_edit=current_person().may(Right.EDIT_PRODUCTS),
    )


@bp.get("/products/new")
@requires(Right.EDIT_PRODUCTS)
def new() -> ResponseReturnValue:
    """An empty form; an API owner is the owner of what they make, unless they say otherwise."""
    return _new(ProductForm(formdata=None, data={"owners": [current_person().id]}))


@bp.post("/products/new")
@requires(Right.EDIT_PRODUCTS)
def create() -> ResponseReturnValue:
    """Make a product, as a draft."""
    form = ProductForm()
    if not form.validate():
        return _new(form, status=422)
    try:
        with transaction():
            product = catalog.create_product(form.values(), by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _new(form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(_page(product.id), "The product is made, as a draft. Publish it when it is ready.")


@bp.post("/products/preview")
@requires(Right.EDIT_PRODUCTS)
def preview() -> ResponseReturnValue:
    """The typed description as consumers would read it; nothing is stored."""
    return render(
        "admin/products/preview.html",
        fragment="admin/products/_preview.html",
        preview=catalog.render(request.form.get("description", "")),
    )


@bp.get("/products/<key:product_id>")
@requires(Right.SEE_CATALOGUE)
def show(product_id: int) -> ResponseReturnValue:
    """One product, to read or to change."""
    product = find(product_id)
    return _show(product, _filled(product))


@bp.post("/products/<key:product_id>")
@requires(Right.EDIT_PRODUCTS)
def save(product_id: int) -> ResponseReturnValue:
    """Put what was typed in force."""
    product = editable(product_id)
    form = ProductForm(data=_values_of(product))
    del form.slug  # made once, and stays: links to the product must not break
    if not form.validate():
        return _show(product, form, status=422)
    try:
        with transaction():
            catalog.change_product(product, form.values(), by=current_person(), version=form.seen_version)
    except Invalid as refusal:
        blame(form, refusal)
        return _show(find(product_id), form, status=422)
    except Conflict as stale:
        return _show(find(product_id), form, problem=stale.message, status=409)
    return done(_page(product_id), "The changes are saved.")


@bp.post("/products/<key:product_id>/publish")
@requires(Right.EDIT_PRODUCTS)
def publish(product_id: int) -> ResponseReturnValue:
    """Let consumers see the product and use it."""
    return _publish(product_id)


def _new(form: ProductForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/products/new.html", status=status, form=form, product=None, categories=catalog.categories(), preview=None
    )


def _show(product: ApiProduct, form: ProductForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    if problem:
        form.meet(_filled(product), product.version)
    return render(
        "admin/products/show.html",
        status=status,
        **frame(product, "product"),
        form=form,
        problem=problem,
        last=events.subject_history(product)[-1:] if problem else None,
        categories=catalog.categories(),
        preview=None,
        overview=catalog.render(product.description),
        plans=catalog.plans_for(product),
        lacking=access.gaps_of(product, glance=True) if access.may_see_gaps(product, current_person()) else None,
        **choice_context(product, by=current_person()),
    )


def frame(product: ApiProduct, part: str) -> dict[str, Any]:
    """What all pages of a product show."""
    return {
        "product": product,
        "part": part,
        "standing": catalog.catalogues_of(product),
        "descriptions": catalog.descriptions_of(product),
        "app_count": access.apps_with_access_to(product),
        "moves": catalog.PRODUCT_MOVES[product.state],
        "may_edit": catalog.may_edit_product(product, current_person()),
        "gaps": catalog.missed_by_reviewers(product),
        "is_owner_elsewhere": current_person().may(Right.EDIT_PRODUCTS),
    }


def _publish(product_id: int) -> ResponseReturnValue:
    product, form = editable(product_id), MoveForm()
    if not form.validate():
        raise Invalid("The reason is too long: at most 2,000 characters fit.", field="reason")
    try:
        with transaction():
            catalog.change_product_state(
                product,
                ProductState.PUBLISHED,
                by=current_person(),
                reason=form.reason.data or "",
                version=form.seen_version,
            )
    except Conflict as stale:
        product = find(product_id)
        return _show(product, _filled(product), problem=stale.message, status=409)
    return done(_page(product_id), f"{find(product_id).name} is published.")


def _filled(product: ApiProduct) -> ProductForm:
    form = ProductForm(formdata=None, data=_values_of(product))
    del form.slug
    form.show(product.version)
    return form


def _values_of(product: ApiProduct) -> dict[str, Any]:
    """What the form's fields say. Owners who can own no more are not among the choices, so they are left alone."""
    values = {name: getattr(product, name) for name in PLAIN_FIELDS} | {"legal_basis": product.legal_basis or ""}
    owners = [p.id for p in product.owners if p.active and RoleName.API_OWNER in p.role_names]
    scopes = [
        {"name": s["name"], "description": " ".join(str(s.get("description", "")).split())} for s in product.scopes
    ]
    return {**values, "owners": owners, "scopes": scopes, "catalogues": [c.id for c in catalog.catalogues_of(product)]}


def editable(product_id: int) -> ApiProduct:
    """The product, if this person may change it; the room asks again under its lock."""
    product = find(product_id)
    if not catalog.may_edit_product(product, current_person()):
        raise NotAllowed("Only the owners of a product and administrators can change it.")
    return product


def _page(product_id: int) -> str:
    return url_for("admin.products.show", product_id=product_id)


def find(product_id: int) -> ApiProduct:
    """The product with this key, or a 404 page."""
    return found(catalog.find_product(product_id))
