"""Approvals that access to a product was given without, and the press that asks for them (C130)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import DateField, TextAreaField
from wtforms.validators import InputRequired

from portal import access, catalog, policies
from portal.access import Gap, Gaps
from portal.accounts import Right
from portal.catalog import ApiProduct
from portal.db import now, transaction
from portal.errors import Invalid, NotAllowed
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("reapprovals", __name__)
MOST_SHOWN = 200


class AskForm(FlaskForm):
    """Until when access stays open without the approval that it lacks, and what those who read it should know."""

    last_day = DateField("Open without it until", [InputRequired("Choose a day.")])
    note = TextAreaField("Note")


@bp.get("/products/<key:product_id>/approvals")
@requires(Right.SEE_APPS)
def show(product_id: int) -> ResponseReturnValue:
    """Which access lacks what the policy asks for now, and what has been done about it."""
    usual = now().date() + timedelta(days=access.USUAL_DAYS)
    product = _find(product_id)
    found(product if access.may_see_gaps(product, current_person()) else None)
    return _show(product, AskForm(formdata=None, data={"last_day": usual}))


@bp.post("/products/<key:product_id>/approvals")
@requires(Right.EDIT_PRODUCTS)
def ask(product_id: int) -> ResponseReturnValue:
    """Ask for it: a request for each, which goes to those whom the policy names."""
    product, form = _find(product_id), AskForm()
    if not catalog.may_edit_product(product, current_person()):
        raise NotAllowed("Only the owners of a product and administrators can ask for its approvals again.")
    if not form.validate() or form.last_day.data is None:
        return _show(product, form, status=422)
    _look_up(access.gaps_of(product).to_ask[: access.MOST_ASKED_AGAIN])
    try:
        with transaction():
            note = form.note.data or ""
            asked = access.ask_again(product, by=current_person(), last_day=form.last_day.data, note=note)
            told = _told(len(asked), access.gaps_of(product))
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(product_id), form, status=422)
    return done(url_for("admin.reapprovals.show", product_id=product_id), told, "success" if asked else "info")


def _told(asked: int, lacking: Gaps) -> str:
    if not asked:
        return "Nothing was left to ask for. Nothing was changed."
    begun = "1 request has been opened." if asked == 1 else f"{asked} requests have been opened."
    left = f"{len(lacking.to_ask):,}" if lacking.whole else "More"
    rest = f" {left} are left: press again for the next." if lacking.to_ask else ""
    return f"{begun} Those who have to approve and the owners of the apps are told by mail.{rest}"


def _look_up(gaps: Iterable[Gap]) -> None:
    """Ask the systems outside, as the cart does: a decision takes what they have told."""
    if policies.asks_outside():
        for gap in gaps:
            policies.look_up(gap.grant.app, [gap.grant.product], str(gap.grant.environment))


def _show(product: ApiProduct, form: AskForm, *, status: int = 200) -> ResponseReturnValue:
    person, lacking = current_person(), access.gaps_of(product)
    shown = lacking.found[:MOST_SHOWN]
    context: dict[str, Any] = {"open_to": _numbers_open_to(shown)}
    return render(
        "admin/reapprovals/show.html",
        status=status,
        product=product,
        form=form,
        lacking=lacking,
        shown=shown,
        most=access.MOST_ASKED_AGAIN,
        may_edit=catalog.may_edit_product(product, person),
        **context,
    )


def _numbers_open_to(gaps: Iterable[Gap]) -> set[str]:
    """The requests among these that this person may open."""
    ids = [request.id for gap in gaps for request in (gap.grant.request, gap.pending) if request is not None]
    return {request.number for request in access.requests_with_ids(ids, seen_by=current_person())}


def _find(product_id: int) -> ApiProduct:
    return found(catalog.find_product(product_id))
