"""Making, changing and activating forms.

A version that was activated never changes: editing it makes the next version, a draft; activating that retires it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.catalog import ApiProduct, Plan, may_edit_product
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record
from portal.forms.fields import NOT_IN_A_LINE
from portal.forms.models import FormDefinition, FormState, FormUse
from portal.forms.reading import read_fields
from portal.forms.standard import STANDARD_FIELDS, STANDARD_KEY, STANDARD_NAME

LONGEST_NAME = 120


def may_edit_form(form: FormDefinition, person: User) -> bool:
    """Whether this person may change the form: as for its product or plan; a form for all is the administrators'."""
    if form.product is not None:
        return may_edit_product(form.product, person)
    return person.may(Right.EDIT_PLANS) if form.plan_id is not None else person.may(Right.EDIT_POLICIES)


def find_form(form_id: int) -> FormDefinition | None:
    """The version of a form with this key."""
    return db.session.get(FormDefinition, form_id)


def forms_by_id(ids: Iterable[int]) -> list[FormDefinition]:
    """These versions, in the order of the keys given; those that do not exist are left out."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return []
    found = {form.id: form for form in db.session.scalars(select(FormDefinition).where(FormDefinition.id.in_(wanted)))}
    return [found[number] for number in wanted if number in found]


def versions_of_form(form: FormDefinition) -> Sequence[FormDefinition]:
    """All versions of a form, the newest first."""
    query = select(FormDefinition).where(FormDefinition.key == form.key)
    return db.session.scalars(query.order_by(FormDefinition.version.desc())).all()


def newest_forms() -> Sequence[FormDefinition]:
    """The newest version of each form, those for all products and plans first, by name."""
    newest = select(func.max(FormDefinition.id)).group_by(FormDefinition.key)
    query = select(FormDefinition).where(FormDefinition.id.in_(newest))
    query = query.options(joinedload(FormDefinition.product), joinedload(FormDefinition.plan))
    found = db.session.scalars(query).all()
    return sorted(found, key=lambda f: (f.product_id is not None or f.plan_id is not None, f.name.casefold(), f.id))


def active_versions() -> dict[str, int]:
    """The version in force of each form that has one, by the form's key."""
    query = select(FormDefinition.key, FormDefinition.version).where(FormDefinition.state == FormState.ACTIVE)
    return {row.key: row.version for row in db.session.execute(query)}


def standard_form() -> FormDefinition | None:
    """The standard form's version in force; None before anybody has used it."""
    return in_force([STANDARD_KEY]).get(STANDARD_KEY)


def ensure_standard() -> FormDefinition:
    """The standard form's version in force, put there if it is not yet."""
    if (standing := standard_form()) is not None:
        return standing
    form = FormDefinition(key=STANDARD_KEY, name=STANDARD_NAME, fields=STANDARD_FIELDS, state=FormState.DRAFT)
    form.move_to(FormState.ACTIVE)
    try:
        with db.session.begin_nested():
            db.session.add(form)
    except IntegrityError:  # somebody else has at this moment
        return in_force([STANDARD_KEY])[STANDARD_KEY]
    return form


def create_form(
    name: str,
    fields: Sequence[Mapping[str, Any]] = (),
    *,
    by: User | None,
    product: ApiProduct | None = None,
    plan: Plan | None = None,
) -> FormDefinition:
    """A new form, as a draft; of a product, of a plan, or for all."""
    form = FormDefinition(key=secrets.token_hex(8), name=_name(name), product=product, plan=plan, made_by=by)
    form.fields = _stored(fields)
    if by is not None and not may_edit_form(form, by):
        raise NotAllowed("You cannot make this form.")
    db.session.add(form)
    db.session.flush()
    record(EventKind.FORM_CREATED, subject=form, by=by, after={"name": form.name, "fields": _labels(form.fields)})
    return form


