"""Out of office: who answers in one's place, from when until when."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import DateField, StringField
from wtforms.validators import InputRequired, Length

from admin.request_page import reviewer_named, reviewers
from portal import access
from portal.accounts import Right
from portal.db import now, transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("delegations", __name__)
_LAST = date.max - timedelta(days=1)  # the calendar has no day after its last one


class DelegationForm(FlaskForm):
    """Who stands in, and when. Days are whole days in UTC."""

    to = StringField(
        "Who stands in for you",
        [InputRequired("Enter the address of somebody who can review."), Length(max=254)],
        description="The mail address of somebody who can review.",
    )
    starts_on = DateField("From", [InputRequired("Enter the first day.")])
    ends_on = DateField("Until", [InputRequired("Enter the last day.")], description="The last day is included.")
    reason = StringField("Reason", [Length(max=300)], description="Whoever stands in reads it.")


@bp.get("/delegations")
@requires(Right.DECIDE_REQUESTS)
def index() -> ResponseReturnValue:
    """Who stands in for this person, and for whom they stand in."""
    return _index(DelegationForm(formdata=None, starts_on=now().date()))


@bp.post("/delegations")
@requires(Right.DECIDE_REQUESTS)
def give() -> ResponseReturnValue:
    """Let somebody answer in one's place."""
    form = DelegationForm()
    if not form.validate():
        return _index(form, status=422)
    try:
        with transaction():
            made = access.delegate(
                reviewer_named(form.to.data or ""),
                by=current_person(),
                starts_at=max(_midnight(form.starts_on.data), now()),
                ends_at=_midnight(min(form.ends_on.data, _LAST)) + timedelta(days=1),
                reason=form.reason.data or "",
            )
            name = made.to_user.display_name
    except (Invalid, Conflict) as refusal:
        blame(form, refusal, starts_at="starts_on", ends_at="ends_on")
        return _index(form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(url_for("admin.delegations.index"), f"{name} stands in for you, and is told by mail.")


@bp.post("/delegations/<key:delegation_id>/end")
@requires(Right.DECIDE_REQUESTS)
def end(delegation_id: int) -> ResponseReturnValue:
    """End it now; either of the two may."""
    delegation = found(access.find_delegation(delegation_id, seen_by=current_person()))
    with transaction():
        access.end_delegation(delegation, by=current_person())
    return done(url_for("admin.delegations.index"), "That has ended. From now on everybody answers for themselves.")


def _index(form: DelegationForm, *, status: int = 200) -> ResponseReturnValue:
    person = current_person()
    known = access.delegations_of(person)
    return render(
        "admin/delegations/index.html",
        status=status,
        form=form,
        given=[each for each in known if each.from_id == person.id],
        taken=[each for each in known if each.to_id == person.id],
        reviewers=access.suggested([each for each in reviewers() if each.id != person.id]),
        longest=access.LONGEST_DELEGATION.days,
        today=now().date(),
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
