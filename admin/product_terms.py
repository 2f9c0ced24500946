"""The terms of use of a product, in versions: what is published is never edited, only followed."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired

from admin.products import frame
from portal import catalog, credentials
from portal.accounts import Right
from portal.catalog import ApiProduct
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.web import blame, current_person, done, found, key_of, render, requires

bp = Blueprint("product_terms", __name__)


class TermsForm(FlaskForm):
    """A new version, and the number of the one that its author has before them."""

    text = TextAreaField("Text", [InputRequired("Write what consumers have to agree to.")])
    after = HiddenField()


@bp.get("/products/<key:product_id>/terms")
@requires(Right.SEE_CATALOGUE)
def show(product_id: int) -> ResponseReturnValue:
    """The version in force, the earlier ones, and the form for the next."""
    product = _find(product_id)
    newest = catalog.newest_terms(product)
    values = {"text": newest.text if newest else "", "after": newest.number if newest else 0}
    return _show(product, TermsForm(formdata=None, data=values))


@bp.post("/products/<key:product_id>/terms")
@requires(Right.EDIT_PRODUCTS)
def publish(product_id: int) -> ResponseReturnValue:
    """Publish the next version; whoever reveals a secret from now on has to accept it."""
    product, form = _find(product_id), TermsForm()
    if not catalog.may_edit_product(product, current_person()):
        raise NotAllowed("Only the owners of a product and administrators can change it.")
    if not form.validate():
        return _show(product, form, status=422)
    try:
        with transaction():
            seen = key_of(form.after.data or "") or 0
            terms = catalog.publish_terms(product, form.text.data or "", by=current_person(), after=seen)
            number = terms.number
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _again(product_id, form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(url_for("admin.product_terms.show", product_id=product_id), f"Version {number} is in force.")


@bp.post("/products/<key:product_id>/terms/preview")
@requires(Right.EDIT_PRODUCTS)
def preview(product_id: int) -> ResponseReturnValue:
    """The typed text as consumers would read it; nothing is published."""
    return render(
        "admin/product_terms/preview.html",
        fragment="admin/product_terms/_preview.html",
        product=_find(product_id),
        preview=catalog.render(request.form.get("text", "")),
    )


def _again(product_id: int, form: TermsForm, *, status: int) -> ResponseReturnValue:
    """The form with what was typed, now after the version in force."""
    product = _find(product_id)
    newest = catalog.newest_terms(product)
    form.after.raw_data, form.after.data = None, newest.number if newest else 0
    return _show(product, form, status=status)


def _show(product: ApiProduct, form: TermsForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/product_terms/show.html",
        status=status,
        **frame(product, "terms"),
        form=form,
        versions=catalog.terms_versions(product),
        accepted=credentials.count_receipts(product),
        markdown=catalog.render,
        preview=None,
    )


def _find(product_id: int) -> ApiProduct:
    return found(catalog.find_product(product_id))