def change_form(
    form: FormDefinition,
    name: str,
    fields: Sequence[Mapping[str, Any]],
    *,
    by: User | None,
    revision: int | None = None,
) -> FormDefinition:
    """Change a draft. Raises BadFields, or Conflict for a version that was activated or changed meanwhile."""
    form = _locked(form, by, revision)
    wanted_name, wanted = _name(name), _stored(fields)
    if not form.is_draft:
        raise Conflict(f"{form.label} is {form.state}: it never changes. Make a new version instead.")
    if (form.name, form.fields) == (wanted_name, wanted):
        return form
    before = {"name": form.name, "fields": _labels(form.fields)}
    form.name, form.fields, form.updated_at = wanted_name, wanted, now()
    db.session.flush()
    after = {"name": form.name, "fields": _labels(form.fields)}
    record(EventKind.FORM_CHANGED, subject=form, by=by, before=before, after=after)
    return form


def new_version(form: FormDefinition, *, by: User | None) -> FormDefinition:
    """A draft to edit, with what this version says; the one that is there already, if there is one."""
    form = _locked(form, by, None)
    versions = versions_of_form(form)
    if versions[0].is_draft:
        return versions[0]
    draft = FormDefinition(
        key=form.key,
        version=versions[0].version + 1,
        name=form.name,
        fields=form.fields,
        product_id=form.product_id,
        plan_id=form.plan_id,
        made_by=by,
    )
    db.session.add(draft)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict("Somebody else is making a new version at this moment. Look again.") from error
    record(EventKind.FORM_CREATED, subject=draft, by=by, after={"name": draft.name, "made from": form.label})
    return draft


def activate_form(form: FormDefinition, *, by: User | None, revision: int | None = None) -> FormDefinition:
    """Ask this version from now on; the one before it retires. Requests keep the version they were filled with."""
    form = _locked(form, by, revision)
    if not form.fields:
        raise Invalid("A form without fields asks nothing. Add at least one.", field="fields")
    before = in_force([form.key]).get(form.key)
    if before is not None and before.id != form.id:
        before.move_to(FormState.RETIRED)
        db.session.flush()
    form.move_to(FormState.ACTIVE)
    db.session.flush()
    record(
        EventKind.FORM_ACTIVATED,
        subject=form,
        by=by,
        before={"version": before.version if before else None},
        after={"version": form.version},
    )
    return form


def discard_form(form: FormDefinition, *, by: User | None) -> None:
    """Throw a draft away; what is active stays. A form that never was active is gone, and asked by nobody."""
    form = _locked(form, by, None)
    if not form.is_draft:
        raise Conflict(f"{form.label} is {form.state}, and stays in the record.")
    if len(versions_of_form(form)) == 1:
        for use in db.session.scalars(select(FormUse).where(FormUse.form_key == form.key)):
            db.session.delete(use)
    record(EventKind.FORM_DISCARDED, subject=form, by=by, before={"fields": _labels(form.fields)})
    db.session.delete(form)
    db.session.flush()


def in_force(keys: Sequence[str]) -> dict[str, FormDefinition]:
    """The version of each of these forms that is asked now."""
    query = select(FormDefinition).where(FormDefinition.key.in_(keys), FormDefinition.state == FormState.ACTIVE)
    return {form.key: form for form in db.session.scalars(query)} if keys else {}


def _locked(form: FormDefinition, by: User | None, revision: int | None) -> FormDefinition:
    db.session.flush()
    fresh = lock(FormDefinition, form.id)
    if fresh is None:
        raise NotFound("This form is no longer there.")
    if by is not None and not may_edit_form(fresh, by):
        raise NotAllowed("Only those who may change its product or plan, or administrators, can change this form.")
    if revision is not None and fresh.revision != revision:
        raise Conflict("Somebody else has changed this form since you opened it. Look at it again before you save.")
    return fresh


def _name(name: str) -> str:
    text = name.strip()
    if is_blank(text):
        raise Invalid("Give the form a name.", field="name")
    if len(text) > LONGEST_NAME or NOT_IN_A_LINE.search(text):
        raise Invalid(f"The name must be one line of at most {LONGEST_NAME} characters.", field="name")
    return text


def _stored(fields: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [field.stored() for field in read_fields(fields)]


def _labels(fields: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(field.get("label", "")) for field in fields]
