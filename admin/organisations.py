"""Organisations: what each is to us, who of ours answers for it, and who belongs to it (C53, C67)."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from portal import accounts
from portal.accounts import Organisation, OrganisationKind, Right, User
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import blame, current_person, done, found, page_of, page_url, render, requires, searched

bp = Blueprint("organisations", __name__)
PAGE_SIZE = 50
MEANING = {
    OrganisationKind.INTERNAL: "Internal: a part of ours",
    OrganisationKind.PARTNER: "Partner: an outside organisation that we work with",
    OrganisationKind.VENDOR: "Vendor: an outside organisation that works for us",
}


class OrganisationForm(FlaskForm):
    """What an organisation is to us, and who answers for it."""

    kind = RadioField(
        "Kind",
        choices=[SelectChoice(kind.value, MEANING[kind]) for kind in OrganisationKind],
        default=OrganisationKind.INTERNAL.value,
    )
    sponsor = StringField("Sponsor")


class NewOrganisationForm(OrganisationForm):
    """The same for one that is new."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=120)])


class PersonForm(FlaskForm):
    """Who belongs to an organisation from now on."""

    email = StringField("Email address", [InputRequired("Enter the address of somebody who has an account.")])


@bp.get("/organisations")
@requires(Right.SEE_USERS)
def index() -> ResponseReturnValue:
    """Organisations by name."""
    asked = accounts.organisations_page(
        search=searched(), after_name=request.args.get("after", "")[:120], size=PAGE_SIZE + 1
    )
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "admin/organisations/index.html",
        rows=rows,
        counts=accounts.people_counts(rows),
        next_url=page_url(after=rows[-1].name) if more else None,
    )


@bp.get("/organisations/new")
@requires(Right.EDIT_USERS)
def new() -> ResponseReturnValue:
    """An empty form."""
    return render("admin/organisations/new.html", form=NewOrganisationForm(formdata=None))


@bp.post("/organisations/new")
@requires(Right.EDIT_USERS)
def create() -> ResponseReturnValue:
    """Make an organisation."""
    form, by = NewOrganisationForm(), current_person()
    sponsor = _sponsor(form) if form.validate() else None
    if form.errors:
        return render("admin/organisations/new.html", status=422, form=form)
    try:
        with transaction():
            made = accounts.add_organisation(form.name.data or "", kind=OrganisationKind(form.kind.data), by=by)
            if sponsor is not None:
                accounts.change_organisation(made, kind=made.kind, sponsor=sponsor, by=by)
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        status = 409 if isinstance(refusal, Conflict) else 422
        return render("admin/organisations/new.html", status=status, form=form)
    return done(_page(made.id), "The organisation is made.")


@bp.get("/organisations/<key:organisation_id>")
@requires(Right.SEE_USERS)
def show(organisation_id: int) -> ResponseReturnValue:
    """One organisation, who answers for it and who belongs to it."""
    return _show(_find(organisation_id))


@bp.post("/organisations/<key:organisation_id>")
@requires(Right.EDIT_USERS)
def save(organisation_id: int) -> ResponseReturnValue:
    """Say what it is to us and who answers for it; stages that wait for its sponsor wait for the new one."""
    organisation, form = _find(organisation_id), OrganisationForm()
    sponsor = _sponsor(form) if form.validate() else None
    if form.errors:
        return _show(organisation, form=form, status=422)
    try:
        with transaction():
            accounts.change_organisation(
                organisation, kind=OrganisationKind(form.kind.data), sponsor=sponsor, by=current_person()
            )
    except Invalid as refusal:
        blame(form, refusal)
        return _show(_find(organisation_id), form=form, status=422)
    return done(_page(organisation_id), "The changes are saved.")


@bp.post("/organisations/<key:organisation_id>/people")
@requires(Right.EDIT_USERS)
def add_person(organisation_id: int) -> ResponseReturnValue:
    """Let a person belong to this organisation and no longer to theirs; its sponsor answers for their requests now."""
    organisation, form = _find(organisation_id), PersonForm()
    person = accounts.find_person_by_email((form.email.data or "").strip()) if form.validate() else None
    if person is None:
        form.email.errors = [*form.email.errors] or ["Nobody has an account with this address."]
        return _show(organisation, person_form=form, status=422)
    try:
        with transaction():
            accounts.move_to_organisation(person, organisation, by=current_person())
    except Conflict as refusal:
        form.email.errors = [refusal.message]
        return _show(_find(organisation_id), person_form=form, status=409)
    return done(_page(organisation_id), f"{person.display_name} belongs to it now.")


def _sponsor(form: OrganisationForm) -> User | None:
    """The person whom the form names; an error at the field when there is none."""
    address = (form.sponsor.data or "").strip()
    person = accounts.find_person_by_email(address) if address else None
    if address and person is None:
        form.sponsor.errors = ["Nobody has an account with this address."]
    return person


def _show(
    organisation: Organisation,
    *,
    form: OrganisationForm | None = None,
    person_form: PersonForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    sponsor = organisation.sponsor.email if organisation.sponsor is not None else ""
    people = accounts.people_in(organisation)
    return render(
        "admin/organisations/show.html",
        status=status,
        organisation=organisation,
        form=form or OrganisationForm(formdata=None, kind=organisation.kind.value, sponsor=sponsor),
        person_form=person_form or PersonForm(formdata=None),
        people=people,
        people_count=accounts.people_counts([organisation]).get(organisation.id, 0),
        may_edit=current_person().may(Right.EDIT_USERS),
        meaning=MEANING,
    )


def _page(organisation_id: int) -> str:
    return url_for("admin.organisations.show", organisation_id=organisation_id)


def _find(organisation_id: int) -> Organisation:
    return found(accounts.find_organisation(organisation_id))
