"""Reviewer groups: who answers which reviews together (C34)."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from portal import accounts
from portal.accounts import ReviewerGroup, Right
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, render, requires

bp = Blueprint("groups", __name__)


class GroupForm(FlaskForm):
    """What a new group is called."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=120)])
    key = StringField("Key", [InputRequired("Enter a key."), Length(max=40)])
    description = StringField("Description", [Length(max=300)])


class MemberForm(FlaskForm):
    """Who joins a group."""

    email = StringField("Email address", [InputRequired("Enter the address of somebody who has an account.")])


@bp.get("/groups")
@requires(Right.SEE_USERS)
def index() -> ResponseReturnValue:
    """All reviewer groups, with how many people are in each."""
    return render("admin/groups/index.html", groups=accounts.groups())


@bp.get("/groups/new")
@requires(Right.EDIT_USERS)
def new() -> ResponseReturnValue:
    """An empty form."""
    return render("admin/groups/new.html", form=GroupForm(formdata=None))


@bp.post("/groups/new")
@requires(Right.EDIT_USERS)
def create() -> ResponseReturnValue:
    """Make a group that nobody is in yet."""
    form = GroupForm()
    if not form.validate():
        return render("admin/groups/new.html", status=422, form=form)
    values = {"name": form.name.data or "", "description": form.description.data or ""}
    try:
        with transaction():
            group = accounts.add_group((form.key.data or "").strip(), **values, by=current_person())
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return render("admin/groups/new.html", status=409 if isinstance(refusal, Conflict) else 422, form=form)
    return done(_page(group.key), "The group is made. Add the people who are in it.")


@bp.get("/groups/<slug:key>")
@requires(Right.SEE_USERS)
def show(key: str) -> ResponseReturnValue:
    """One group and its members."""
    return _show(_find(key), MemberForm(formdata=None))


@bp.post("/groups/<slug:key>/members")
@requires(Right.EDIT_USERS)
def add_member(key: str) -> ResponseReturnValue:
    """Put a person into the group; what waits for the group waits for them too, from now on."""
    group, form = _find(key), MemberForm()
    if not form.validate():
        return _show(group, form, status=422)
    person = accounts.find_person_by_email((form.email.data or "").strip())
    if person is None:
        form.email.errors = [*form.email.errors, "Nobody has an account with this address."]
        return _show(group, form, status=422)
    try:
        with transaction():
            accounts.join_group(group, person, by=current_person())
    except (Conflict, Invalid) as refusal:
        form.email.errors = [*form.email.errors, refusal.message]
        return _show(_find(key), form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(_page(key), f"{person.display_name} is in the group. What waits for it waits for them too.")


@bp.post("/groups/<slug:key>/members/<key:user_id>/remove")
@requires(Right.EDIT_USERS)
def remove_member(key: str, user_id: int) -> ResponseReturnValue:
    """Take a person out of the group; nothing waits for them there any more."""
    group, person = _find(key), found(accounts.find_person(user_id))
    with transaction():
        accounts.leave_group(group, person, by=current_person())
    return done(_page(key), f"{person.display_name} is no longer in the group.")


def _show(group: ReviewerGroup, form: MemberForm, *, status: int = 200) -> ResponseReturnValue:
    may_edit = current_person().may(Right.EDIT_USERS)
    return render("admin/groups/show.html", status=status, group=group, form=form, may_edit=may_edit)


def _page(key: str) -> str:
    return url_for("admin.groups.show", key=key)


def _find(key: str) -> ReviewerGroup:
    return found(accounts.find_group(key))
