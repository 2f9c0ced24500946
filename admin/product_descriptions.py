"""The API descriptions of a product: read, kept in versions, taken away, and the day from which a version is gone."""

from __future__ import annotations

from io import BytesIO

from flask import Response, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from admin.products import bp, editable, find, frame
from portal import catalog
from portal.accounts import Right
from portal.catalog import ApiProduct, Refused
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, key_of, render, requires

MOST_BYTES = 20 * 1024 * 1024
BESIDE = "beside"


class UploadForm(FlaskForm):
    """A file with an API description, and what it takes the place of."""

    file = FileField("File", [FileRequired("Choose a file.")])
    replaces = SelectField("Takes the place of", choices=[], default="")


class EndForm(FlaskForm):
    """From which day a version is no longer there."""

    retires_on = DateField("Retired from", [Optional()], description="Empty: it stays.")


@bp.get("/products/<key:product_id>/descriptions")
@requires(Right.SEE_CATALOGUE)
def descriptions(product_id: int) -> ResponseReturnValue:
    """The product's API descriptions with what is wrong with them."""
    return _descriptions(find(product_id))


@bp.post("/products/<key:product_id>/descriptions")
@requires(Right.EDIT_PRODUCTS)
def upload(product_id: int) -> ResponseReturnValue:
    """Read a file, and keep it when it is an API description. Reading may take long, so nothing is locked meanwhile."""
    product = editable(product_id)
    form = _upload_form(product)
    if not form.validate():
        return _descriptions(product, form, status=422)
    try:
        with form.file.data.stream as file:
            given = catalog.read_description(file.read(MOST_BYTES + 1))
        with transaction():
            kept = _keep(find(product_id), given, form)
    except (Refused, Conflict) as refusal:
        form.file.errors = [refusal.message]
        return _descriptions(find(product_id), form, status=409 if isinstance(refusal, Conflict) else 422)
    faults = "no faults" if not kept.faults else f"{len(kept.faults)} fault{'' if len(kept.faults) == 1 else 's'}"
    operations = f"{kept.operation_count} operation{'' if kept.operation_count == 1 else 's'}"
    return done(_descriptions_page(product_id), f"{kept.file_name} was read: {operations}, {faults}.")


@bp.post("/products/<key:product_id>/descriptions/<key:description_id>/remove")
@requires(Right.EDIT_PRODUCTS)
def remove(product_id: int, description_id: int) -> ResponseReturnValue:
    """Take an API description away."""
    product = editable(product_id)
    description = found(catalog.find_description(product, description_id))
    name = description.file_name
    with transaction():
        catalog.remove_description(description, by=current_person())
    return done(_descriptions_page(product_id), f"{name} is removed.")


@bp.post("/products/<key:product_id>/descriptions/<key:description_id>/end")
@requires(Right.EDIT_PRODUCTS)
def end_version(product_id: int, description_id: int) -> ResponseReturnValue:
    """Say from which day this version of the API cannot be asked for any more, or that it stays."""
    product, form = editable(product_id), EndForm()
    description = found(catalog.find_description(product, description_id))
    if not form.validate():
        return _descriptions(product, ending=(description_id, form), status=422)
    try:
        with transaction():
            catalog.end_version(description, form.retires_on.data, by=current_person())
    except Invalid as refusal:
        blame(form, refusal)
        return _descriptions(find(product_id), ending=(description_id, form), status=422)
    day = form.retires_on.data
    told = f"can be asked for until {day.day} {day:%B %Y}" if day else "stays"
    return done(_descriptions_page(product_id), f"This version {told}.")


@bp.get("/products/<key:product_id>/descriptions/<key:description_id>/original")
@requires(Right.SEE_CATALOGUE)
def original(product_id: int, description_id: int) -> Response:
    """The file as it was given, to be kept and never shown by the browser."""
    description = found(catalog.find_description(find(product_id), description_id))
    content = BytesIO(catalog.original_of(description))
    return send_file(content, description.media_type, as_attachment=True, download_name=description.file_name)


def _keep(product: ApiProduct, given: catalog.ReadDescription, form: UploadForm) -> catalog.ApiDescription:
    """Put the description in the place of the one that was chosen, or of the one with the same name or title."""
    named, beside = key_of(form.replaces.data or ""), form.replaces.data == BESIDE
    if named is not None:
        replaced = catalog.find_description(product, named)
        if replaced is None:
            raise Conflict("The description that this file was to replace is no longer there. Choose again.")
        catalog.remove_description(replaced, by=current_person())
    name = form.file.data.filename or ""
    return catalog.attach_description(product, given, name, by=current_person(), another_version=beside)


def _descriptions(
    product: ApiProduct, form: UploadForm | None = None, *, ending: tuple[int, EndForm] | None = None, status: int = 200
) -> ResponseReturnValue:
    return render(
        "admin/products/descriptions.html",
        status=status,
        **frame(product, "descriptions"),
        form=form or _upload_form(product, empty=True),
        ending=ending,
        versions={version.number: version for version in catalog.versions_of([product])[product.id]},
    )


def _upload_form(product: ApiProduct, *, empty: bool = False) -> UploadForm:
    form = UploadForm(formdata=None) if empty else UploadForm()
    kept = catalog.descriptions_of(product)
    form.replaces.choices = [
        SelectChoice("", "the one with the same file name or title, if there is one"),
        SelectChoice(BESIDE, "none: it is another version of the same API"),
        *(SelectChoice(str(one.id), f"{one.file_name} ({one.title or 'no title'})") for one in kept),
    ]
    return form


def _descriptions_page(product_id: int) -> str:
    return url_for("admin.products.descriptions", product_id=product_id)
